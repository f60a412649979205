import { type ByteStream, collect } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { manifestTypeOf } from '../oci/manifest.ts';
import { isManifestType, mediaTypes } from '../oci/media-type.ts';

/**
 * Looks into content to find out whether it is a manifest and of which type, for stores that keep bytes without their types.
 *
 * @param open opens the content, verified
 * @returns `undefined` when it is no manifest
 */
export async function identifyManifest(
  digest: Digest,
  size: number,
  open: (target: Descriptor) => Promise<ByteStream>,
): Promise<Descriptor | undefined> {
  if (size > maxManifestSize) return undefined;
  const target = { mediaType: mediaTypes.octetStream, digest, size };
  const mediaType = manifestTypeOf(await collect(await open(target), maxManifestSize), '');
  return isManifestType(mediaType) ? { ...target, mediaType } : undefined;
}
