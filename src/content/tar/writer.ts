import { OciError, quoted } from '../../errors.ts';
import { type ByteSource, chunksOf } from '../bytes.ts';
import { encodeTarHeader, type TarFields } from './encode-header.ts';
import { blockSize, paddingOf } from './entry.ts';

/** The two zero blocks that end an archive. */
export const tarTrailer: Uint8Array = new Uint8Array(2 * blockSize);

/** Zeros from the end of a body of `size` bytes to the next block. */
export function tarPadding(size: number): Uint8Array {
  return tarTrailer.subarray(0, paddingOf(size));
}

/** One entry to write: fields that become a header, header blocks as they were read, or all of it with the padding. */
export type TarInput =
  | { readonly entry: Uint8Array }
  | { readonly header: TarFields; readonly body?: ByteSource | undefined }
  | { readonly blocks: Uint8Array; readonly size: number; readonly body?: ByteSource | undefined };

/**
 * Writes an archive: entries in their order, then the trailer. A body has to have just the size its header states.
 *
 * @throws {OciError} while reading: `SIZE_MISMATCH`, `UNSUPPORTED`
 */
export async function* writeTar(
  entries: AsyncIterable<TarInput> | Iterable<TarInput>,
): AsyncGenerator<Uint8Array, void> {
  for await (const entry of entries) {
    if ('entry' in entry) {
      yield entry.entry;
      continue;
    }
    const size = 'header' in entry ? (entry.header.size ?? 0) : entry.size;
    yield 'header' in entry ? encodeTarHeader(entry.header) : entry.blocks;
    let written = 0;
    for await (const chunk of chunksOf(entry.body ?? new Uint8Array(0))) {
      written += chunk.byteLength;
      if (written > size) break;
      if (chunk.byteLength > 0) yield chunk;
    }
    if (written !== size) throw wrongSize('header' in entry ? entry.header.name : undefined, size, written);
    const padding = tarPadding(size);
    if (padding.length > 0) yield padding;
  }
  yield tarTrailer;
}

function wrongSize(name: string | undefined, size: number, written: number): OciError {
  const which = name === undefined ? 'an entry' : `the entry ${quoted(name)}`;
  const found = written > size ? 'has more' : `has only ${written}`;
  return new OciError('SIZE_MISMATCH', `The body of ${which} should have ${size} bytes and ${found}`);
}
