import { ociArchiveChunks } from '../archive/oci-archive-writer.ts';
import type { Artifact } from '../store/artifact.ts';
import type { Delivery } from './delivery.ts';

/** An image or index as an archive of a layout, byte for byte, for engines that keep manifests. */
export function layoutDelivery(artifact: Artifact, name: string | undefined): Delivery {
  return {
    id: artifact.root.digest,
    layers: 0,
    countKnown: async () => 0,
    chunks: (_known, options) => ociArchiveChunks([{ artifact, ...entryName(name) }], options),
  };
}

/** The annotation that containerd takes names from when it imports a layout. */
function entryName(name: string | undefined): {
  readonly refName?: string;
  readonly annotations?: Readonly<Record<string, string>>;
} {
  if (name === undefined) return {};
  return {
    refName: name.slice(name.lastIndexOf(':') + 1),
    annotations: { 'io.containerd.image.name': name },
  };
}
