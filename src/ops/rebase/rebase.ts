import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { indexDocument } from '../../oci/document/manifest-document.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { defaultPlatform, type Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import type { ContentSource } from '../../store/store.ts';
import { changeImages, type ChangeImagesOptions } from '../edit/change-images.ts';
import { encodeEdited, openIndexDocument, redescribeRoot } from '../edit/documents.ts';
import { hasImageConfig } from '../edit/mutate-image.ts';
import { BaseFinder } from './base-finder.ts';
import { platformIn } from './base-images.ts';
import { BorrowedLayers } from './borrowed-layers.ts';
import { type OpenImage, together } from './image-reader.ts';
import { rebaseDocuments, type RebaseParts } from './rebase-image.ts';
import { restated, statedBase, type StatedBase } from './stated-base.ts';

/** What an image stands on, and what it shall stand on: images, or indexes of which those for its platform are taken. */
export interface RebaseBases {
  readonly oldBase: Artifact;
  readonly newBase: Artifact;
  /** What the annotation calls the new base. @default the annotation goes: the old name is that of another image */
  readonly newBaseName?: string | undefined;
}

/**
 * Finds the bases of an image by what its annotations say, which are those of the image, its entry in the index or the index.
 * Who opens the bases checks those words, that anyone may have written.
 */
export type FindBases = (stated: StatedBase, image: Artifact, options: CallOptions) => Promise<RebaseBases>;

export interface RebaseOptions
  extends CallOptions, Pick<ChangeImagesOptions, 'platforms' | 'attestations' | 'concurrency'> {
  /** For which platform images of bases are taken when a single image is rebased. @default what its config states */
  readonly basePlatform?: Platform | undefined;
}

/** What became of one image. */
export interface RebasedImage {
  readonly before: Descriptor;
  /** The same when nothing changed. */
  readonly after: Descriptor;
  readonly platform: Platform | undefined;
  /** The image of the old base that it was matched with, and that of the new base. */
  readonly oldBase: Descriptor;
  readonly newBase: Descriptor;
  /** Layers that went, layers that came, and those of both, the lowest first. */
  readonly removed: readonly Descriptor[];
  readonly added: readonly Descriptor[];
  readonly kept: readonly Descriptor[];
  /** What the user should know, one line each. */
  readonly warnings: readonly string[];
}

export interface RebasedArtifact extends Artifact {
  /** In the order of the index. */
  readonly images: readonly RebasedImage[];
}

/**
 * An image on another base: the layers of the new base, then its own above the old one. Of an index each image is rebased onto
 * the image of the new base for its platform. Everything else stays: settings, author, time, annotations, media types of its
 * family, subject, members that nobody knows. Platform and base annotations are those of the new base. Where both bases are the
 * same the result is the image. crane-cli reference, section 9.20.
 *
 * @throws {OciError} `BASE_MISMATCH`, naming the first layer that differs; `NO_MATCHING_PLATFORM`; `UNSUPPORTED` for what is no
 *   image, and for zstd layers in an image of Docker's media types; `INVALID_CONFIG`, `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function rebase(
  artifact: Artifact,
  bases: RebaseBases | FindBases,
  options: RebaseOptions = {},
): Promise<RebasedArtifact> {
  return new Rebase(artifact, bases, options).run();
}

class Rebase {
  readonly #artifact: Artifact;
  readonly #findBases: FindBases;
  readonly #options: RebaseOptions;
  readonly #upper = new MemoryStore();
  #finder: BaseFinder | undefined;
  #indexAnnotations: ReadonlyMap<string, string> | undefined;
  readonly #images: (RebasedImage | undefined)[] = [];
  /** Where layers of new bases are. */
  readonly #places = new Map<Digest, ContentSource>();
  /** Layers that the artifact has. */
  readonly #own = new Set<Digest>();
  /** What the images are said to stand on now. */
  readonly #stated = new Map<string, StatedBase>();

  constructor(artifact: Artifact, bases: RebaseBases | FindBases, options: RebaseOptions) {
    this.#artifact = artifact;
    this.#findBases = typeof bases === 'function' ? bases : async () => bases;
    this.#options = options;
  }

  async run(): Promise<RebasedArtifact> {
    const { root, store } = this.#artifact;
    const { signal } = this.#options;
    const isIndex = isIndexType(root.mediaType);
    const index = isIndex ? await openIndexDocument(this.#artifact, { signal }) : undefined;
    this.#indexAnnotations = index?.document.annotations;
    const changed = await changeImages(
      this.#artifact,
      this.#upper,
      (image, options) => this.#change(image, isIndex, options.signal),
      this.#options,
    );
    const images = this.#images.filter((image) => image !== undefined);
    if (images.length === 0) throw noImages(root);
    for (const digest of this.#own) this.#places.delete(digest);
    const lower = this.#places.size === 0 ? store : new BorrowedLayers(this.#places, store);
    const result = { store: new OverlayStore(this.#upper, lower), root: changed };
    return { ...result, root: isIndex ? await this.#restateIndex(result) : changed, images };
  }

  async #change(artifact: Artifact, isListed: boolean, signal: AbortSignal): Promise<Descriptor> {
    const finder = (this.#finder ??= new BaseFinder({ signal }));
    const place = this.#images.push(undefined) - 1;
    const { manifest, layers } = await finder.reader.manifest(artifact);
    // What an index has beside images, such as signatures, has no base.
    if (isListed && !hasImageConfig(manifest.document)) return artifact.root;
    const said = statedBase([manifest.document.annotations, artifact.root.annotations, this.#indexAnnotations]);
    const [image, bases] = await together(finder.reader.image(artifact), this.#findBases(said, artifact, { signal }));
    const { platform, wanted } = this.#platformsOf(image, isListed);
    const { oldBase, newBase } = await finder.match(image, bases, { wanted, isListed });
    const stated = { name: bases.newBaseName, digest: bases.newBase.root.digest };
    const parts = { image, oldBase, newBase, stated };
    const { root, made, warnings } = rebaseDocuments(parts);
    for (const { target, bytes } of made) {
      const { mediaType, digest, size } = target;
      await this.#upper.push({ mediaType, digest, size }, bytes);
    }
    for (const { digest } of layers) this.#own.add(digest);
    for (const { digest } of newBase.layers) this.#places.set(digest, newBase.artifact.store);
    this.#stated.set(JSON.stringify(stated), stated);
    this.#images[place] = { before: artifact.root, after: root, platform, ...layerChanges(parts), warnings };
    return root;
  }

  #platformsOf(
    { artifact, config }: OpenImage,
    isListed: boolean,
  ): { readonly platform: Platform | undefined; readonly wanted: Platform } {
    const platform = artifact.root.platform ?? platformIn(config.document);
    const chosen = isListed ? undefined : this.#options.basePlatform;
    return { platform, wanted: chosen ?? platform ?? defaultPlatform };
  }

  /** What the index says of the base of its images follows where that is now the same for all. */
  async #restateIndex(result: Artifact): Promise<Descriptor> {
    const [stated, ...others] = this.#stated.values();
    if (stated === undefined || others.length > 0 || this.#options.platforms !== undefined) return result.root;
    const before = await openIndexDocument(result, this.#options);
    const annotations = restated(before.document.annotations, stated, 'stated');
    const bytes = encodeEdited(indexDocument, before, { ...before.document, annotations }, {});
    const root = redescribeRoot(result.root, bytes);
    const { mediaType, digest, size } = root;
    if (digest !== result.root.digest) await this.#upper.push({ mediaType, digest, size }, bytes);
    return root;
  }
}

function layerChanges({
  image,
  oldBase,
  newBase,
}: Omit<RebaseParts, 'stated'>): Pick<RebasedImage, 'oldBase' | 'newBase' | 'removed' | 'added' | 'kept'> {
  const bases = { oldBase: oldBase.artifact.root, newBase: newBase.artifact.root };
  if (bases.oldBase.digest === bases.newBase.digest) return { ...bases, removed: [], added: [], kept: image.layers };
  const [before, own] = [image.layers.slice(0, oldBase.layers.length), image.layers.slice(oldBase.layers.length)];
  const [old, now] = [before, newBase.layers].map((layers) => new Set(layers.map(({ digest }) => digest)));
  return {
    ...bases,
    removed: before.filter(({ digest }) => now?.has(digest) === false),
    added: newBase.layers.filter(({ digest }) => old?.has(digest) === false),
    kept: [...newBase.layers.filter(({ digest }) => old?.has(digest) === true), ...own],
  };
}

function noImages({ digest }: Descriptor): OciError {
  return new OciError('UNSUPPORTED', `Index ${digest} has no images that could be rebased`);
}
