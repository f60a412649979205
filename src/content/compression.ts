import { type ByteSource, type ByteStream, type ByteTransform, chunksOf, isByteStream, pipe } from './bytes.ts';
import { gunzipping, gzipping } from './gzip.ts';
import type { DecompressOptions } from './zlib-engine.ts';
import { unzstding, zstding } from './zstd.ts';

/** What a layer or an archive may be compressed with. */
export type CompressionKind = 'none' | 'gzip' | 'zstd';

/** How something is to be compressed. */
export interface Compression {
  readonly kind: CompressionKind;
  /** 1 (fast) to 9 (small) for gzip, to 19 for zstd. @default 1 for gzip, as crane does; 3 for zstd */
  readonly level?: number | undefined;
}

/** Bytes of the start that {@link compressionOf} looks at. */
export const magicSize = 4;

/** The compression that the first bytes show; anything unknown, and what is too short, is `none`. RFC 1952, RFC 8878. */
export function compressionOf(start: Uint8Array): CompressionKind {
  const [a = -1, b = -1, c = -1, d = -1] = start;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  // A skippable frame may stand before the first frame, as zstd:chunked layers have it.
  if ((a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  return 'none';
}

/** Looks at the start of a stream and gives the stream back whole. */
export async function detectCompression(
  source: ByteSource,
): Promise<{ readonly compression: CompressionKind; readonly stream: ByteStream }> {
  const chunks = chunksOf(source);
  const rest = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  const start: Uint8Array[] = [];
  let size = 0;
  while (size < magicSize) {
    const { done, value } = await rest.next();
    if (done === true) break;
    start.push(value);
    size += value.byteLength;
  }
  const joined = start.length === 1 ? start[0] : Buffer.concat(start);
  return { compression: compressionOf(joined ?? new Uint8Array(0)), stream: resumed(source, start, rest) };
}

/**
 * Decompresses whatever it is: gzip, zstd, or nothing to do.
 *
 * @throws {OciError} while reading: `INVALID_ARCHIVE`, `LIMIT_EXCEEDED`
 */
export async function decompress(
  source: ByteSource,
  options: DecompressOptions = {},
): Promise<{ readonly compression: CompressionKind; readonly stream: ByteStream }> {
  const { compression, stream } = await detectCompression(source);
  return { compression, stream: compression === 'none' ? stream : pipe(stream, decompressor(compression, options)) };
}

/** {@link decompress} as a step between streams. */
export function decompressing(options: DecompressOptions = {}): ByteTransform {
  return async function* decompressAny(source) {
    const { stream } = await decompress(source, options);
    yield* stream;
  };
}

/**
 * Compresses, or passes bytes on as they are. gzip gives the same bytes on every machine with the same zlib, however the input
 * is cut and however many processors there are; so does zstd.
 *
 * @throws {RangeError} when the level is none of that kind; while reading {OciError} `UNSUPPORTED` for zstd on a runtime
 *   without it
 */
export function compressing({ kind, level }: Compression): ByteTransform {
  if (kind === 'gzip') return gzipping({ level });
  if (kind === 'zstd') return zstding({ level });
  if (level !== undefined) throw new RangeError(`What is not compressed has no level, not ${level} either`);
  return async function* pass(source) {
    yield* source;
  };
}

export function decompressor(compression: Exclude<CompressionKind, 'none'>, options: DecompressOptions): ByteTransform {
  return compression === 'gzip' ? gunzipping(options) : unzstding(options);
}

function resumed(
  source: ByteSource,
  start: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
): ByteStream {
  const chunks = continued(start, rest);
  return {
    [Symbol.asyncIterator]: () => chunks,
    async cancel(reason) {
      if (isByteStream(source)) await source.cancel(reason);
      await rest.return?.();
      await chunks.return();
    },
  };
}

async function* continued(
  start: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    for (const chunk of start) if (chunk.byteLength > 0) yield chunk;
    for (;;) {
      const { done, value } = await rest.next();
      if (done === true) return;
      yield value;
    }
  } finally {
    await rest.return?.();
  }
}
