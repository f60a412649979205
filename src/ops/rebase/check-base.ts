import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { isDigest } from '../../oci/digest.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { defaultPlatform, type Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { changeImages, type ChangeImagesOptions } from '../edit/change-images.ts';
import { openIndexDocument } from '../edit/documents.ts';
import { hasImageConfig } from '../edit/mutate-image.ts';
import { BaseFinder } from './base-finder.ts';
import { platformIn } from './base-images.ts';
import { ofBase, together } from './image-reader.ts';
import { mismatchOf, notBasedOn } from './match-base.ts';
import { type StatedBase, statedBase } from './stated-base.ts';

export interface CheckBaseOptions extends CallOptions, Pick<ChangeImagesOptions, 'platforms' | 'concurrency'> {
  /** Compare with this base, whatever annotations say. @default what {@link BaseNow} finds */
  readonly base?: Artifact | undefined;
}

/**
 * Finds what the name of a base names at present; `undefined` for what names no image. Its manifest need not have been fetched. Who
 * does it checks the words, that anyone may have written.
 */
export type BaseNow = (stated: StatedBase, image: Artifact, options: CallOptions) => Promise<Artifact | undefined>;

/** What is known of the base of one image. */
export interface CheckedBase {
  readonly image: Descriptor;
  /** As an index states it. */
  readonly platform: Platform | undefined;
  /** What annotations say. */
  readonly stated: StatedBase;
  /** What the name names at present, an index perhaps. */
  readonly base: Descriptor | undefined;
  /**
   * `current`: the image stands on the base as it is now. `outdated`: on another one, of which it is said or shown by layers.
   * `unknown`: nothing says what its base is.
   */
  readonly status: 'current' | 'outdated' | 'unknown';
  /** Where the layers of image and base first differ, in words; only if they were compared. */
  readonly reason?: string | undefined;
}

/**
 * Which base an image has, or each image of an index, and whether that is still the newest. The digest that annotations state
 * decides where it is that of the base, or of the base's image for the platform; otherwise layers do.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no image; `NO_MATCHING_PLATFORM` when the base has no image for a platform any more;
 *   `INVALID_MANIFEST`, `INVALID_CONFIG`, `NOT_FOUND`
 */
export async function checkBase(
  artifact: Artifact,
  baseNow: BaseNow,
  options: CheckBaseOptions = {},
): Promise<readonly CheckedBase[]> {
  const isListed = isIndexType(artifact.root.mediaType);
  const index = isListed ? await openIndexDocument(artifact, { signal: options.signal }) : undefined;
  const found: (CheckedBase | undefined)[] = [];
  let finder: BaseFinder | undefined;
  const look = async (image: Artifact, { signal }: { readonly signal: AbortSignal }): Promise<Descriptor> => {
    finder ??= new BaseFinder({ signal });
    const place = found.push(undefined) - 1;
    const { document } = (await finder.reader.manifest(image)).manifest;
    if (isListed && !hasImageConfig(document)) return image.root;
    const stated = statedBase([document.annotations, image.root.annotations, index?.document.annotations]);
    const base = options.base ?? (await baseNow(stated, image, { signal }));
    const isGiven = options.base !== undefined;
    found[place] = {
      image: image.root,
      platform: image.root.platform,
      stated,
      base: base?.root,
      ...(await compared(image, base, { stated: isGiven ? {} : stated, finder, isListed })),
    };
    return image.root;
  };
  await changeImages(artifact, new MemoryStore(), look, options);
  const checked = found.filter((one) => one !== undefined);
  if (checked.length === 0) throw new OciError('UNSUPPORTED', `Index ${artifact.root.digest} has no images`);
  return checked;
}

interface Comparison {
  readonly stated: StatedBase;
  readonly finder: BaseFinder;
  readonly isListed: boolean;
}

async function compared(
  artifact: Artifact,
  base: Artifact | undefined,
  { stated, finder, isListed }: Comparison,
): Promise<Pick<CheckedBase, 'status' | 'reason'>> {
  if (base === undefined) return { status: 'unknown' };
  if (stated.digest === base.root.digest) return { status: 'current' };
  const image = await finder.reader.image(artifact);
  const wanted = artifact.root.platform ?? platformIn(image.config.document) ?? defaultPlatform;
  const candidates = await finder.candidates('new', base, wanted);
  if (
    stated.digest !== undefined &&
    isDigest(stated.digest) &&
    candidates.some(({ digest }) => digest === stated.digest)
  ) {
    return { status: 'current' };
  }
  let reason: string | undefined;
  for (const root of candidates) {
    const [own, other] = await together(
      finder.reader.image(artifact),
      ofBase('new', () => finder.reader.image({ store: base.store, root })),
    );
    const mismatch = mismatchOf(own, other);
    if (mismatch === undefined) return { status: 'current' };
    reason ??= notBasedOn(own, other, mismatch, isListed ? artifact.root.platform : undefined).message;
  }
  return { status: 'outdated', reason };
}
