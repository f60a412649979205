import { configDocument } from '../../oci/document/config-document.ts';
import { isImageConfigType } from '../../oci/media-type.ts';
import { familyOf, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { imageManifestOf, readConfig } from '../read.ts';

/** An image, and what has to be known of it to make layers for it. */
export interface LayerBase {
  /** The same image, whose config is at hand: editing it does not read that again. */
  readonly image: Artifact;
  readonly family: MediaTypeFamily;
  /** Whether its config is that of an image, and no artifact's. */
  readonly isImage: boolean;
  /** As the config says; empty for artifacts and where it says nothing. */
  readonly os: string;
}

/**
 * Looks at the image that layers are to be put on.
 *
 * @throws {OciError} `UNSUPPORTED` for an index, `INVALID_MANIFEST`, `INVALID_CONFIG`, `NOT_FOUND`
 */
export async function layerBaseOf(image: Artifact, options: CallOptions = {}): Promise<LayerBase> {
  const { config, mediaType } = await imageManifestOf(image, options);
  const family = familyOf(mediaType ?? image.root.mediaType) ?? 'docker';
  if (!isImageConfigType(config.mediaType)) return { image, family, isImage: false, os: '' };
  const bytes = await readConfig(image.store, config, options);
  const { os = '' } = configDocument.parse(bytes, `Config ${config.digest}`);
  const upper = new MemoryStore();
  await upper.push({ mediaType: config.mediaType, digest: config.digest, size: config.size }, bytes);
  return { image: { root: image.root, store: new OverlayStore(upper, image.store) }, family, isImage: true, os };
}
