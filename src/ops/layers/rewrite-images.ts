import { OciError } from '../../errors.ts';
import { type DescriptorDocument, type ImageDocument, imageDocument } from '../../oci/document/manifest-document.ts';
import { isImageConfigType, isLayerType } from '../../oci/media-type.ts';
import type { ImageManifest } from '../../oci/manifest.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { OverlayStore } from '../../store/overlay.ts';
import type { StagingStore } from '../../store/staging.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { changeImages, type ChangeImagesOptions } from '../edit/change-images.ts';
import { manifestOf } from '../read.ts';

/** Content that was rewritten. Its temporary files exist until it is disposed of: copy it before. */
export interface RewrittenArtifact extends Artifact, AsyncDisposable {}

export interface RewriteOptions
  extends CallOptions, Pick<ChangeImagesOptions, 'platforms' | 'includeChild' | 'attestations'> {}

/** What becomes of images, and of the type of indexes. */
export interface ImageRewriter {
  /** The new document of an image, or the old one where nothing changes. */
  image(
    document: ImageDocument,
    image: ImageManifest,
    mediaType: string,
    options: { readonly signal: AbortSignal },
  ): Promise<ImageDocument>;
  /** The new type of an index, whose entries are rewritten already. */
  indexType(mediaType: string, entries: readonly DescriptorDocument[]): string;
}

/**
 * Rewrites an image, or the images of an index. Documents in which nothing changes keep their bytes. What is in an index
 * beside images stays; attestations are attached to the rewritten images unless `attestations` says otherwise.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no image and no index with images; and as `changeImages`
 */
export async function rewriteImages(
  artifact: Artifact,
  staging: StagingStore,
  rewriter: ImageRewriter,
  options: RewriteOptions,
): Promise<RewrittenArtifact> {
  let images = 0;
  const change = async (image: Artifact, { signal }: { readonly signal: AbortSignal }): Promise<Descriptor> => {
    const manifest = await manifestOf(image, { signal });
    if (manifest.kind !== 'image' || !isImage(manifest.image)) return image.root;
    images++;
    const type = manifest.image.mediaType ?? image.root.mediaType;
    const before = imageDocument.parse(manifest.bytes, `Manifest ${image.root.digest}`);
    const after = await rewriter.image(before, manifest.image, type, { signal });
    if (after === before) return image.root;
    const { data: _, ...rest } = image.root;
    return { ...rest, ...(await staging.add(imageDocument.encode(after), after.mediaType ?? type)) };
  };
  const indexType = (mediaType: string, entries: readonly DescriptorDocument[]): string =>
    rewriter.indexType(mediaType, entries);
  try {
    const root = await changeImages(artifact, staging, change, { ...options, indexType });
    if (images === 0) throw noImage(artifact.root);
    const store = new OverlayStore(staging, artifact.store);
    return { store, root, [Symbol.asyncDispose]: () => staging[Symbol.asyncDispose]() };
  } catch (error) {
    await staging[Symbol.asyncDispose]();
    throw error;
  }
}

/** Whether a manifest is that of an image and not an artifact in the shape of one, such as an attestation. */
export function isImage({ config, layers }: ImageManifest): boolean {
  return isImageConfigType(config.mediaType) && layers.every(({ mediaType }) => isLayerType(mediaType));
}

function noImage({ digest, mediaType }: Descriptor): OciError {
  return new OciError('UNSUPPORTED', `${digest} is neither an image nor an index of images but ${mediaType}`, {
    hint: 'Only layers of images can be rewritten; an artifact is pushed again with other content',
  });
}
