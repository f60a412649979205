import { OciError } from '../../errors.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { type ChangeImagesOptions, changeImages } from './change-images.ts';
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
 * platforms, and what is no image, stay as they are. Where nothing changes the result has the same root.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no index, and for one platform for several images; `NO_MATCHING_PLATFORM`;
 *   `LIMIT_EXCEEDED` for indexes nested too deep; and as `mutateImage()`
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
  const change = async (image: Artifact, { signal }: { readonly signal: AbortSignal }) => {
    if (images === undefined) return image.root;
    const { platform } = images;
    if (platform !== undefined && ++edited > 1) throw onePlatform(platform);
    const { root, made } = await editImage(image, images, { ...options, signal });
    for (const { target, bytes } of made) await upper.push(target, bytes);
    return platform === undefined ? root : { ...root, platform };
  };
  const root = await changeImages(index, upper, change, { ...options, annotations });
  return root.digest === index.root.digest ? index : { store: new OverlayStore(upper, index.store), root };
}

function onePlatform(platform: Platform): OciError {
  return new OciError('UNSUPPORTED', `Several images of the index would all be for ${formatPlatform(platform)}`, {
    hint: 'Choose the image that gets the platform with --platform',
  });
}
