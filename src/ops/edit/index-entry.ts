import { entryOf } from '../../oci/image-layout.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type ImageConfig, parseImageConfig } from '../../oci/image-config.ts';
import { type DescriptorDocument, descriptorDocument, platformDocument } from '../../oci/document/manifest-document.ts';
import { childrenOf, type Manifest } from '../../oci/manifest.ts';
import { isImageConfigType } from '../../oci/media-type.ts';
import type { Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { manifestOf, readConfig } from '../read.ts';

/** How an image is listed in an index. */
export interface EntryEdit {
  /** `null` for none. @default what the image's config says */
  readonly platform?: Platform | null | undefined;
  /** Added to those of the manifest, which come along as they do with crane. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** An entry to be, and what its manifest names. */
export interface ReadEntry {
  readonly entry: DescriptorDocument;
  readonly children: readonly Descriptor[];
}

/**
 * The entry for an image or another artifact, as crane writes it: its annotations come along, and the artifact type is
 * that of the manifest, else the media type of its config. crane-library reference, sections 8.7 and 8.9.
 */
export async function readEntry(artifact: Artifact, edit: EntryEdit, options: CallOptions): Promise<ReadEntry> {
  const { mediaType, digest, size } = artifact.root;
  const manifest = await manifestOf(artifact, options);
  const entry = entryOf({ mediaType, digest, size }, manifest, { annotations: edit.annotations });
  const platform = edit.platform === undefined ? await platformIn(artifact, manifest, options) : edit.platform;
  return {
    entry: {
      ...descriptorDocument(entry),
      platform: platform === null || platform === undefined ? undefined : platformDocument(platform),
    },
    children: childrenOf(manifest),
  };
}

async function platformIn(
  { store }: Artifact,
  manifest: Manifest,
  options: CallOptions,
): Promise<Platform | undefined> {
  const config = manifest.kind === 'image' ? manifest.image.config : undefined;
  if (config === undefined || !isImageConfigType(config.mediaType)) return undefined;
  const read = parseImageConfig(await readConfig(store, config, options), config.digest);
  return isPlatform(read) ? pick(read) : undefined;
}

function isPlatform(config: ImageConfig): boolean {
  const { os, architecture, variant = '', 'os.version': version = '', 'os.features': features = [] } = config;
  return [os, architecture, variant, version].some((text) => text !== '') || features.length > 0;
}

function pick(config: ImageConfig): Platform {
  const { os, architecture, variant } = config;
  return { os, architecture, variant, 'os.version': config['os.version'], 'os.features': config['os.features'] };
}
