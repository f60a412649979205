import { gzipSync } from 'node:zlib';
import { collect } from '../../src/content/bytes.ts';
import { digestOf } from '../../src/content/hash.ts';
import type { TarFields } from '../../src/content/tar/encode-header.ts';
import type { TarHeader } from '../../src/content/tar/entry.ts';
import { TarReader } from '../../src/content/tar/reader.ts';
import { writeTar } from '../../src/content/tar/writer.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';

/** An entry of a layer to be made; the size follows from the body. */
export interface LayerEntry extends Omit<TarFields, 'size'> {
  readonly body?: string | Uint8Array | undefined;
}

/** What a reader finds of an entry. */
export interface FoundEntry {
  readonly header: TarHeader;
  readonly body: string;
}

export async function layerTar(entries: readonly LayerEntry[]): Promise<Uint8Array> {
  const inputs = entries.map(({ body = '', ...fields }) => {
    const bytes = Buffer.from(body);
    return { header: { mode: 0o644, ...fields, size: bytes.length }, body: bytes };
  });
  return collect(writeTar(inputs), 2 ** 26);
}

/** An image in memory of these layers, the lowest first. */
export async function imageOfTars(tars: readonly Uint8Array[], config: object = {}): Promise<Artifact> {
  const store = new MemoryStore();
  const layers = [];
  for (const [index, tar] of tars.entries()) {
    const isPlain = index % 2 === 1;
    layers.push(
      await store.add(isPlain ? tar : gzipSync(tar), isPlain ? mediaTypes.ociLayer : mediaTypes.ociLayerGzip),
    );
  }
  const rootfs = { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) };
  const document = { architecture: 'amd64', os: 'linux', rootfs, ...config };
  const configAt = await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociConfig);
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: configAt, layers };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest) };
}

export async function imageOfEntries(...layers: readonly (readonly LayerEntry[])[]): Promise<Artifact> {
  return imageOfTars(await Promise.all(layers.map((entries) => layerTar(entries))));
}

export async function readEntries(stream: AsyncIterable<Uint8Array>): Promise<FoundEntry[]> {
  const found: FoundEntry[] = [];
  for await (const { header, body } of new TarReader(stream)) {
    found.push({ header, body: Buffer.from(await collect(body, 2 ** 26)).toString('latin1') });
  }
  return found;
}
