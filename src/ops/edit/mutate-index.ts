import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { type AttachedBlob, AttachedSource } from '../../store/attached-source.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { type LayerBase, layerBaseOf } from '../layers/layer-base.ts';
import { imageManifestOf } from '../read.ts';
import { appendLayers, type LayerAddition } from './append-layers.ts';
import { type ChangeImagesOptions, changeImages } from './change-images.ts';
import type { ImageEdit, MapEdit } from './image-edit.ts';
import { editImage, mutateImage } from './mutate-image.ts';

export interface IndexEdit {
  /** Annotations of the index. */
  readonly annotations?: MapEdit | undefined;
  /** What becomes of its images, each for itself. */
  readonly images?: ImageEdit | undefined;
  /** Layers that go on top of an image before it is edited, in the way of `appendLayers()`. */
  readonly layers?:
    | ((base: LayerBase, options: { readonly signal: AbortSignal }) => Promise<readonly LayerAddition[]>)
    | undefined;
}

export type MutateIndexOptions = Omit<ChangeImagesOptions, 'annotations' | 'indexType'>;

/**
 * An index whose images are edited one by one, also in indexes within; never one image in its place. Images of other
 * platforms, and what is no image, stay as they are. Where nothing changes the result has the same root.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no index, and for one platform for several images; `NO_MATCHING_PLATFORM`;
 *   `LIMIT_EXCEEDED` for indexes nested too deep; and as `mutateImage()` and `appendLayers()`
 */
export async function mutateIndex(
  index: Artifact,
  { annotations, images, layers }: IndexEdit,
  options: MutateIndexOptions = {},
): Promise<Artifact> {
  if (!isIndexType(index.root.mediaType)) {
    throw new OciError('UNSUPPORTED', `${index.root.digest} is no index but ${index.root.mediaType}`);
  }
  const upper = new MemoryStore();
  const added: AttachedBlob[] = [];
  let edited = 0;
  const change = async (image: Artifact, { signal }: { readonly signal: AbortSignal }): Promise<Descriptor> => {
    const { platform } = images ?? {};
    if (platform !== undefined && ++edited > 1) throw onePlatform(platform);
    const root =
      layers === undefined
        ? await editInto(upper, image, images, { ...options, signal })
        : await stackInto(upper, image, { edit: images, layers, added }, { ...options, signal });
    return platform === undefined ? root : { ...root, platform };
  };
  const root = await changeImages(index, upper, change, { ...options, annotations });
  if (root.digest === index.root.digest) return index;
  const lower = added.length === 0 ? index.store : new AttachedSource(added, index.store);
  return { store: new OverlayStore(upper, lower), root };
}

async function editInto(
  upper: MemoryStore,
  image: Artifact,
  edit: ImageEdit | undefined,
  options: MutateIndexOptions,
): Promise<Descriptor> {
  if (edit === undefined) return image.root;
  const { root, made } = await editImage(image, edit, options);
  for (const { target, bytes } of made) await upper.push(target, bytes);
  return root;
}

interface Stacking {
  readonly edit: ImageEdit | undefined;
  readonly layers: NonNullable<IndexEdit['layers']>;
  /** Takes what was put on top. */
  readonly added: AttachedBlob[];
}

async function stackInto(
  upper: MemoryStore,
  image: Artifact,
  { edit = {}, layers, added }: Stacking,
  options: MutateIndexOptions & { readonly signal: AbortSignal },
): Promise<Descriptor> {
  const base = await layerBaseOf(image, options);
  const additions = await layers(base, options);
  const result = await mutateImage(await appendLayers(base.image, additions, options), edit, options);
  const [before, after] = [await imageManifestOf(image, options), await imageManifestOf(result, options)];
  for (const [i, { content }] of additions.entries()) {
    // As the manifest describes it: with the media type that it got there.
    const descriptor = after.layers[before.layers.length + i];
    if (descriptor !== undefined) added.push({ descriptor, content });
  }
  if (after.config.digest !== before.config.digest) await moveInto(upper, after.config, result, options);
  if (result.root.digest !== image.root.digest) await moveInto(upper, result.root, result, options);
  return result.root;
}

async function moveInto(
  upper: MemoryStore,
  target: Descriptor,
  { store }: Artifact,
  options: MutateIndexOptions,
): Promise<void> {
  await upper.push(target, await store.fetch(target, options), options);
}

function onePlatform(platform: Platform): OciError {
  return new OciError('UNSUPPORTED', `Several images of the index would all be for ${formatPlatform(platform)}`, {
    hint: 'Choose the image that gets the platform with --platform',
  });
}
