import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { isOciError, messageOf, OciError, quoted } from '../../errors.ts';
import { type LayoutStore, openLayout, openOrCreateLayout } from '../../layout/layout-store.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { layoutIndexName, layoutMarkerName } from '../../oci/image-layout.ts';
import type { Digest } from '../../oci/digest.ts';
import { childrenOf } from '../../oci/manifest.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { manifestOf } from '../../ops/read.ts';
import type { CallOptions } from '../../options.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import type { ListedManifest } from '../../remote/listing/repository-page.ts';
import {
  joinPaths,
  type ListedTree,
  type Tree,
  type TreeRepository,
  type TreeTarget,
  type TreeWalkOptions,
} from './tree.ts';

/** What lies in a layout beside what may lie below it. */
const ownNames: ReadonlySet<string> = new Set(['blobs', layoutIndexName, layoutMarkerName]);

/** Directories in directories; names of repositories are shorter. */
const maxDepth = 128;

/** A directory with an OCI image layout for each repository, at its path. */
export class LayoutTree implements ListedTree {
  readonly name: string;
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    this.name = `oci:${directory}`;
  }

  nameOf(path: string): string {
    return `oci:${this.#directoryOf(path)}`;
  }

  shortNameOf(path: string): string {
    return this.nameOf(path);
  }

  pathOf(other: Tree): string | undefined {
    if (!(other instanceof LayoutTree)) return undefined;
    const path = relative(resolve(this.directory), resolve(other.directory)).split(sep);
    return path[0] === '..' ? undefined : path.join('/');
  }

  /** Symbolic links are not followed: they could lead in circles. */
  async *walk(options: TreeWalkOptions): AsyncGenerator<TreeRepository, void> {
    let isEmpty = true;
    for await (const found of this.#below('', options, 0)) {
      isEmpty = false;
      if (found !== undefined) yield found;
    }
    if (isEmpty) throw this.#nothing();
  }

  async listRoot(options: CallOptions): Promise<TreeRepository> {
    const entries = await this.#entriesOf('');
    const children: string[] = [];
    for (const name of this.#foldersIn(entries)) if (await this.#holdsLayout(name, options, 1)) children.push(name);
    if (isLayout(entries)) {
      const listing = await layoutListing(await openLayout(this.directory, options), '', options);
      return { path: '', listing: { ...listing, children } };
    }
    if (children.length === 0) throw this.#nothing();
    const none = { name: '', tags: [], manifests: new Map(), listsManifests: true, listsChildren: true };
    return { path: '', listing: { ...none, children } };
  }

  async source(path: string): Promise<LayoutStore> {
    return openLayout(this.#directoryOf(path));
  }

  async target(path: string): Promise<TreeTarget> {
    const taken = path.split('/').find((name) => ownNames.has(name));
    if (taken !== undefined) {
      throw new OciError(
        'CONFLICT',
        `${quoted(path)} cannot be a layout below ${quoted(this.directory)}: ${taken} is a part of layouts`,
        {
          hint: 'Leave it out with --exclude, and copy it to a directory of its own',
        },
      );
    }
    const store = await openOrCreateLayout(this.#directoryOf(path));
    let writer: AsyncDisposable | undefined;
    return {
      store,
      takesAll: true,
      list: async (options) => ((await store.isThere(options)) ? layoutListing(store, path, options) : undefined),
      begin: async (options) => {
        writer = await store.announceWriter(options);
      },
      async keep(untagged, options) {
        const { manifests } = await layoutListing(store, path, options);
        for (const root of untagged) if (!manifests.has(root.digest)) await store.append(root, options);
      },
      async [Symbol.asyncDispose]() {
        await writer?.[Symbol.asyncDispose]();
        await store.discardUnfinished();
      },
    };
  }

  /** `undefined` for a layout that is left out. */
  async *#below(
    path: string,
    options: TreeWalkOptions,
    depth: number,
  ): AsyncGenerator<TreeRepository | undefined, void> {
    const { filter, skip, signal } = options;
    signal?.throwIfAborted();
    const entries = await this.#entriesOf(path);
    const isPruned = filter.prunes(path) || skip?.(path) === true;
    if (isLayout(entries)) yield !isPruned && filter.wants(path) ? await this.#layoutAt(path, options) : undefined;
    if (isPruned || depth === maxDepth) return;
    for (const name of this.#foldersIn(entries)) yield* this.#below(joinPaths(path, name), options, depth + 1);
  }

  async #holdsLayout(path: string, options: CallOptions, depth: number): Promise<boolean> {
    options.signal?.throwIfAborted();
    const entries = await this.#entriesOf(path);
    if (isLayout(entries)) return true;
    if (depth === maxDepth) return false;
    for (const name of this.#foldersIn(entries)) {
      if (await this.#holdsLayout(joinPaths(path, name), options, depth + 1)) return true;
    }
    return false;
  }

  /** Where layouts may lie. */
  #foldersIn(entries: readonly Dirent[]): readonly string[] {
    const taken = isLayout(entries) ? ownNames : new Set<string>();
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    return folders.filter((name) => !name.startsWith('.') && !taken.has(name));
  }

  #nothing(): OciError {
    return new OciError('NOT_FOUND', `There is no OCI layout in the directory ${quoted(this.directory)} or below it`, {
      hint: 'A layout has an index.json; crane pull --format=oci and gcrane copy -r make some',
    });
  }

  async #layoutAt(path: string, { filter, onError, signal }: TreeWalkOptions): Promise<TreeRepository | undefined> {
    try {
      const listing = await layoutListing(await openLayout(this.#directoryOf(path), { signal }), path, { signal });
      return { path, listing: filter.isOpen ? listing : filter.narrow(path, listing) };
    } catch (error) {
      if (onError === undefined || !isOciError(error)) throw error;
      onError(path, error);
      return undefined;
    }
  }

  async #entriesOf(path: string): Promise<readonly Dirent[]> {
    try {
      const entries = await readdir(this.#directoryOf(path), { withFileTypes: true });
      return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      throw new OciError(
        'NOT_FOUND',
        `Could not read the directory ${quoted(this.#directoryOf(path))}: ${messageOf(error)}`,
        {
          cause: error,
          hint: 'Name a directory with OCI layouts',
        },
      );
    }
  }

  #directoryOf(path: string): string {
    return path === '' ? this.directory : join(this.directory, ...path.split('/'));
  }
}

function isLayout(entries: readonly Dirent[]): boolean {
  return entries.some((entry) => entry.name === layoutIndexName && !entry.isDirectory());
}

/** What a layout lists, and the children of its indexes, as a registry tells it. */
async function layoutListing(store: LayoutStore, name: string, options: CallOptions): Promise<RepositoryListing> {
  const tagsOf = new Map<Digest, string[]>();
  for await (const page of store.tagTargets(options)) {
    for (const { tag, target } of page) {
      if (target === undefined) continue;
      const tags = tagsOf.get(target.digest) ?? [];
      tags.push(tag);
      tagsOf.set(target.digest, tags);
    }
  }
  const found = new Map<Digest, ListedManifest>();
  for (const entry of await store.entries(options)) {
    if (found.has(entry.digest) || (await store.stat(entry, options)) === undefined) continue;
    found.set(entry.digest, listed(entry));
    await addChildren(store, entry, found, options);
  }
  for (const [digest, tags] of tagsOf) {
    const known = found.get(digest);
    if (known !== undefined) found.set(digest, { ...known, tags });
  }
  const tags = Array.from(found.values()).flatMap((manifest) => manifest.tags);
  const manifests = new Map(Array.from(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return { name, listsManifests: true, listsChildren: true, children: [], tags: tags.toSorted(), manifests };
}

async function addChildren(
  store: LayoutStore,
  entry: Descriptor,
  found: Map<Digest, ListedManifest>,
  options: CallOptions,
): Promise<void> {
  const waiting = [entry];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!isIndexType(next.mediaType)) continue;
    const manifest = await manifestOf({ store, root: next }, options);
    if (manifest.kind !== 'index') continue;
    for (const child of childrenOf(manifest)) {
      if (found.has(child.digest) || (await store.stat(child, options)) === undefined) continue;
      found.set(child.digest, listed(child));
      waiting.push(child);
    }
  }
}

function listed({ digest, mediaType }: Descriptor): ListedManifest {
  return { digest, mediaType, tags: [] };
}
