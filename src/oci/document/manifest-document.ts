import type { Descriptor } from '../descriptor.ts';
import type { Digest } from '../digest.ts';
import type { Platform } from '../platform.ts';
import { base64, type Codec, digest, integer, list, map, text } from './codec.ts';
import { type DocumentFormat, documentFormat } from './document.ts';
import { always, type DocumentObject, struct, unlessEmpty } from './struct.ts';

/** A {@link Platform} of a document, with what else it may say. */
export interface PlatformDocument extends DocumentObject, Partial<Platform> {}

/** A {@link Descriptor} of a document, with what else it may say. OCI image-spec, descriptor.md. */
export interface DescriptorDocument extends DocumentObject {
  readonly mediaType?: string | undefined;
  readonly size?: number | bigint | undefined;
  readonly digest?: Digest | undefined;
  /** Base64. */
  readonly data?: string | undefined;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
  readonly platform?: PlatformDocument | undefined;
  readonly artifactType?: string | undefined;
}

/** An image manifest, or an artifact's, to be edited. OCI image-spec, manifest.md. */
export interface ImageDocument extends DocumentObject {
  readonly schemaVersion?: number | bigint | undefined;
  readonly mediaType?: string | undefined;
  readonly config?: DescriptorDocument | undefined;
  /** Missing is written as `null`. */
  readonly layers?: readonly DescriptorDocument[] | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
  readonly subject?: DescriptorDocument | undefined;
  readonly artifactType?: string | undefined;
}

/** An index or manifest list to be edited. OCI image-spec, image-index.md. */
export interface IndexDocument extends DocumentObject {
  readonly schemaVersion?: number | bigint | undefined;
  readonly mediaType?: string | undefined;
  /** Missing is written as `null`. */
  readonly manifests?: readonly DescriptorDocument[] | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
  readonly subject?: DescriptorDocument | undefined;
  readonly artifactType?: string | undefined;
}

// The order of members is that of crane, not of the specification. crane-library reference, section 7.3.

const platform: Codec<PlatformDocument> = struct<PlatformDocument>({
  architecture: always(text),
  os: always(text),
  'os.version': unlessEmpty(text),
  'os.features': unlessEmpty(list(text)),
  variant: unlessEmpty(text),
  features: unlessEmpty(list(text)),
});

const descriptor: Codec<DescriptorDocument> = struct<DescriptorDocument>({
  mediaType: always(text),
  size: always(integer),
  digest: always(digest),
  data: unlessEmpty(base64),
  urls: unlessEmpty(list(text)),
  annotations: unlessEmpty(map(text)),
  platform: unlessEmpty(platform),
  artifactType: unlessEmpty(text),
});

/** Image manifests, and those of artifacts. */
export const imageDocument: DocumentFormat<ImageDocument> = documentFormat(
  struct<ImageDocument>(
    {
      schemaVersion: always(integer),
      mediaType: unlessEmpty(text),
      config: always(descriptor),
      layers: always(list(descriptor)),
      annotations: unlessEmpty(map(text)),
      subject: unlessEmpty(descriptor),
      artifactType: unlessEmpty(text),
    },
    ['manifests', 'fsLayers'],
  ),
  'INVALID_MANIFEST',
);

/** Indexes and manifest lists. */
export const indexDocument: DocumentFormat<IndexDocument> = documentFormat(
  struct<IndexDocument>(
    {
      schemaVersion: always(integer),
      mediaType: unlessEmpty(text),
      manifests: always(list(descriptor)),
      annotations: unlessEmpty(map(text)),
      subject: unlessEmpty(descriptor),
      artifactType: unlessEmpty(text),
    },
    ['config', 'layers', 'fsLayers'],
  ),
  'INVALID_MANIFEST',
);

/** A descriptor in hand as a document has it. */
export function descriptorDocument(source: Descriptor): DescriptorDocument {
  const { mediaType, size, data, urls, artifactType } = source;
  const annotations = source.annotations === undefined ? undefined : new Map(Object.entries(source.annotations));
  return {
    mediaType,
    size,
    digest: source.digest,
    data,
    urls,
    annotations,
    platform: source.platform === undefined ? undefined : platformDocument(source.platform),
    artifactType,
  };
}

/** A platform in hand as a document has it. */
export function platformDocument(source: Platform): PlatformDocument {
  const { architecture, os, variant, features } = source;
  return {
    architecture,
    os,
    'os.version': source['os.version'],
    'os.features': source['os.features'],
    variant,
    features,
  };
}
