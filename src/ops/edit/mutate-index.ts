import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { type ChangeImagesOptions, changeImages } from './change-images.ts';
import { editsConfig } from './config-edit.ts';
import type { ImageEdit, MapEdit } from './image-edit.ts';
import { editImage } from './mutate-image.ts';

export interface IndexEdit {
  /** Annotations of the index. */
  readonly annotations?: MapEdit | undefined;
  /** What becomes of its images, each for itself. */
  readonly images?: ImageEdit | undefined;
}

export type MutateIndexOptions = Omit<ChangeImagesOptions, 'annotations' | 'indexType'>;

/**
 * An index whose images are edited one by one, also in indexes within; never one image in its place. Images of other
 * platforms stay as they are, and of artifacts among the images only the annotations are edited. Where nothing changes the
 * result has the same root.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no index, for one without an image whose config could be edited, and for one
 *   platform for several images; `NO_MATCHING_PLATFORM`; `LIMIT_EXCEEDED` for indexes nested too deep; and as `mutateImage()`
 */
export async function mutateIndex(
  index: Artifact,
  { annotations, images }: IndexEdit,
  options: MutateIndexOptions = {},
): Promise<Artifact> {
  if (!isIndexType(index.root.mediaType)) {
    throw new OciError('UNSUPPORTED', `${index.root.digest} is no index but ${index.root.mediaType}`);
  }
  const upper = new MemoryStore();
  let edited = 0;
  const change = async (image: Artifact, { signal }: { readonly signal: AbortSignal }): Promise<Descriptor> => {
    if (images === undefined) return image.root;
    const { platform } = images;
    const { root, made, isImage } = await editImage(image, images, { ...options, signal }, 'annotated');
    if (isImage && ++edited > 1 && platform !== undefined) throw onePlatform(platform);
    for (const { target, bytes } of made) await upper.push(target, bytes);
    return platform === undefined || !isImage ? root : { ...root, platform };
  };
  const root = await changeImages(index, upper, change, { ...options, annotations });
  if (images !== undefined && editsConfig(images) && edited === 0) throw noImage(index.root);
  return root.digest === index.root.digest ? index : { store: new OverlayStore(upper, index.store), root };
}

function onePlatform(platform: Platform): OciError {
  return new OciError('UNSUPPORTED', `Several images of the index would all be for ${formatPlatform(platform)}`, {
    hint: 'Choose the image that gets the platform with --platform',
  });
}

function noImage({ digest }: Descriptor): OciError {
  return new OciError('UNSUPPORTED', `Index ${digest} lists no image whose config could be edited`, {
    hint: 'Annotations of the index and of what it lists can be changed',
  });
}
