import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { distanceOf, fitting, imagesIn, noBaseFor, platformIn } from './base-images.ts';
import { ImageReader, ofBase, type OpenImage, together } from './image-reader.ts';
import { mismatchOf, notBasedOn } from './match-base.ts';

/** For whom an image of a base is looked for. */
export interface WantedBase {
  readonly wanted: Platform;
  /** Whether the image is one of an index, so that a base that is a single image has to be for its platform. */
  readonly isListed: boolean;
}

/** Finds the images of bases that belong to an image, and reads each of them once. */
export class BaseFinder {
  readonly reader: ImageReader;
  readonly #options: CallOptions;
  readonly #images = new Map<Digest, Promise<readonly Descriptor[]>>();

  constructor({ signal }: CallOptions) {
    this.reader = new ImageReader({ signal });
    this.#options = { signal };
  }

  /**
   * The image of the old base that an image is based on, and that of the new base for the same platform.
   *
   * @throws {OciError} `NO_MATCHING_PLATFORM`, `BASE_MISMATCH`
   */
  async match(
    image: OpenImage,
    { oldBase, newBase }: { readonly oldBase: Artifact; readonly newBase: Artifact },
    for_: WantedBase,
  ): Promise<{ readonly oldBase: OpenImage; readonly newBase: OpenImage }> {
    const [oldFits, newFits] = await together(
      this.candidates('old', oldBase, for_.wanted),
      this.candidates('new', newBase, for_.wanted),
    );
    const likely = likeOf(newFits, oldFits[0], for_.wanted);
    const [old, guessed] = await together(
      this.#matchOld(image, oldBase, oldFits, for_),
      this.#open('new', newBase, likely, for_),
    );
    const chosen = likeOf(newFits, old.artifact.root, for_.wanted);
    const found = chosen === likely ? guessed : await this.#open('new', newBase, chosen, for_);
    return { oldBase: old, newBase: found };
  }

  /** The images of a base for a platform, the best first; a base that is a single image is taken for any. */
  async candidates(which: 'old' | 'new', base: Artifact, wanted: Platform): Promise<readonly Descriptor[]> {
    const known = this.#images.get(base.root.digest) ?? imagesIn(base, this.#options);
    this.#images.set(base.root.digest, known);
    const images = await ofBase(which, () => known);
    if (!isIndexType(base.root.mediaType)) return images;
    const fits = fitting(images, wanted);
    if (fits.length === 0) throw noBaseFor(which, wanted, base, images);
    return fits;
  }

  /** The first that the image is based on. */
  async #matchOld(
    image: OpenImage,
    { store }: Artifact,
    roots: readonly Descriptor[],
    for_: WantedBase,
  ): Promise<OpenImage> {
    let failure: OciError | undefined;
    for (const root of roots) {
      const base = await this.#open('old', { store, root }, root, for_);
      const mismatch = mismatchOf(image, base);
      if (mismatch === undefined) return base;
      failure ??= notBasedOn(image, base, mismatch, image.artifact.root.platform);
    }
    throw failure ?? new OciError('NOT_FOUND', 'There is no old base');
  }

  async #open(
    which: 'old' | 'new',
    { store }: Artifact,
    root: Descriptor,
    { wanted, isListed }: WantedBase,
  ): Promise<OpenImage> {
    const base = await ofBase(which, () => this.reader.image({ store, root }));
    const platform = platformIn(base.config.document);
    // What an index says of its images was looked at before.
    if (!isListed || root.platform !== undefined || platform === undefined) return base;
    if (distanceOf(platform, wanted) !== undefined) return base;
    throw new OciError(
      'NO_MATCHING_PLATFORM',
      `The ${which} base ${root.digest} is for ${formatPlatform(platform)}, not for ${formatPlatform(wanted)}`,
      { hint: 'Name a base that is an index with all platforms, or only rebase those that it has with --platform' },
    );
  }
}

/** The image of the new base that is likest the one of the old base, where its platform says more than that of the image. */
function likeOf(images: readonly Descriptor[], old: Descriptor | undefined, wanted: Platform): Descriptor {
  const variant = wanted.variant ?? old?.platform?.variant;
  const version = wanted['os.version'] ?? old?.platform?.['os.version'];
  const like = { ...wanted, ...(variant && { variant }), ...(version && { 'os.version': version }) };
  const [first] = images.every(({ platform }) => platform === undefined) ? images : fitting(images, like);
  return first ?? (images[0] as Descriptor);
}
