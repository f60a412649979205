import { ChunkCursor } from '../../content/tar/chunk-cursor.ts';
import { blockSize, type TarSparse, type TarSparseRange } from '../../content/tar/entry.ts';
import { decimal, pairs } from '../../content/tar/sparse-map.ts';
import { OciError } from '../../errors.ts';

/** More ranges than this in one file are no file but an attack. */
const maxNumbers = 2_000_000;

/**
 * A sparse file with its holes as zeros: layers should not have any, since few tools agree on them. OCI image-spec, layer.md
 * "File Attributes".
 *
 * @throws {OciError} `INVALID_ARCHIVE` when map and data do not fit together
 */
export async function* expandSparse(
  body: AsyncIterable<Uint8Array>,
  sparse: TarSparse,
): AsyncGenerator<Uint8Array, void> {
  const cursor = new ChunkCursor(body);
  const map = sparse.map ?? (await mapAtStart(cursor));
  let at = 0;
  for (const { offset, length } of map) {
    if (offset < at || offset + length > sparse.realSize) throw malformed('its ranges overlap or leave the file');
    yield* zeros(offset - at);
    for (let rest = length; rest > 0;) {
      const chunk = await cursor.chunk(rest);
      if (chunk === undefined) throw malformed('its data ends too early');
      rest -= chunk.byteLength;
      yield chunk;
    }
    at = offset + length;
  }
  yield* zeros(sparse.realSize - at);
}

/** Version 1.0 keeps it in decimal lines before the data, padded to a block. GNU tar manual, "Storing Sparse Files". */
async function mapAtStart(cursor: ChunkCursor): Promise<readonly TarSparseRange[]> {
  const numbers: number[] = [];
  let wanted = 1;
  let line = '';
  while (numbers.length < wanted) {
    const block = await cursor.gather(blockSize);
    if (block.length < blockSize) throw malformed('its map is cut short');
    for (const byte of block) {
      if (numbers.length === wanted) break;
      if (byte !== 0x0a) line += String.fromCharCode(byte);
      else {
        numbers.push(decimal(line));
        line = '';
        if (numbers.length === 1) wanted = 1 + 2 * (numbers[0] ?? 0);
      }
      if (wanted > maxNumbers || line.length > 20) throw malformed('its map is no list of numbers');
    }
  }
  return pairs(numbers.slice(1));
}

const block = new Uint8Array(256 * 1024);

function* zeros(count: number): Generator<Uint8Array, void> {
  for (let rest = count; rest > 0; rest -= block.length) yield rest < block.length ? block.subarray(0, rest) : block;
}

function malformed(reason: string): OciError {
  return new OciError('INVALID_ARCHIVE', `A sparse file in the layer cannot be read: ${reason}`);
}
