import { isOciError, OciError, quoted } from '../errors.ts';
import { array, type Decoder, object, optional, record, string } from '../oci/decode.ts';
import { type Descriptor, descriptorFields } from '../oci/descriptor.ts';
import { encodeJson, parseJson } from '../oci/json.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { descriptorJson } from './docker-archive-plan.ts';

/** What `manifest.json` says of one image: names of files in the archive. */
export interface DockerArchiveEntry {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
  /** By diff ID, what a layer was before it came into the archive. */
  readonly LayerSources: Readonly<Record<string, Descriptor>>;
}

const entriesFields: Decoder<readonly DockerArchiveEntry[]> = array(
  object({
    Config: string,
    RepoTags: optional(array(string), []),
    Layers: optional(array(string), []),
    LayerSources: optional(record(descriptorFields), {}),
  }),
);

/**
 * Reads `manifest.json`.
 *
 * @param what names it in messages
 * @throws {OciError} `INVALID_ARCHIVE`
 */
export function parseDockerManifest(bytes: Uint8Array, what: string): readonly DockerArchiveEntry[] {
  const document = parseJson(bytes, what, 'INVALID_ARCHIVE');
  try {
    return entriesFields(document, '');
  } catch (cause) {
    if (isOciError(cause)) throw new OciError('INVALID_ARCHIVE', `${what}: ${cause.message}`, { cause });
    throw cause;
  }
}

/**
 * The manifest of an image from an archive, which has none: Docker's, in Go's member order, so that its digest is crane's.
 * Docker's format knows no zstd, so that an image with a zstd layer gets an OCI manifest; crane calls such layers gzip.
 */
export function synthesizeManifest(
  config: Pick<Descriptor, 'digest' | 'size'>,
  layers: readonly Descriptor[],
): { readonly mediaType: string; readonly bytes: Uint8Array } {
  const oci = layers.some(({ mediaType }) => ociOnly.has(mediaType));
  const mediaType = oci ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const text = encodeJson({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: oci ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
      size: config.size,
      digest: config.digest,
    },
    layers: layers.map((layer) => {
      const isGzip = layer.mediaType === mediaTypes.dockerLayerGzip;
      return descriptorJson(oci && isGzip ? { ...layer, mediaType: mediaTypes.ociLayerGzip } : layer);
    }),
  });
  return { mediaType, bytes: Buffer.from(text) };
}

const ociOnly: ReadonlySet<string> = new Set([mediaTypes.ociLayerZstd, mediaTypes.ociRestrictedLayerZstd]);

/** A name in the archive that leads out of it is a lie; it is never looked up anywhere but in the archive's index. */
export function checkMemberName(name: string, archive: string): void {
  if (name !== '' && !name.split('/').includes('..')) return;
  throw new OciError(
    'INVALID_ARCHIVE',
    `The manifest.json of ${quoted(archive)} names the file ${quoted(name)}, which leads out of the archive`,
  );
}
