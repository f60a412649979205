import { chunksOf } from '../../src/content/bytes.ts';
import { digestOf } from '../../src/content/hash.ts';
import { encodeTarHeader } from '../../src/content/tar/encode-header.ts';
import type { TarHeader } from '../../src/content/tar/entry.ts';
import { checksums } from '../../src/content/tar/field.ts';
import { TarReader } from '../../src/content/tar/reader.ts';
import { tarPadding } from '../../src/content/tar/writer.ts';

/** An entry with its body. */
export interface Listed {
  readonly header: TarHeader;
  readonly text: string;
}

/** All entries of an archive, read to their ends. */
export async function list(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<readonly Listed[]> {
  const entries: Listed[] = [];
  for await (const { header, body } of new TarReader(source, { signal })) {
    entries.push({ header, text: (await bytesOf(body)).toString('latin1') });
  }
  return entries;
}

/** An archive as the reader passes it on. */
export async function passThrough(source: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  const reader = new TarReader(source, { keepTrailer: true });
  const chunks: Uint8Array[] = [];
  for await (const entry of reader) for await (const chunk of entry.raw()) chunks.push(chunk);
  for await (const chunk of reader.trailer()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** All of a source. */
export async function bytesOf(source: Uint8Array | AsyncIterable<Uint8Array> | readonly Uint8Array[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of Array.isArray(source) ? source : chunksOf(source as Uint8Array))
    chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** An extension header with its records. */
export function paxBlock(type: string, records: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(records).map(([key, value]) => {
    let length = key.length + value.length + 3;
    while (String(length).length + key.length + value.length + 3 !== length)
      length = String(length).length + key.length + value.length + 3;
    return `${length} ${key}=${value}\n`;
  });
  const data = Buffer.from(text.join(''));
  return Buffer.concat([rawHeader(type, data.length), data, tarPadding(data.length)]);
}

/** A header of a type that has no name here. */
export function rawHeader(type: string, size: number): Buffer {
  const block = Buffer.from(encodeTarHeader({ name: 'extension', size }));
  block.write(type, 156, 'latin1');
  return restoreChecksum(block);
}

/** Writes the checksum into a header that was changed. */
export function restoreChecksum(block: Buffer): Buffer {
  block.write(`${checksums(block).unsigned.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** What two archives are compared by. */
export function sha(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${digestOf(bytes)}`;
}
