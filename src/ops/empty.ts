import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';

export interface EmptyOptions {
  /**
   * Whose media types the documents carry.
   *
   * @default 'docker' for images and 'oci' for indexes, as crane's own empty bases
   */
  readonly format?: 'oci' | 'docker' | undefined;
}

/** An image without layers, for no platform; its bytes are those of crane's. crane-cli reference, section 14. */
export async function emptyImage({ format = 'docker' }: EmptyOptions = {}): Promise<Artifact> {
  const store = new MemoryStore();
  const bytes = encode({
    architecture: '',
    created: '0001-01-01T00:00:00Z',
    os: '',
    rootfs: { type: 'layers', diff_ids: null },
    config: {},
  });
  const config = await store.add(bytes, format === 'oci' ? mediaTypes.ociConfig : mediaTypes.dockerConfig);
  const mediaType = format === 'oci' ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const manifest = { schemaVersion: 2, mediaType, config: inGoOrder(config), layers: [] };
  return { store, root: await store.add(encode(manifest), mediaType) };
}

/** An index without manifests; its bytes are those of crane's. crane-cli reference, section 14. */
export async function emptyIndex({ format = 'oci' }: EmptyOptions = {}): Promise<Artifact> {
  const store = new MemoryStore();
  const mediaType = format === 'oci' ? mediaTypes.ociIndex : mediaTypes.dockerManifestList;
  return { store, root: await store.add(encode({ schemaVersion: 2, mediaType, manifests: [] }), mediaType) };
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}

/** The member order of the Go library's descriptors, on which the digests of generated manifests rest. */
export function inGoOrder({ mediaType, size, digest }: Descriptor): object {
  return { mediaType, size, digest };
}
