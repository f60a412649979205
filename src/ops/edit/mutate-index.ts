import { OciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { type DescriptorDocument, indexDocument, platformDocument } from '../../oci/document/manifest-document.ts';
import { isImageType, isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform, satisfiesPlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { noMatch, platformOf } from '../resolve.ts';
import { editedMap } from './collections.ts';
import {
  artifactOf,
  contentOf,
  type EditOptions,
  encodeEdited,
  type MadeContent,
  openIndexDocument,
  redescribe,
  redescribeRoot,
} from './documents.ts';
import type { ImageEdit, MapEdit } from './image-edit.ts';
import { editImage } from './mutate-image.ts';

export interface IndexEdit {
  /** Annotations of the index. */
  readonly annotations?: MapEdit | undefined;
  /** What becomes of its images, each for itself. */
  readonly images?: ImageEdit | undefined;
}

export interface MutateIndexOptions extends EditOptions {
  /** Whose images are edited; others stay as they are. @default all */
  readonly platforms?: readonly Platform[] | undefined;
  /**
   * What becomes of attestations of an image that gets another digest: their entries name the new one, or still the old one,
   * or they go. The attestation itself is never changed: what it says of the old digest it says no more of the new one.
   *
   * @default 'follow'
   */
  readonly attestations?: 'follow' | 'keep' | 'drop' | undefined;
}

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;

/**
 * An index whose images are edited one by one, also in indexes within; never one image in its place. Images of other
 * platforms, and what is no image, stay as they are. Where nothing changes the result has the same root.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no index, and for one platform for several images; `NO_MATCHING_PLATFORM`;
 *   `LIMIT_EXCEEDED` for indexes nested too deep; and as `mutateImage()`
 */
export async function mutateIndex(
  index: Artifact,
  edit: IndexEdit,
  options: MutateIndexOptions = {},
): Promise<Artifact> {
  const run = new IndexRun(index, edit, options);
  const root = await run.edit();
  return root.digest === index.root.digest ? index : artifactOf(index.store, root, run.made);
}

/** One edit of an index and of what is in it. */
class IndexRun {
  readonly made: MadeContent[] = [];
  readonly #index: Artifact;
  readonly #edit: IndexEdit;
  readonly #options: MutateIndexOptions;
  /** Entries of images, also of those that are not chosen. */
  readonly #seen: Descriptor[] = [];
  readonly #matched = new Set<Platform>();
  /** By their former digest. An index may list one thing many times, over and over in the indexes below. */
  readonly #edited = new Map<Digest, Descriptor>();
  #chosen = 0;

  constructor(index: Artifact, edit: IndexEdit, options: MutateIndexOptions) {
    this.#index = index;
    this.#edit = edit;
    this.#options = options;
  }

  async edit(): Promise<Descriptor> {
    const root = await this.#editIndex(this.#index.root, 0);
    const missing = (this.#options.platforms ?? []).filter((platform) => !this.#matched.has(platform));
    if (missing.length > 0) throw noMatch(missing, this.#index.root, this.#seen);
    return root;
  }

  async #editIndex(root: Descriptor, depth: number): Promise<Descriptor> {
    const done = this.#edited.get(root.digest);
    if (done !== undefined) return done;
    if (depth > maxDepth) {
      throw new OciError('LIMIT_EXCEEDED', `Index ${root.digest} is nested more than ${maxDepth} levels deep`);
    }
    const before = await openIndexDocument({ store: this.#index.store, root }, this.#options);
    const entries: DescriptorDocument[] = [];
    for (const entry of before.document.manifests ?? []) entries.push(await this.#editEntry(entry, root, depth));
    const renamed = new Map<string, Digest>();
    for (const [i, { digest }] of (before.document.manifests ?? []).entries()) {
      const now = entries[i]?.digest;
      if (digest !== undefined && now !== undefined && now !== digest) renamed.set(digest, now);
    }
    const manifests = before.document.manifests && this.#withAttestations(entries, renamed);
    const annotations = editedMap(before.document.annotations, depth === 0 ? this.#edit.annotations : undefined);
    const bytes = encodeEdited(indexDocument, before, { ...before.document, manifests, annotations }, this.#options);
    const target = redescribeRoot(root, bytes);
    if (target.digest !== root.digest) this.made.push({ target, bytes });
    this.#edited.set(root.digest, target);
    return target;
  }

  async #editEntry(entry: DescriptorDocument, parent: Descriptor, depth: number): Promise<DescriptorDocument> {
    const target = contentOf(entry, `An entry of ${parent.digest}`);
    if (isIndexType(target.mediaType)) {
      return this.#replaced(entry, await this.#editIndex(target, depth + 1));
    }
    const { images } = this.#edit;
    // An attestation is made for an image and read with it; a label on it would mean nothing.
    if (images === undefined || !isImageType(target.mediaType) || aboutOf(entry) !== undefined) return entry;
    if (!this.#chooses(entry, target)) return entry;
    const root = this.#edited.get(target.digest) ?? (await this.#editImage(target, images));
    const platform = images.platform === undefined ? {} : { platform: platformDocument(images.platform) };
    return { ...this.#replaced(entry, root), ...platform };
  }

  async #editImage(image: Descriptor, edit: ImageEdit): Promise<Descriptor> {
    if (edit.platform !== undefined && ++this.#chosen > 1) throw onePlatform(edit.platform);
    const { root, made } = await editImage({ store: this.#index.store, root: image }, edit, this.#options);
    this.made.push(...made);
    this.#edited.set(image.digest, root);
    return root;
  }

  /** An entry with the digest and size of new content; embedded if the old one was. */
  #replaced(entry: DescriptorDocument, target: Descriptor): DescriptorDocument {
    if (target.digest === entry.digest) return entry;
    const bytes = this.made.find((one) => one.target.digest === target.digest)?.bytes;
    return bytes === undefined ? entry : redescribe(entry, bytes);
  }

  #chooses(entry: DescriptorDocument, target: Descriptor): boolean {
    const { platforms } = this.#options;
    const { os = '', architecture = '', ...more } = entry.platform ?? {};
    const stated = entry.platform === undefined ? target : { ...target, platform: { ...more, os, architecture } };
    this.#seen.push(stated);
    if (platforms === undefined) return true;
    const fitting = platforms.filter((wanted) => wanted.os !== '' && satisfiesPlatform(platformOf(stated), wanted));
    for (const platform of fitting) this.#matched.add(platform);
    return fitting.length > 0;
  }

  #withAttestations(
    entries: readonly DescriptorDocument[],
    renamed: ReadonlyMap<string, Digest>,
  ): readonly DescriptorDocument[] {
    const { attestations = 'follow' } = this.#options;
    if (attestations === 'keep') return entries;
    return entries.flatMap((entry) => {
      const now = renamed.get(aboutOf(entry) ?? '');
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

function onePlatform(platform: Platform): OciError {
  return new OciError('UNSUPPORTED', `Several images of the index would all be for ${formatPlatform(platform)}`, {
    hint: 'Choose the image that gets the platform with --platform',
  });
}
