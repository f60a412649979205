import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ConfigDocument } from '../../oci/document/config-document.ts';
import { descriptorDocument } from '../../oci/document/manifest-document.ts';
import { familyOf, inFamily, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { Artifact } from '../../store/artifact.ts';
import { AttachedSource } from '../../store/attached-source.ts';
import type { ReopenableContent } from '../../store/capabilities.ts';
import { zstdInDocker } from '../layers/new-layer.ts';
import { historyOf } from './config-edit.ts';
import { artifactOf, type EditOptions, openImageDocument } from './documents.ts';
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
  if (layers.length === 0) return base;
  const image = await openImageDocument(base, options);
  const { document } = image;
  const family = familyOf(document.mediaType || base.root.mediaType);
  const added = layers.map(({ descriptor }) =>
    options.mediaTypes === 'own' || family === undefined ? descriptor : typedFor(descriptor, family),
  );
  const after = { ...document, layers: [...(document.layers ?? []), ...added.map(descriptorDocument)] };
  const change = hasImageConfig(document) ? (config: ConfigDocument) => withLayers(config, layers) : undefined;
  const { root, made } = await withConfig(base, image, after, change, options);
  const contents = layers.map(({ content }, i) => ({ descriptor: added[i] as Descriptor, content }));
  return artifactOf(new AttachedSource(contents, base.store), root, made);
}

function typedFor(descriptor: Descriptor, family: MediaTypeFamily): Descriptor {
  const mediaType = inFamily(descriptor.mediaType, family);
  if (mediaType !== undefined) return mediaType === descriptor.mediaType ? descriptor : { ...descriptor, mediaType };
  throw zstdInDocker();
}

function withLayers(config: ConfigDocument, layers: readonly LayerAddition[]): ConfigDocument {
  const diffIds = [...(config.rootfs?.diff_ids ?? []), ...layers.map(({ diffId }) => diffId)];
  const steps = layers.map(({ history = {} }) => historyOf(history, false));
  return {
    ...config,
    rootfs: { ...config.rootfs, diff_ids: diffIds },
    history: [...(config.history ?? []), ...steps],
  };
}
