import { OciError, quoted } from '../errors.ts';
import { array, type Decoder, integer, object, optional, record, string } from './decode.ts';
import { type ContentId, type Descriptor, descriptorFields } from './descriptor.ts';
import { parseJson } from './json.ts';
import { isIndexType, isManifestType, isSchema1Type, mediaTypes } from './media-type.ts';
import { parseDigest } from './digest.ts';

/** An image manifest, or an artifact's. OCI image-spec, manifest.md; Docker schema 2 has the same shape. */
export interface ImageManifest {
  readonly schemaVersion: number;
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** An image index. OCI image-spec, image-index.md; a Docker manifest list has the same shape. */
export interface ImageIndex {
  readonly schemaVersion: number;
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** A decoded manifest beside the bytes it was read from: bytes decide digests, so they always travel along. */
export type Manifest =
  | { readonly kind: 'image'; readonly image: ImageManifest; readonly bytes: Uint8Array }
  | { readonly kind: 'index'; readonly index: ImageIndex; readonly bytes: Uint8Array }
  /** Docker schema 1: moved as it is; `layers` from the top down, as the format lists them. */
  | { readonly kind: 'schema1'; readonly layers: readonly ContentId[]; readonly bytes: Uint8Array };

const common = {
  schemaVersion: integer,
  mediaType: optional(string),
  artifactType: optional(string),
  subject: optional(descriptorFields),
  annotations: optional(record(string)),
};

const imageManifestFields: Decoder<ImageManifest> = object({
  ...common,
  config: descriptorFields,
  // Go's encoder writes an absent list as null.
  layers: optional(array(descriptorFields), []),
});

/** Decodes an index; {@link parseManifest} also makes sure that it is one. */
export const imageIndexFields: Decoder<ImageIndex> = object({
  ...common,
  manifests: optional(array(descriptorFields), []),
});

const schema1Fields = object({
  fsLayers: array(object({ blobSum: (value, path) => parseDigest(string(value, path)) })),
});

/**
 * Reads a manifest of whatever kind.
 *
 * @param target what the bytes are said to be; its media type decides unless the document itself says otherwise
 * @throws {OciError} `INVALID_MANIFEST` when the bytes are not JSON, malformed, or a manifest and an index at once
 */
export function parseManifest(bytes: Uint8Array, target: ContentId): Manifest {
  const what = `Manifest ${target.digest}`;
  const document = parseJson(bytes, what);
  const kind = kindOf(document, target);
  try {
    if (kind === 'index') return { kind, index: imageIndexFields(document, ''), bytes };
    if (kind === 'image') return { kind, image: imageManifestFields(document, ''), bytes };
    const layers = schema1Fields(document, '').fsLayers;
    return {
      kind,
      layers: layers.map(({ blobSum }) => ({ mediaType: mediaTypes.dockerLayerGzip, digest: blobSum })),
      bytes,
    };
  } catch (cause) {
    if (cause instanceof OciError) throw new OciError('INVALID_MANIFEST', `${what}: ${cause.message}`, { cause });
    throw cause;
  }
}

/**
 * The media type of manifest bytes: what the document says of itself, else what the sender said, else what its fields show.
 * Registries send `text/plain` or parameters, and old OCI tools leave `mediaType` out.
 *
 * @param contentType essence of the sender's `Content-Type`, empty when there is none
 */
export function manifestTypeOf(bytes: Uint8Array, contentType: string): string {
  let document: unknown;
  try {
    document = parseJson(bytes, 'Manifest');
  } catch {
    return contentType;
  }
  if (!isRecord(document)) return contentType;
  const own = field(document, 'mediaType');
  if (typeof own === 'string' && own !== '') return own;
  if (isManifestType(contentType)) return contentType;
  if (field(document, 'schemaVersion') === 1)
    return 'signatures' in document ? mediaTypes.dockerSchema1Signed : mediaTypes.dockerSchema1;
  if (Array.isArray(field(document, 'manifests'))) return mediaTypes.ociIndex;
  // An image config has a `config` too, but that is no descriptor.
  const config = field(document, 'config');
  if (isRecord(config) && typeof field(config, 'digest') === 'string') return mediaTypes.ociManifest;
  return contentType;
}

/** Every descriptor a manifest names, in document order: config and layers, or child manifests. The subject is not one of them. */
export function childrenOf(manifest: Manifest): readonly Descriptor[] {
  if (manifest.kind === 'index') return manifest.index.manifests;
  if (manifest.kind === 'image') return [manifest.image.config, ...manifest.image.layers];
  return [];
}

function kindOf(document: unknown, target: ContentId): Manifest['kind'] {
  if (!isRecord(document)) throw new OciError('INVALID_MANIFEST', `Manifest ${target.digest} is not a JSON object`);
  const own = field(document, 'mediaType');
  const type = typeof own === 'string' && own !== '' ? own : target.mediaType;
  if (isSchema1Type(type) || field(document, 'schemaVersion') === 1) return 'schema1';
  const looksLikeIndex = Object.hasOwn(document, 'manifests');
  const looksLikeImage = Object.hasOwn(document, 'layers') || Object.hasOwn(document, 'config');
  // A document that is both is read differently by different tools: an attack (CVE-2021-41190).
  if (looksLikeIndex && looksLikeImage) {
    throw new OciError('INVALID_MANIFEST', `Manifest ${target.digest} is an image manifest and an index at once`);
  }
  if (isIndexType(type)) {
    if (looksLikeImage) throw contradiction(target, type, 'an image manifest');
    return 'index';
  }
  if (looksLikeIndex) {
    if (isManifestType(type)) throw contradiction(target, type, 'an index');
    return 'index';
  }
  if (!looksLikeImage && !isManifestType(type)) {
    throw new OciError(
      'INVALID_MANIFEST',
      `Manifest ${target.digest} is neither an image manifest nor an index but ${quoted(type)}`,
    );
  }
  return 'image';
}

function contradiction(target: ContentId, type: string, found: string): OciError {
  return new OciError('INVALID_MANIFEST', `Manifest ${target.digest} is said to be ${type} but is ${found}`);
}

function field(document: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(document, key) ? document[key] : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
