import { OciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ConfigDocument } from '../../oci/document/config-document.ts';
import { type DescriptorDocument, descriptorDocument } from '../../oci/document/manifest-document.ts';
import { familyOf, inFamily, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { Artifact } from '../../store/artifact.ts';
import { type AttachedBlob, AttachedSource } from '../../store/attached-source.ts';
import type { ReopenableContent } from '../../store/capabilities.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { type LayerBase, layerBaseOf } from '../layers/layer-base.ts';
import { zstdInDocker } from '../layers/new-layer.ts';
import { changeImages, type ChangeImagesOptions } from './change-images.ts';
import { historyOf } from './config-edit.ts';
import { artifactOf, type EditOptions, type MadeContent, openImageDocument } from './documents.ts';
import type { HistoryStep } from './image-edit.ts';
import { hasImageConfig, withConfig } from './mutate-image.ts';

/** A layer to be added, as it is stored: compressed or not. */
export interface LayerAddition {
  /** The entry it gets in the manifest; `annotations` and `urls` come along. */
  readonly descriptor: Descriptor;
  /** Digest of the archive without compression. Unused for artifacts, which have none. */
  readonly diffId: Digest;
  /** Opened when the layer is copied to where it belongs, perhaps repeatedly; it must last until then. */
  readonly content: ReopenableContent;
  /** @default a step that says nothing, as crane writes it */
  readonly history?: HistoryStep | undefined;
}

export interface AppendLayersOptions extends EditOptions {
  /** Whose media types the layers get: those of the family their base is of, or their own. @default 'base' */
  readonly mediaTypes?: 'base' | 'own' | undefined;
  /** Annotate the image with the digest of its base, and with its name if there is one. OCI image-spec, annotations.md. @default not */
  readonly annotateBase?: { readonly name?: string | undefined } | undefined;
}

/**
 * An image with more layers on top, in the given order. Layers below, config and annotations stay. An artifact whose config
 * is no image's keeps it byte for byte. crane-cli reference, section 9.1; the empty bases are `emptyImage()`.
 *
 * @throws {OciError} `UNSUPPORTED` for an index, and for zstd on a base of Docker's media types, which have none;
 *   `INVALID_CONFIG`, `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function appendLayers(
  base: Artifact,
  layers: readonly LayerAddition[],
  options: AppendLayersOptions = {},
): Promise<Artifact> {
  const { root, made, added } = await stack(base, layers, options);
  return root.digest === base.root.digest ? base : artifactOf(new AttachedSource(added, base.store), root, made);
}

/** Makes layers for an image: with the media types of its family, rewritten where it is one of Windows. */
export type LayersForImage = (
  base: LayerBase,
  options: { readonly signal: AbortSignal },
) => Promise<readonly LayerAddition[]>;

export interface AppendToImagesOptions
  extends
    AppendLayersOptions,
    Pick<ChangeImagesOptions, 'platforms' | 'includeChild' | 'attestations' | 'concurrency'> {}

/**
 * An image, or each image of an index, with more layers on top; an index stays an index, and what in it is no image stays as it
 * is. See {@link appendLayers} for what becomes of each.
 *
 * @param layersFor is asked for each image; images of one family and system may get the same layers
 * @throws {OciError} `NO_MATCHING_PLATFORM`, and as `appendLayers` and `layersFor`
 */
export async function appendToImages(
  artifact: Artifact,
  layersFor: LayersForImage,
  options: AppendToImagesOptions = {},
): Promise<Artifact> {
  const upper = new MemoryStore();
  const added: AttachedBlob[] = [];
  const change = async (image: Artifact, { signal }: { readonly signal: AbortSignal }): Promise<Descriptor> => {
    const base = await layerBaseOf(image, { signal });
    if (!base.isImage && image.root !== artifact.root) return image.root;
    const stacked = await stack(base.image, await layersFor(base, { signal }), { ...options, signal });
    for (const { target, bytes } of stacked.made) await upper.push(target, bytes);
    added.push(...stacked.added);
    return stacked.root;
  };
  const root = await changeImages(artifact, upper, change, options);
  if (root.digest === artifact.root.digest) return artifact;
  return { store: new OverlayStore(upper, new AttachedSource(added, artifact.store)), root };
}

interface Stacked {
  readonly root: Descriptor;
  readonly made: readonly MadeContent[];
  readonly added: readonly AttachedBlob[];
}

async function stack(base: Artifact, layers: readonly LayerAddition[], options: AppendLayersOptions): Promise<Stacked> {
  if (layers.length === 0 && options.annotateBase === undefined) return { root: base.root, made: [], added: [] };
  const image = await openImageDocument(base, options);
  const { document } = image;
  const family = familyOf(document.mediaType || base.root.mediaType);
  const added = layers.map(({ descriptor, content }) => ({
    descriptor: options.mediaTypes === 'own' || family === undefined ? descriptor : typedFor(descriptor, family),
    content,
  }));
  const after = {
    ...document,
    layers: [...(document.layers ?? []), ...added.map(({ descriptor }) => descriptorDocument(descriptor))],
    annotations: annotated(document.annotations, base.root, options),
  };
  const isChanged = layers.length > 0 && hasImageConfig(document);
  const change = isChanged
    ? (config: ConfigDocument) => withLayers(config, layers, document.layers, base.root)
    : undefined;
  const { root, made } = await withConfig(base, image, after, change, options);
  return { root, made, added };
}

function annotated(
  before: ReadonlyMap<string, string> | undefined,
  { digest }: Descriptor,
  { annotateBase }: AppendLayersOptions,
): ReadonlyMap<string, string> | undefined {
  if (annotateBase === undefined) return before;
  const { baseDigest, baseName } = annotationKeys;
  const { name } = annotateBase;
  return new Map([...(before ?? []), [baseDigest, digest], ...(name === undefined ? [] : [[baseName, name] as const])]);
}

function typedFor(descriptor: Descriptor, family: MediaTypeFamily): Descriptor {
  const mediaType = inFamily(descriptor.mediaType, family);
  if (mediaType !== undefined) return mediaType === descriptor.mediaType ? descriptor : { ...descriptor, mediaType };
  throw zstdInDocker();
}

function withLayers(
  config: ConfigDocument,
  layers: readonly LayerAddition[],
  below: readonly DescriptorDocument[] | undefined = [],
  { digest }: Descriptor,
): ConfigDocument {
  const known = config.rootfs?.diff_ids ?? [];
  // The new ones would stand for other layers.
  if (known.length !== below.length) throw unequal(digest, below.length, known.length);
  const diffIds = [...known, ...layers.map(({ diffId }) => diffId)];
  const steps = layers.map(({ history = {} }) => historyOf(history, false));
  return {
    ...config,
    rootfs: { ...config.rootfs, diff_ids: diffIds },
    history: [...(config.history ?? []), ...steps],
  };
}

function unequal(digest: Digest, layers: number, diffIds: number): OciError {
  return new OciError(
    'INVALID_CONFIG',
    `The manifest ${digest} lists ${layers} layers, and its config ${diffIds} diff IDs`,
    {
      hint: 'Nobody could tell which layer a new diff ID stands for: the image has to be built again',
    },
  );
}
