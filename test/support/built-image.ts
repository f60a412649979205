import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/content/hash.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';

/** What an image is made of, the lowest layer first. */
export interface ImageRecipe {
  readonly tars: readonly Uint8Array[];
  /** @default 'oci' */
  readonly family?: 'oci' | 'docker';
  /** Of gzip. @default 6 */
  readonly level?: number;
  /** Members of the config beside `rootfs`. */
  readonly config?: object;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Members of the manifest. */
  readonly manifest?: object;
}

/** An image with members of its documents as they are given, in a store of its own or in one that is given. */
export async function builtImage(recipe: ImageRecipe, store: MemoryStore = new MemoryStore()): Promise<Artifact> {
  const { tars, family = 'oci', level = 6, config = {}, annotations, manifest: more = {} } = recipe;
  const types =
    family === 'oci'
      ? { layer: mediaTypes.ociLayerGzip, config: mediaTypes.ociConfig, manifest: mediaTypes.ociManifest }
      : { layer: mediaTypes.dockerLayerGzip, config: mediaTypes.dockerConfig, manifest: mediaTypes.dockerManifest };
  const layers: Descriptor[] = [];
  for (const tar of tars) layers.push(await store.add(gzipSync(tar, { level }), types.layer));
  const rootfs = { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) };
  const settings = { architecture: 'amd64', os: 'linux', config: {}, rootfs, ...config };
  const configAt = await store.add(Buffer.from(JSON.stringify(settings)), types.config);
  const manifest = { schemaVersion: 2, mediaType: types.manifest, config: configAt, layers, annotations, ...more };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest)), types.manifest) };
}

/** One entry of an index to be built. */
export interface IndexEntry {
  readonly image: Artifact;
  readonly platform?: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An index whose images are in the same store. */
export async function builtIndex(
  store: MemoryStore,
  entries: readonly IndexEntry[],
  more: object = {},
): Promise<Artifact> {
  const manifests = entries.map(({ image: { root }, platform, annotations }) => ({
    mediaType: root.mediaType,
    digest: root.digest,
    size: root.size,
    platform,
    annotations,
  }));
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...more };
  return { store, root: await store.add(Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex) };
}

/** The JSON document of a manifest or config. */
export async function documentOf<T>({ store, root }: Artifact): Promise<T> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.fetch(root)) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString()) as T;
}
