import { OciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { type DescriptorDocument, type IndexDocument, indexDocument } from '../../oci/document/manifest-document.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform, satisfiesPlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { noMatch } from '../resolve.ts';
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

export interface FilterIndexOptions extends EditOptions {
  /** Whether nothing at all may stay. @default false: an error, which lists what there is */
  readonly allowEmpty?: boolean | undefined;
  /** What becomes of attestations of images that stay. crane drops them, since their platform is unknown. @default 'keep' */
  readonly attestations?: 'keep' | 'drop' | undefined;
}

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;

/**
 * An index with only the entries that fit one of the platforms; what a platform leaves open fits anything. Entries that
 * state no platform go, as with crane; indexes within are filtered, and go when nothing of them stays. Where all stays the
 * result has the same root. crane-cli reference, section 9.13.
 *
 * @throws {OciError} `NO_MATCHING_PLATFORM` when nothing would stay, listing what there is; `UNSUPPORTED` for what is no
 *   index; `LIMIT_EXCEEDED` for indexes nested too deep; `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function filterIndex(
  index: Artifact,
  platforms: readonly Platform[],
  options: FilterIndexOptions = {},
): Promise<Artifact> {
  const run = new FilterRun(index, platforms, options);
  const root = await run.filter(index.root, 0);
  if (root === undefined && options.allowEmpty !== true) throw noMatch(platforms, index.root, run.seen);
  const target = root ?? (await run.empty());
  return target.digest === index.root.digest ? index : artifactOf(index.store, target, run.made);
}

/** One pass over an index and the indexes within. */
class FilterRun {
  readonly made: MadeContent[] = [];
  /** Entries that state a platform. */
  readonly seen: Descriptor[] = [];
  readonly #index: Artifact;
  readonly #platforms: readonly Platform[];
  readonly #options: FilterIndexOptions;
  /** By their former digest: an index may list one many times, over and over in the indexes below. */
  readonly #done = new Map<Digest, Descriptor | undefined>();

  constructor(index: Artifact, platforms: readonly Platform[], options: FilterIndexOptions) {
    this.#index = index;
    this.#platforms = platforms;
    this.#options = options;
  }

  /** @returns `undefined` when nothing stays */
  async filter(root: Descriptor, depth: number): Promise<Descriptor | undefined> {
    if (this.#done.has(root.digest)) return this.#done.get(root.digest);
    if (depth > maxDepth) {
      throw new OciError('LIMIT_EXCEEDED', `Index ${root.digest} is nested more than ${maxDepth} levels deep`);
    }
    const before = await openIndexDocument({ store: this.#index.store, root }, this.#options);
    const entries = before.document.manifests ?? [];
    const kept = new Map<number, DescriptorDocument>();
    for (const [position, entry] of entries.entries()) {
      const stays = await this.#filterEntry(entry, root, depth);
      if (stays !== undefined) kept.set(position, stays);
    }
    const target = kept.size === 0 ? undefined : this.#write(root, before, this.#withAttestations(entries, kept));
    this.#done.set(root.digest, target);
    return target;
  }

  /** The index without entries: `[]`, where crane writes `null`, which is no list. */
  async empty(): Promise<Descriptor> {
    return this.#write(this.#index.root, await openIndexDocument(this.#index, this.#options), []);
  }

  async #filterEntry(
    entry: DescriptorDocument,
    parent: Descriptor,
    depth: number,
  ): Promise<DescriptorDocument | undefined> {
    const target = contentOf(entry, `An entry of ${parent.digest}`);
    if (isIndexType(target.mediaType)) {
      const filtered = await this.filter(target, depth + 1);
      const bytes = this.made.find((one) => one.target.digest === filtered?.digest)?.bytes;
      return filtered === undefined || bytes === undefined ? filtered && entry : redescribe(entry, bytes);
    }
    if (entry.platform === undefined || aboutOf(entry) !== undefined) return undefined;
    const { os = '', architecture = '', ...more } = entry.platform;
    const platform = { ...more, os, architecture };
    this.seen.push({ ...target, platform });
    const fits = this.#platforms.some((wanted) => formatPlatform(wanted) !== '' && satisfiesPlatform(platform, wanted));
    return fits ? entry : undefined;
  }

  #withAttestations(
    entries: readonly DescriptorDocument[],
    kept: Map<number, DescriptorDocument>,
  ): readonly DescriptorDocument[] {
    const digests = new Set<string | undefined>(Array.from(kept.keys(), (position) => entries[position]?.digest));
    for (const [position, entry] of entries.entries()) {
      const about = aboutOf(entry);
      if (this.#options.attestations !== 'drop' && about !== undefined && digests.has(about)) kept.set(position, entry);
    }
    return Array.from(kept)
      .sort(([a], [b]) => a - b)
      .map(([, entry]) => entry);
  }

  #write(root: Descriptor, before: OpenDocument<IndexDocument>, manifests: readonly DescriptorDocument[]): Descriptor {
    const bytes = encodeEdited(indexDocument, before, { ...before.document, manifests }, this.#options);
    const target = redescribeRoot(root, bytes);
    if (target.digest !== root.digest) this.made.push({ target, bytes });
    return target;
  }
}

/** The image that an entry is about: BuildKit lists attestations so. */
function aboutOf(entry: DescriptorDocument): string | undefined {
  return entry.annotations?.get(annotationKeys.dockerReference);
}
