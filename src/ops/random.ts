import { createHash, randomBytes } from 'node:crypto';
import { collect } from '../content/bytes.ts';
import { gzipping } from '../content/gzip.ts';
import { digestOf } from '../content/hash.ts';
import { writeTar } from '../content/tar/writer.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { defaultPlatform, type Platform } from '../oci/platform.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';

export interface RandomImageOptions {
  /** @default 3 */
  readonly layers?: number | undefined;
  /** Bytes of the one file in each layer. @default 1024 */
  readonly layerSize?: number | undefined;
  /** The same seed gives the same image. @default another one for each call */
  readonly seed?: string | undefined;
  /** @default linux/amd64 */
  readonly platform?: Platform | undefined;
}

export interface RandomIndexOptions extends Omit<RandomImageOptions, 'platform'> {
  /** One image for each. @default linux/amd64 and linux/arm64 */
  readonly platforms?: readonly Platform[] | undefined;
}

/** A valid OCI image whose layers hold files of noise: something to test with. It is held in memory. */
export async function randomImage(options: RandomImageOptions = {}): Promise<Artifact> {
  const store = new MemoryStore();
  return { store, root: await addImage(store, options) };
}

/** A valid OCI index of random images. It is held in memory. */
export async function randomIndex(options: RandomIndexOptions = {}): Promise<Artifact> {
  const { platforms = [defaultPlatform, { os: 'linux', architecture: 'arm64' }], seed = newSeed() } = options;
  const store = new MemoryStore();
  const manifests: object[] = [];
  for (const platform of platforms) {
    const image = await addImage(store, { ...options, seed: `${seed} ${manifests.length}`, platform });
    manifests.push({ ...image, platform });
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return { store, root: await store.add(encode(index), mediaTypes.ociIndex) };
}

async function addImage(store: MemoryStore, options: RandomImageOptions): Promise<Descriptor> {
  const { layers: count = 3, layerSize = 1024, seed = newSeed(), platform = defaultPlatform } = options;
  const layers: Descriptor[] = [];
  const diffIds: string[] = [];
  for (let i = 0; i < count; i++) {
    const tar = await randomTar(`${seed} ${i}`, layerSize);
    diffIds.push(digestOf(tar));
    // Noise grows a little when it is compressed.
    const bytes = await collect(gzipping()(oneChunk(tar)), 2 * tar.byteLength + 4096);
    layers.push(await store.add(bytes, mediaTypes.ociLayerGzip));
  }
  const { architecture, os, variant } = platform;
  const rootfs = { type: 'layers', diff_ids: diffIds };
  const config = await store.add(encode({ architecture, os, variant, rootfs, config: {} }), mediaTypes.ociConfig);
  return store.add(
    encode({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }),
    mediaTypes.ociManifest,
  );
}

async function randomTar(seed: string, size: number): Promise<Uint8Array> {
  const name = `random-${createHash('sha256').update(seed).digest('hex').slice(0, 12)}.bin`;
  const entries = [{ header: { name, size, mode: 0o644 }, body: noise(seed, size) }];
  return collect(writeTar(entries), size + 4096);
}

/** Bytes that follow from the seed and do not compress. */
function noise(seed: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 32) {
    createHash('sha256').update(`${seed} ${at}`).digest().copy(bytes, at);
  }
  return bytes;
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

function newSeed(): string {
  return randomBytes(16).toString('hex');
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}
