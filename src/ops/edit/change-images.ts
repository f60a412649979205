import { Limiter } from '../../async/limiter.ts';
import { type LinkedAbort, linkedAbort } from '../../async/linked-abort.ts';
import { maxManifestSize } from '../../content/limit.ts';
import { collectVerified } from '../../content/verify.ts';
import { OciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import {
  type DescriptorDocument,
  type IndexDocument,
  indexDocument,
  platformDocument,
} from '../../oci/document/manifest-document.ts';
import { isImageType, isIndexType } from '../../oci/media-type.ts';
import { type Platform, satisfiesPlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { ContentStore } from '../../store/store.ts';
import type { ChildFilter } from '../copy-options.ts';
import { noMatch, platformOf } from '../resolve.ts';
import { editedMap } from './collections.ts';
import {
  contentOf,
  type EditOptions,
  encodeEdited,
  type OpenDocument,
  openIndexDocument,
  redescribe,
} from './documents.ts';
import type { MapEdit } from './image-edit.ts';

/**
 * Makes another image of one. What it makes it pushes to the store that {@link changeImages} was given; `image.root` has the
 * platform and annotations that its index states, and the result may have others.
 *
 * @returns the descriptor of the new manifest; the same object when nothing changes
 */
export type ImageChange = (image: Artifact, options: { readonly signal: AbortSignal }) => Promise<Descriptor>;

export interface ChangeImagesOptions extends EditOptions {
  /** Whose images are changed; others stay as they are. @default all */
  readonly platforms?: readonly Platform[] | undefined;
  /** Which entries are looked at; the others stay as they are. @default all */
  readonly includeChild?: ChildFilter | undefined;
  /**
   * What becomes of attestations of an image that gets another digest: their entries name the new one, or still the old one,
   * or they go. The attestation itself is never changed: what it says of the old digest it says no more of the new one.
   *
   * @default 'follow'
   */
  readonly attestations?: 'follow' | 'keep' | 'drop' | undefined;
  /** Annotations of the index. */
  readonly annotations?: MapEdit | undefined;
  /** The new type of an index, whose entries are changed already. @default as it was */
  readonly indexType?: ((mediaType: string, entries: readonly DescriptorDocument[]) => string) | undefined;
  /** How many images are changed at once. @default 4 */
  readonly concurrency?: number | undefined;
}

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;

/**
 * Changes an image, or the images of an index one by one, also in indexes within: never one image in the place of an index.
 * Attestations, images of other platforms, and what is no image, stay as they are. An image that is listed many times is changed
 * once. What is made goes to `upper`; the new artifact is that above the old one, or above whatever else the change takes from.
 *
 * @returns the new root; the old one when nothing changed
 * @throws {OciError} `NO_MATCHING_PLATFORM`, before anything is changed; `LIMIT_EXCEEDED` for indexes nested too deep;
 *   `INVALID_MANIFEST`, `NOT_FOUND`; and what `change` throws, when all other changes have ended
 */
export async function changeImages(
  artifact: Artifact,
  upper: ContentStore,
  change: ImageChange,
  options: ChangeImagesOptions = {},
): Promise<Descriptor> {
  const abort = linkedAbort(options.signal);
  try {
    if (!isIndexType(artifact.root.mediaType)) return await change(artifact, abort);
    return await new IndexChange(artifact, upper, change, options, abort).run();
  } finally {
    abort.unlink();
  }
}

/** An index as it was read. */
interface OpenIndex {
  readonly root: Descriptor;
  readonly before: OpenDocument<IndexDocument>;
  readonly entries: readonly OpenEntry[];
}

interface OpenEntry {
  readonly entry: DescriptorDocument;
  readonly target: Descriptor;
  /** What becomes of it: it is changed, or as an index looked into, or it stays. */
  readonly kind: OpenIndex | 'image' | 'other';
}

class IndexChange {
  readonly #artifact: Artifact;
  readonly #upper: ContentStore;
  readonly #change: ImageChange;
  readonly #options: ChangeImagesOptions;
  /** When one change fails the others are no longer wanted. */
  readonly #abort: LinkedAbort;
  readonly #limiter: Limiter;
  /** Entries of images, also of those that are not chosen. */
  readonly #seen: Descriptor[] = [];
  readonly #matched = new Set<Platform>();
  // By their former digests: an index may list one thing many times, over and over in the indexes below.
  readonly #open = new Map<Digest, Promise<OpenIndex>>();
  readonly #changed = new Map<Digest, Promise<Descriptor>>();
  /** Of what is listed many times, the entry that was changed. */
  readonly #given = new Map<Digest, Descriptor>();

  constructor(
    artifact: Artifact,
    upper: ContentStore,
    change: ImageChange,
    options: ChangeImagesOptions,
    abort: LinkedAbort,
  ) {
    this.#artifact = artifact;
    this.#upper = upper;
    this.#change = change;
    this.#options = options;
    this.#abort = abort;
    this.#limiter = new Limiter(options.concurrency ?? 4);
  }

  async run(): Promise<Descriptor> {
    const { root } = this.#artifact;
    const index = await this.#read(root, 0);
    const missing = (this.#options.platforms ?? []).filter((platform) => !this.#matched.has(platform));
    if (missing.length > 0) throw noMatch(missing, root, this.#seen);
    return this.#rewrite(index, this.#options.annotations);
  }

  #read(root: Descriptor, depth: number): Promise<OpenIndex> {
    const known = this.#open.get(root.digest) ?? this.#readIndex(root, depth);
    this.#open.set(root.digest, known);
    return known;
  }

  async #readIndex(root: Descriptor, depth: number): Promise<OpenIndex> {
    if (depth > maxDepth) {
      throw new OciError('LIMIT_EXCEEDED', `Index ${root.digest} is nested more than ${maxDepth} levels deep`);
    }
    const { signal } = this.#abort;
    const before = await openIndexDocument({ store: this.#artifact.store, root }, { signal });
    const entries: OpenEntry[] = [];
    for (const entry of before.document.manifests ?? []) {
      const target = describedBy(entry, root);
      entries.push({ entry, target, kind: await this.#kindOf(entry, target, root, depth) });
    }
    return { root, before, entries };
  }

  async #kindOf(
    entry: DescriptorDocument,
    target: Descriptor,
    parent: Descriptor,
    depth: number,
  ): Promise<OpenEntry['kind']> {
    if (this.#options.includeChild?.(target, parent) === false) return 'other';
    if (isIndexType(target.mediaType)) return this.#read(target, depth + 1);
    // An attestation is made for an image and read with it: changed like an image it would mean nothing.
    if (!isImageType(target.mediaType) || aboutOf(entry) !== undefined) return 'other';
    this.#seen.push(target);
    const { platforms } = this.#options;
    if (platforms === undefined) return 'image';
    const fitting = platforms.filter(({ os }) => os !== '').filter((one) => satisfiesPlatform(platformOf(target), one));
    for (const platform of fitting) this.#matched.add(platform);
    return fitting.length > 0 ? 'image' : 'other';
  }

  async #rewrite({ root, before, entries }: OpenIndex, annotated?: MapEdit): Promise<Descriptor> {
    const changed = await this.#changeAll(entries);
    const rewritten = await Promise.all(
      entries.map(({ entry, target }, i) => this.#entryFor(entry, target, changed[i])),
    );
    const { document } = before;
    const manifests = document.manifests && this.#withAttestations(entries, changed, rewritten);
    const annotations = editedMap(document.annotations, annotated);
    const own = document.mediaType ?? root.mediaType;
    const mediaType = this.#options.indexType?.(own, manifests ?? []) ?? own;
    const typed = mediaType === own ? {} : { mediaType };
    const bytes = encodeEdited(indexDocument, before, { ...document, ...typed, manifests, annotations }, this.#options);
    const { data: _, ...rest } = redescribe({ ...root, mediaType }, bytes);
    if (rest.digest === root.digest) return root;
    const { digest, size } = rest;
    await this.#upper.push({ mediaType, digest, size }, bytes);
    return rest;
  }

  /** Rejects only after everything has settled. */
  async #changeAll(entries: readonly OpenEntry[]): Promise<readonly Descriptor[]> {
    const tasks = entries.map(({ target, kind }) => this.#changeOne(target, kind));
    for (const task of tasks) task.catch((error: unknown) => this.#abort.abort(error));
    const results = await Promise.allSettled(tasks);
    const failed = results.filter((result) => result.status === 'rejected');
    // The first one that failed made the others give up.
    if (failed.length > 0) throw this.#abort.signal.reason;
    return results.map((result, i) =>
      result.status === 'fulfilled' ? result.value : (entries[i] as OpenEntry).target,
    );
  }

  #changeOne(target: Descriptor, kind: OpenEntry['kind']): Promise<Descriptor> {
    if (kind === 'other') return Promise.resolve(target);
    const known = this.#changed.get(target.digest);
    if (known !== undefined) return known;
    const { store } = this.#artifact;
    const task =
      kind === 'image'
        ? this.#limiter.run(() => this.#change({ store, root: target }, this.#abort), this.#abort.signal)
        : this.#rewrite(kind);
    this.#changed.set(target.digest, task);
    this.#given.set(target.digest, target);
    return task;
  }

  /** An entry for new content; embedded if the old one was. */
  async #entryFor(
    entry: DescriptorDocument,
    before: Descriptor,
    after: Descriptor = before,
  ): Promise<DescriptorDocument> {
    const given = this.#given.get(before.digest) ?? before;
    const platform =
      after.platform === undefined || after.platform === given.platform
        ? {}
        : { platform: platformDocument(after.platform) };
    const stated = { ...platform, annotations: reannotated(entry.annotations, given.annotations, after.annotations) };
    const { mediaType, digest, size } = after;
    if (digest === before.digest && mediaType === before.mediaType) return { ...entry, ...stated };
    const fresh = { ...entry, mediaType, digest, size, ...stated };
    if (entry.data === undefined || entry.data === '') return fresh;
    const target = { mediaType, digest, size };
    return redescribe(fresh, await collectVerified(await this.#upper.fetch(target), target, maxManifestSize));
  }

  #withAttestations(
    entries: readonly OpenEntry[],
    changed: readonly Descriptor[],
    rewritten: readonly DescriptorDocument[],
  ): readonly DescriptorDocument[] {
    const { attestations = 'follow' } = this.#options;
    if (attestations === 'keep') return rewritten;
    const moved = new Map<string, Digest>();
    for (const [i, { target }] of entries.entries()) {
      const now = changed[i]?.digest ?? target.digest;
      if (now !== target.digest) moved.set(target.digest, now);
    }
    return rewritten.flatMap((entry) => {
      const now = moved.get(aboutOf(entry) ?? '');
      if (now === undefined) return [entry];
      if (attestations === 'drop') return [];
      return [
        { ...entry, annotations: new Map([...(entry.annotations ?? []), [annotationKeys.dockerReference, now]]) },
      ];
    });
  }
}

/** The image that an entry is about: BuildKit lists attestations so. */
function aboutOf(entry: DescriptorDocument): string | undefined {
  return entry.annotations?.get(annotationKeys.dockerReference);
}

/** Annotations of an entry, with what became of those that were given to a change. */
function reannotated(
  own: DescriptorDocument['annotations'],
  before: Descriptor['annotations'] = {},
  after: Descriptor['annotations'] = before,
): DescriptorDocument['annotations'] {
  if (after === before) return own;
  const changed = new Set([...Object.keys(before), ...Object.keys(after)].filter((key) => before[key] !== after[key]));
  const kept = Array.from(own ?? []).filter(([key]) => !changed.has(key));
  return new Map([...kept, ...Object.entries(after).filter(([key]) => changed.has(key))]);
}

function describedBy(entry: DescriptorDocument, parent: Descriptor): Descriptor {
  const content = contentOf(entry, `An entry of ${parent.digest}`);
  const target =
    entry.annotations === undefined ? content : { ...content, annotations: Object.fromEntries(entry.annotations) };
  if (entry.platform === undefined) return target;
  const { os = '', architecture = '', ...more } = entry.platform;
  return { ...target, platform: { ...more, os, architecture } };
}
