import { OciError } from '../../errors.ts';
import type { DescriptorDocument, ImageDocument } from '../../oci/document/manifest-document.ts';
import { isManifestType } from '../../oci/media-type.ts';
import { familyOf, inFamily, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { Artifact } from '../../store/artifact.ts';
import { StagingStore } from '../../store/staging.ts';
import { zstdInDocker } from './new-layer.ts';
import { rewriteImages, type RewriteOptions, type RewrittenArtifact } from './rewrite-images.ts';

export interface ConvertOptions extends Omit<RewriteOptions, 'includeChild'> {}

/**
 * An image, or all images of an index, with the media types of the other family. Config and layers keep their bytes, only what
 * manifests call them changes; annotations stay, also in Docker manifests, which do not define them. Where only the images of
 * some `platforms` are converted, an index that cannot get the type because of the others keeps its own.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no image, and for what Docker has no type for: zstd layers, attestations
 */
export async function convertMediaTypes(
  artifact: Artifact,
  family: MediaTypeFamily,
  options: ConvertOptions = {},
): Promise<RewrittenArtifact> {
  const rewriter = {
    image: async (document: ImageDocument, _: unknown, mediaType: string) => converted(document, mediaType, family),
    indexType: (mediaType: string, entries: readonly DescriptorDocument[]) =>
      options.platforms !== undefined && family === 'docker' && foreignIn(entries) !== undefined
        ? mediaType
        : convertedIndexType(mediaType, entries, family),
  };
  return rewriteImages(artifact, new StagingStore(), rewriter, { ...options, includeChild: undefined });
}

/** A manifest with all types of one family; the same document when it has them. */
export function converted(document: ImageDocument, mediaType: string, family: MediaTypeFamily): ImageDocument {
  const type = inFamily(mediaType, family) ?? mediaType;
  const config = document.config === undefined ? undefined : typed(document.config, family);
  const layers = document.layers?.map((layer) => typed(layer, family));
  const same =
    type === mediaType && config === document.config && layers?.every((layer, i) => layer === document.layers?.[i]);
  return same === true ? document : { ...document, mediaType: type, config, layers };
}

/** The type of an index in a family, whose entries were converted before. */
export function convertedIndexType(
  mediaType: string,
  entries: readonly DescriptorDocument[],
  family: MediaTypeFamily,
): string {
  const foreign = foreignIn(entries);
  if (family === 'docker' && foreign !== undefined) {
    throw new OciError(
      'UNSUPPORTED',
      `A Docker manifest list cannot hold ${foreign.digest}: it is ${foreign.mediaType}`,
      {
        hint: 'Leave out what is no image first, such as attestations: crane index filter',
      },
    );
  }
  return inFamily(mediaType, family) ?? mediaType;
}

/** What a Docker manifest list has no place for. */
function foreignIn(entries: readonly DescriptorDocument[]): DescriptorDocument | undefined {
  return entries.find((entry) => isManifestType(entry.mediaType ?? '') && familyOf(entry.mediaType ?? '') === 'oci');
}

function typed(descriptor: DescriptorDocument, family: MediaTypeFamily): DescriptorDocument {
  const mediaType = inFamily(descriptor.mediaType ?? '', family);
  if (mediaType === undefined) throw zstdInDocker();
  return mediaType === (descriptor.mediaType ?? '') ? descriptor : { ...descriptor, mediaType };
}
