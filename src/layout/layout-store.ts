import { resolve } from 'node:path';
import type { ByteSource, ByteStream } from '../content/bytes.ts';
import type { LockOptions } from '../content/file-lock.ts';
import { digestOf } from '../content/hash.ts';
import { maxManifestSize } from '../content/limit.ts';
import { collectVerified } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import {
  type EntryOptions,
  entryOf,
  findEntry,
  singleEntry,
  tagsOf,
  withEntry,
  withoutEntries,
  withoutTag,
  withEntryReplaced,
} from '../oci/image-layout.ts';
import { type ImageIndex, manifestTypeOf, parseManifest } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { Referrer } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type {
  Deleter,
  EntryLister,
  ListedTag,
  RangeFetcher,
  ReferrerKeeper,
  ReferrerLister,
  ReferrerListOptions,
  TagLister,
  TagListOptions,
  SelfAware,
  TargetLister,
} from '../store/capabilities.ts';
import { identifyManifest } from '../store/identify.ts';
import { LayoutReferrers } from '../store/layout-referrers.ts';
import { MemoryStore } from '../store/memory.ts';
import { OverlayStore } from '../store/overlay.ts';
import type { ContentStore } from '../store/store.ts';
import { BlobDirectory } from './blobs.ts';
import { IndexFile } from './index-file.ts';
import { keepReferrers } from './keep-referrers.ts';
import { openWriter } from './writers.ts';

export interface LayoutOptions extends CallOptions {
  /** How long to wait for other processes that change the same layout. @default a minute, ten seconds for a dead one */
  readonly lock?: Pick<LockOptions, 'staleAfter' | 'patience'> | undefined;
}

export interface AppendOptions extends EntryOptions, CallOptions {}

/**
 * Opens an existing layout.
 *
 * @throws {OciError} `INVALID_LAYOUT` when there is no usable `index.json`, `UNSUPPORTED` for another version of the format
 */
export async function openLayout(path: string, options: LayoutOptions = {}): Promise<LayoutStore> {
  await new IndexFile(path).check(options);
  return new LayoutStore(path, options);
}

/**
 * Makes an empty layout, the directory included.
 *
 * @throws {OciError} `CONFLICT` when there is one already
 */
export async function createLayout(path: string, options: LayoutOptions = {}): Promise<LayoutStore> {
  const store = new LayoutStore(path, options);
  if ((await new IndexFile(path).readBytes(options)) !== undefined) {
    throw new OciError('CONFLICT', `${quoted(path)} is an OCI image layout already`);
  }
  await store.initialize(options);
  return store;
}

/**
 * Opens a layout, or makes ready to write a new one: nothing is on the disk until the first push, and there is no
 * `index.json` until the first entry.
 *
 * @throws {OciError} as {@link openLayout}, when there is an `index.json`
 */
export async function openOrCreateLayout(path: string, options: LayoutOptions = {}): Promise<LayoutStore> {
  const index = new IndexFile(path);
  if ((await index.readBytes(options)) !== undefined) await index.check(options);
  return new LayoutStore(path, options);
}

/**
 * A directory in the OCI image layout. OCI image-spec, image-layout.md. Several processes may use one at the same time:
 * content is written to temporary files that are renamed, and `index.json` is replaced under a lock. A tag is the name of an
 * entry; a manifest without an entry is found by its digest.
 */
export class LayoutStore
  implements
    ContentStore,
    TagLister,
    TargetLister,
    EntryLister,
    ReferrerLister,
    ReferrerKeeper,
    Deleter,
    RangeFetcher,
    SelfAware
{
  readonly path: string;
  readonly #blobs: BlobDirectory;
  readonly #index: IndexFile;
  readonly #referrers: LayoutReferrers = new LayoutReferrers(this);

  constructor(path: string, { lock }: LayoutOptions = {}) {
    this.path = path;
    this.#blobs = new BlobDirectory(path);
    this.#index = new IndexFile(path, lock);
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const index = await this.#index.read(options);
    if (!isDigest(reference)) {
      const entry = findEntry(index, reference, quoted(this.path));
      if (entry === undefined) throw this.#notFound(`Nothing is named ${quoted(reference)}`);
      return entry;
    }
    const entry = index.manifests.find(({ digest }) => digest === reference);
    const isThere = entry !== undefined && (await this.#blobs.sizeOf(reference)) !== undefined;
    return isThere ? entry : this.#resolveUnlisted(reference, options);
  }

  /**
   * The only entry, as `crane push DIR` wants it. What is attached to it, referrers and digest tags, does not count.
   *
   * @throws {OciError} `NOT_FOUND` when there is none, `AMBIGUOUS` when there are several, listing them
   */
  async resolveSingle(options: CallOptions = {}): Promise<Descriptor> {
    const index = await this.#referrers.withoutAttached(await this.#index.read(options), options);
    return singleEntry(index, `The layout ${quoted(this.path)}`);
  }

  /** Whether there is an `index.json`. */
  async isThere(options: CallOptions = {}): Promise<boolean> {
    return (await this.#index.readBytes(options)) !== undefined;
  }

  /** What `index.json` lists, in its order. */
  async entries(options: CallOptions = {}): Promise<readonly Descriptor[]> {
    return (await this.#index.read(options)).manifests;
  }

  /**
   * `index.json` itself as an index, byte for byte: what `crane push --index` pushes.
   *
   * @throws {OciError} `INVALID_LAYOUT`
   */
  async indexArtifact(options: CallOptions = {}): Promise<Artifact> {
    await this.#index.check(options);
    const bytes = (await this.#index.readBytes(options)) ?? new Uint8Array(0);
    const mediaType = manifestTypeOf(bytes, mediaTypes.ociIndex);
    const upper = new MemoryStore();
    const root = await upper.add(bytes, mediaType);
    return { store: new OverlayStore(upper, this), root };
  }

  async stat({ mediaType, digest }: ContentId, options: CallOptions = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted();
    const size = await this.#blobs.sizeOf(digest);
    return size === undefined ? undefined : { mediaType, digest, size };
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    return this.#blobs.read(target, options);
  }

  async fetchRange(target: Descriptor, start: number, end: number, options: CallOptions = {}): Promise<ByteStream> {
    return this.#blobs.readRange(target, start, end, options);
  }

  /** A file of the stated size under the digest's name is trusted; one of another size is replaced. */
  async push(expected: Descriptor, content: ByteSource, options: CallOptions = {}): Promise<void> {
    await this.#blobs.write(expected, content, options);
  }

  async tag(target: Descriptor, reference: string, options: CallOptions = {}): Promise<void> {
    await this.append(target, { ...options, refName: reference });
  }

  /**
   * Lists a manifest that was pushed. The entry replaces one with its name, or a nameless one with its digest; all other
   * entries and all unknown fields stay.
   *
   * @throws {OciError} `NOT_FOUND` when the manifest is not there
   */
  async append(target: Descriptor, options: AppendOptions = {}): Promise<void> {
    // What is found here must not be collected before it is listed.
    const writer = await this.announceWriter(options);
    try {
      const entry = await this.#entryFor(target, options);
      await this.#index.update((index) => withEntry(index, entry), options);
    } finally {
      await writer[Symbol.asyncDispose]();
    }
  }

  /**
   * Lists a manifest that was pushed in place of another one, under the names that has. Where the other is not listed, and
   * where it is the same, this is {@link append}.
   *
   * @throws {OciError} `NOT_FOUND` when the manifest is not there
   */
  async replace(old: Digest, target: Descriptor, options: CallOptions = {}): Promise<void> {
    // As in append.
    const writer = await this.announceWriter(options);
    try {
      const entry = await this.#entryFor(target, options);
      await this.#index.update((index) => withEntryReplaced(index, old, entry), options);
    } finally {
      await writer[Symbol.asyncDispose]();
    }
  }

  /**
   * Replaces all that `index.json` says, unless somebody has changed it since it was read. The entries' content has to be
   * there. A new layout is made when there is none.
   *
   * @param before the digest of {@link indexArtifact}'s root; `undefined` when there was no `index.json`
   * @returns `false` when it is not the same any more: then nothing was changed
   */
  async replaceIndex(before: Digest | undefined, index: ImageIndex, options: CallOptions = {}): Promise<boolean> {
    await this.#blobs.prepareRoot();
    let isCurrent = true;
    await this.#index.update((_, bytes) => {
      isCurrent = (bytes && digestOf(bytes)) === before;
      return isCurrent ? index : undefined;
    }, options);
    return isCurrent;
  }

  /**
   * Shows other processes, until it is disposed of, that content is being added which `index.json` does not list yet, so that
   * {@link collectGarbage} leaves it alone. To be called before the first look at what is there already. Without it, content
   * is safe once it is listed.
   */
  async announceWriter(options: CallOptions = {}): Promise<AsyncDisposable> {
    return openWriter(this.path, this.#index, options);
  }

  readonly refusesIncomplete = false;

  isSameStore(source: unknown): boolean {
    return source instanceof LayoutStore && resolve(source.path) === resolve(this.path);
  }

  async *tags({ last, signal }: TagListOptions = {}): AsyncGenerator<readonly string[]> {
    const all = tagsOf(await this.#index.read({ signal }));
    yield last === undefined ? all : all.filter((tag) => tag > last);
  }

  async *tagTargets({ signal }: CallOptions = {}): AsyncGenerator<readonly ListedTag[]> {
    const index = await this.#index.read({ signal });
    const targetOf = (tag: string): Descriptor | undefined => {
      try {
        return findEntry(index, tag, quoted(this.path));
      } catch {
        // One that names several manifests says so when it is resolved.
        return undefined;
      }
    };
    yield tagsOf(index).map((tag) => ({ tag, target: targetOf(tag) }));
  }

  /** Found are those that are listed: by themselves, as ORAS does it, or under the referrers tag, as regctl does. */
  async referrers({ digest }: ContentId, options: ReferrerListOptions = {}): Promise<readonly Descriptor[]> {
    options.signal?.throwIfAborted();
    return this.#referrers.of(await this.#index.read(options), digest, options);
  }

  /** Lists referrers in both ways that other programs know. */
  async keepReferrers(referrers: readonly Referrer[], options: CallOptions = {}): Promise<void> {
    await keepReferrers(this.#index, this, referrers, options);
  }

  async deleteManifest(digest: Digest, options: CallOptions = {}): Promise<void> {
    await this.resolve(digest, options);
    await this.#index.update((index) => withoutEntries(index, (entry) => entry.digest === digest), options);
    await this.#blobs.delete(digest);
  }

  /** The manifest stays listed without the name, unless another entry lists it too. */
  async deleteTag(tag: string, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (findEntry(await this.#index.read(options), tag, quoted(this.path)) === undefined) {
      throw this.#notFound(`Nothing is named ${quoted(tag)}`);
    }
    await this.#index.update((index) => withoutTag(index, tag), options);
  }

  async deleteBlob(digest: Digest, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!(await this.#blobs.delete(digest))) throw this.#notFound(`No blob has the digest ${digest}`);
  }

  /** Writes what makes an empty directory an empty layout. */
  async initialize(options: CallOptions = {}): Promise<void> {
    await this.#blobs.prepareRoot();
    await this.#index.update((index) => index, options);
  }

  /**
   * Clears up after a failure: when there is no `index.json` yet, the content that this store wrote goes, with the
   * directories it made. In a layout that has one the content stays, and the next try finds it there; so it does where
   * another process is seen to fill the same directory.
   */
  async discardUnfinished(): Promise<void> {
    if ((await this.#index.readBytes()) !== undefined) return;
    await this.#index.rollback();
    await this.#blobs.rollback();
  }

  async #entryFor(target: Descriptor, options: AppendOptions): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const size = await this.#blobs.sizeOf(target.digest);
    if (size === undefined) throw this.#notFound(`No manifest has the digest ${target.digest}`);
    const bytes = await collectVerified(await this.#blobs.read(target, options), target, maxManifestSize);
    return entryOf(target, parseManifest(bytes, target), options);
  }

  /** Manifests below an index, or pushed and not listed yet: the file shows what it is. */
  async #resolveUnlisted(digest: Digest, options: CallOptions): Promise<Descriptor> {
    const size = await this.#blobs.sizeOf(digest);
    if (size !== undefined) {
      const found = await identifyManifest(digest, size, (target) => this.#blobs.read(target, options));
      if (found !== undefined) return found;
    }
    throw this.#notFound(`No manifest has the digest ${digest}`);
  }

  #notFound(message: string): OciError {
    return new OciError('NOT_FOUND', `${message} in the layout ${quoted(this.path)}`);
  }
}
