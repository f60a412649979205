import { chunksOf } from '../../content/bytes.ts';
import { TarReader } from '../../content/tar/reader.ts';
import { isOciError, OciError } from '../../errors.ts';

/**
 * Passes chunks on as they are and reads them as a tar archive meanwhile.
 *
 * @param what names the archive in messages: `The layer "x.tar"`
 * @throws {OciError} while reading: `INVALID_ARCHIVE` when it is none, damaged or cut short
 */
export async function* checkedTar(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array, void> {
  // What the reader has taken and the consumer has not; one chunk as a rule, since bodies are read piece by piece.
  const passed: Uint8Array[] = [];
  const reader = new TarReader(noting(source, passed), { keepTrailer: true });
  let entries = 0;
  let bytes = 0;
  try {
    for await (const entry of reader) {
      entries++;
      if (entry.restHere() === undefined) for await (const _ of entry.body) yield* taken();
      if (passed.length > 0) yield* taken();
    }
    for await (const _ of reader.trailer()) yield* taken();
    yield* taken();
  } catch (error) {
    throw isOciError(error, 'INVALID_ARCHIVE') ? unusable(what, error, entries) : error;
  } finally {
    await reader.cancel();
  }
  if (bytes === 0) throw unusable(what, new OciError('INVALID_ARCHIVE', 'It is empty'), 0);

  function* taken(): Generator<Uint8Array, void> {
    for (const chunk of passed.splice(0)) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  }
}

async function* noting(source: AsyncIterable<Uint8Array>, passed: Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunksOf(source)) {
    passed.push(chunk);
    yield chunk;
  }
}

function unusable(what: string, cause: OciError, entries: number): OciError {
  const reason = cause.message.charAt(0).toLowerCase() + cause.message.slice(1);
  return new OciError('INVALID_ARCHIVE', `${what} is no usable tar archive: ${reason}`, {
    cause,
    hint:
      entries > 0
        ? 'It is damaged or was not written to its end; make it again'
        : 'A layer is made from a tar archive, plain or compressed with gzip or zstd',
  });
}
