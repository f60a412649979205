import { isOciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ImageIndex } from '../../oci/manifest.ts';
import { defaultPlatform, formatPlatform, type Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { imageManifestOf, manifestOf, noImage } from '../read.ts';
import { imageForPlatform } from '../resolve.ts';
import { attachedTo } from './attached.ts';
import { sameTags, type TagSearch } from './same-tags.ts';
import { detailsOf, manifestSummary, statedTime } from './image-details.ts';
import { entrySummaries, measured, withSize } from './index-details.ts';
import type { ArtifactDetails, ImageDetails, ImageSummary, IndexDetails } from './summary.ts';

export interface InspectOptions extends CallOptions {
  /** Describe the image of an index for this platform, in place of the index. What is no index is described as it is. */
  readonly platform?: Platform | undefined;
  /** Read all manifests that an index lists, for the sizes of its images: a request for each. @default false */
  readonly sizes?: boolean | undefined;
  /** Look for what refers to it: a request or two, and the list of tags. @default false */
  readonly referrers?: boolean | undefined;
  /** Look for tags that name the same: the list of tags, and a request for each where the list does not say. @default false */
  readonly tags?: boolean | TagSearch | undefined;
}

/**
 * Sums up an image, an index with its image for linux/amd64, or any other artifact, without reading layers: one manifest, at most
 * one more for an index, and one config. Sizes and types are as the documents state them.
 *
 * @throws {OciError} `UNSUPPORTED` for Docker schema 1, and for tags of a store that lists none; `NO_MATCHING_PLATFORM` when there
 *   is nothing for `platform`; `NOT_FOUND`, `INVALID_MANIFEST`, `INVALID_CONFIG`, `LIMIT_EXCEEDED`
 */
export async function inspectImage(artifact: Artifact, options: InspectOptions = {}): Promise<ImageSummary> {
  const { platform, signal } = options;
  const warnings: string[] = [];
  const outer = await manifestOf(artifact, { signal });
  if (outer.kind === 'schema1') throw noImage(artifact.root, outer.kind);
  const chosen = platform === undefined ? artifact : await imageForPlatform(artifact, platform, { signal });
  const details =
    outer.kind === 'index' && chosen === artifact
      ? await indexDetails(artifact, outer.index, warnings, options)
      : await detailsOf(
          {
            artifact: chosen,
            manifest: outer.kind === 'image' ? outer.image : await imageManifestOf(chosen, { signal }),
            index: outer.kind === 'index' ? outer.index : undefined,
          },
          warnings,
          { signal },
        );
  const { digest, mediaType } = artifact.root;
  return {
    ...details,
    ...(chosen === artifact ? {} : { chosenFrom: { digest, mediaType } }),
    ...(await findings(artifact, subjectsOf(artifact, details), warnings, options)),
    warnings,
  };
}

async function indexDetails(
  artifact: Artifact,
  index: ImageIndex,
  warnings: string[],
  { sizes = false, signal }: InspectOptions,
): Promise<IndexDetails> {
  const entries = entrySummaries(index);
  const usual = await usualImage(artifact, index, warnings, { signal });
  const all = sizes ? await measured(artifact, index, entries, { signal }) : undefined;
  warnings.push(...(all?.warnings ?? []));
  // What had to be read anyway is known without being asked for.
  const manifests = (all?.entries ?? entries).map((entry) =>
    entry.digest === usual.digest ? withSize(entry, usual.size) : entry,
  );
  return {
    kind: 'index',
    ...manifestSummary(artifact.root, index),
    created: statedTime(index.annotations),
    manifests,
    imageSize: all?.size,
    image: usual.image,
  };
}

interface UsualImage {
  /** Of its entry in the index. */
  readonly digest?: Digest | undefined;
  readonly size?: number | 'missing' | undefined;
  /** `undefined` also when it is listed and not there, as in copies of some platforms only. */
  readonly image?: ImageDetails | ArtifactDetails | undefined;
}

/** The image that commands take which need one. */
async function usualImage(
  artifact: Artifact,
  index: ImageIndex,
  warnings: string[],
  options: CallOptions,
): Promise<UsualImage> {
  let digest: Digest | undefined;
  let size: 'missing' | undefined = 'missing';
  try {
    const chosen = await imageForPlatform(artifact, defaultPlatform, options);
    digest = chosen.root.digest;
    const manifest = await imageManifestOf(chosen, options);
    size = undefined;
    const image = await detailsOf({ artifact: chosen, manifest, index }, warnings, options);
    return { digest, size: image.imageSize, image };
  } catch (error) {
    if (isOciError(error, 'NO_MATCHING_PLATFORM')) return {};
    if (!isOciError(error, 'NOT_FOUND')) throw error;
    warnings.push(
      `The image for ${formatPlatform(defaultPlatform)} is listed, and not all of it is there: ${error.message}`,
    );
    return { digest, size };
  }
}

/** What was named, and the image that was chosen of it. */
function subjectsOf({ root }: Artifact, details: Pick<ImageDetails, 'digest'> | IndexDetails): readonly Digest[] {
  const image = 'image' in details ? details.image?.digest : details.digest;
  return Array.from(new Set([root.digest, ...(image === undefined ? [] : [image])]));
}

async function findings(
  { store, root }: Artifact,
  subjects: readonly Digest[],
  warnings: string[],
  { referrers = false, tags = false, signal }: InspectOptions,
): Promise<Pick<ImageSummary, 'referrers' | 'tags'>> {
  const found =
    tags === false ? undefined : await sameTags(store, subjects, tags === true ? {} : tags, warnings, { signal });
  const attached = { mediaType: root.mediaType, tags: found?.all, signal };
  return {
    ...(referrers ? { referrers: await attachedTo(store, subjects, warnings, attached) } : {}),
    ...(found === undefined ? {} : { tags: found.summary }),
  };
}
