import type { Descriptor } from '../../oci/descriptor.ts';
import { isIndexType } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { rawManifestOf } from '../read.ts';
import { changeImages } from './change-images.ts';

/**
 * An index with one of its images exchanged for another, also in indexes within: everything else stays, and attestations of
 * the image are attached to the new one. An image alone is the new image.
 *
 * @param image as it is listed
 * @param other what takes its place; its store has all that is new. Its platform, where it states one, becomes that of the entry
 * @throws {OciError} `INVALID_MANIFEST`, `NOT_FOUND`, `LIMIT_EXCEEDED`
 */
export async function replaceImage(
  artifact: Artifact,
  image: Descriptor,
  other: Artifact,
  options: CallOptions = {},
): Promise<Artifact> {
  if (!isIndexType(artifact.root.mediaType) || image.digest === artifact.root.digest) return other;
  const { mediaType, digest, size, platform } = other.root;
  const stated = platform === image.platform ? {} : { platform };
  const upper = new MemoryStore();
  await upper.push({ mediaType, digest, size }, await rawManifestOf(other, options));
  const root = await changeImages(
    artifact,
    upper,
    async (listed) => ({ ...listed.root, mediaType, digest, size, ...stated }),
    { ...options, includeChild: (child) => isIndexType(child.mediaType) || child.digest === image.digest },
  );
  return root.digest === artifact.root.digest ? artifact : { store: new OverlayStore(upper, other.store), root };
}
