import { describeBytes } from '../../content/hash.ts';
import { maxManifestSize } from '../../content/limit.ts';
import { OciError } from '../../errors.ts';
import { manifestTypeOf, parseManifest } from '../../oci/manifest.ts';
import { parseJson } from '../../oci/json.ts';
import type { Artifact } from '../../store/artifact.ts';
import { artifactOf } from './documents.ts';

export interface ReplaceManifestOptions {
  /** @default what the document says of itself, else the type of the manifest before */
  readonly mediaType?: string | undefined;
}

/**
 * What is left of an artifact with other bytes as its manifest or index, taken as they are. Whether there is all that they name
 * is for the place to say where they go. crane-cli reference, section 9.10.
 *
 * @throws {OciError} `INVALID_MANIFEST` when the bytes are no manifest, or another kind than their type says; `LIMIT_EXCEEDED`
 *   above 8 MiB
 */
export async function replaceManifest(
  { store, root }: Artifact,
  bytes: Uint8Array,
  options: ReplaceManifestOptions = {},
): Promise<Artifact> {
  if (bytes.byteLength > maxManifestSize) {
    throw new OciError('LIMIT_EXCEEDED', `The new manifest is larger than the limit of ${maxManifestSize} bytes`);
  }
  parseJson(bytes, 'The new manifest');
  const { mediaType = manifestTypeOf(bytes, root.mediaType) } = options;
  const target = describeBytes(bytes, mediaType);
  parseManifest(bytes, target);
  if (target.digest === root.digest && target.mediaType === root.mediaType) return { store, root };
  const platform = root.platform === undefined ? {} : { platform: root.platform };
  return artifactOf(store, { ...target, ...platform }, [{ target, bytes }]);
}
