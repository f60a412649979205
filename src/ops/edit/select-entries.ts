import { OciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { type DescriptorDocument, type IndexDocument, indexDocument } from '../../oci/document/manifest-document.ts';
import { isIndexType } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import {
  artifactOf,
  contentOf,
  type EditOptions,
  encodeEdited,
  type MadeContent,
  type OpenDocument,
  openIndexDocument,
  redescribe,
  redescribeRoot,
} from './documents.ts';

/**
 * What becomes of an entry. One that belongs to another, as attestations do, may follow it: it stays as long as that one is
 * listed beside it. Of an index that stays the entries are looked at in turn.
 */
export type EntryFate = 'stay' | 'go' | 'follow';

/** What an entry belongs to. */
export interface EntryOwner {
  readonly digest: string;
  /** Whether it is listed beside it. */
  readonly isListed: boolean;
}

/** @param entry has the platform that the index states, if it states one */
export type EntryRule = (entry: Descriptor, owner: EntryOwner | undefined) => EntryFate;

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;

/**
 * An index without some of its entries, and of the entries of indexes within; one of which nothing stays goes itself. What
 * stays keeps its bytes. Where all stays the result has the same root.
 *
 * @returns `undefined` when nothing would stay
 */
export async function selectEntries(
  index: Artifact,
  rule: EntryRule,
  options: EditOptions,
): Promise<Artifact | undefined> {
  const run = new SelectionRun(index, rule, options);
  const root = await run.select(index.root, 0);
  if (root === undefined || root.digest === index.root.digest) return root && index;
  return artifactOf(index.store, root, run.made);
}

/** An index without entries: `[]`, where crane writes `null`, which is no list. */
export async function withoutEntries(index: Artifact, options: EditOptions): Promise<Artifact> {
  const before = await openIndexDocument(index, options);
  const bytes = encodeEdited(indexDocument, before, { ...before.document, manifests: [] }, options);
  const target = redescribeRoot(index.root, bytes);
  return target.digest === index.root.digest ? index : artifactOf(index.store, target, [{ target, bytes }]);
}

/** One pass over an index and the indexes within. */
class SelectionRun {
  readonly made: MadeContent[] = [];
  readonly #index: Artifact;
  readonly #rule: EntryRule;
  readonly #options: EditOptions;
  /** By their former digest: an index may list one many times, over and over in the indexes below. */
  readonly #done = new Map<Digest, Descriptor | undefined>();
  /** Digests of entries that stay, here and in indexes within: what is attached to an image may be listed above its index. */
  readonly #stayed = new Set<string>();

  constructor(index: Artifact, rule: EntryRule, options: EditOptions) {
    this.#index = index;
    this.#rule = rule;
    this.#options = options;
  }

  /** @returns `undefined` when nothing stays */
  async select(root: Descriptor, depth: number): Promise<Descriptor | undefined> {
    if (this.#done.has(root.digest)) return this.#done.get(root.digest);
    if (depth > maxDepth) {
      throw new OciError('LIMIT_EXCEEDED', `Index ${root.digest} is nested more than ${maxDepth} levels deep`);
    }
    const before = await openIndexDocument({ store: this.#index.store, root }, this.#options);
    const entries = before.document.manifests ?? [];
    const kept = new Map<number, DescriptorDocument>();
    const following = new Map<number, string>();
    const listed = new Set<string | undefined>(entries.map(({ digest }) => digest));
    for (const [position, entry] of entries.entries()) {
      const digest = ownerOf(entry);
      const owner = digest === undefined ? undefined : { digest, isListed: listed.has(digest) };
      const fate = this.#rule(describedBy(entry, root), owner);
      if (fate === 'follow' && digest !== undefined) following.set(position, digest);
      const stays = fate === 'stay' ? await this.#within(entry, root, depth) : undefined;
      if (stays === undefined) continue;
      kept.set(position, stays);
      if (entry.digest !== undefined) this.#stayed.add(entry.digest);
    }
    const manifests = entries.flatMap((entry, position) => {
      const follows = this.#stayed.has(following.get(position) ?? '');
      return kept.get(position) ?? (follows ? [entry] : []);
    });
    const target = kept.size === 0 ? undefined : this.#write(root, before, manifests);
    this.#done.set(root.digest, target);
    return target;
  }

  async #within(entry: DescriptorDocument, parent: Descriptor, depth: number): Promise<DescriptorDocument | undefined> {
    const target = contentOf(entry, `An entry of ${parent.digest}`);
    if (!isIndexType(target.mediaType)) return entry;
    const selected = await this.select(target, depth + 1);
    if (selected === undefined || selected.digest === target.digest) return selected && entry;
    const bytes = this.made.find((one) => one.target.digest === selected.digest)?.bytes;
    return bytes === undefined ? undefined : redescribe(entry, bytes);
  }

  #write(root: Descriptor, before: OpenDocument<IndexDocument>, manifests: readonly DescriptorDocument[]): Descriptor {
    const bytes = encodeEdited(indexDocument, before, { ...before.document, manifests }, this.#options);
    const target = redescribeRoot(root, bytes);
    if (target.digest !== root.digest) this.made.push({ target, bytes });
    return target;
  }
}

/**
 * The manifest that an entry belongs to. BuildKit lists attestations so; in layouts, lists of referrers and what cosign
 * attaches have names made from a digest.
 */
function ownerOf(entry: DescriptorDocument): string | undefined {
  const stated = entry.annotations?.get(annotationKeys.dockerReference);
  if (stated !== undefined) return stated;
  const name = entry.annotations?.get(annotationKeys.refName) ?? '';
  const [, algorithm, hex] = /^(sha256)-([a-f0-9]{64})(?:\.|$)/.exec(name) ?? [];
  return hex === undefined ? undefined : `${algorithm}:${hex}`;
}

function describedBy(entry: DescriptorDocument, parent: Descriptor): Descriptor {
  const target = contentOf(entry, `An entry of ${parent.digest}`);
  if (entry.platform === undefined) return target;
  const { os = '', architecture = '', ...more } = entry.platform;
  return { ...target, platform: { ...more, os, architecture } };
}
