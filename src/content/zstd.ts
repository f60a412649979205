import { OciError } from '../errors.ts';
import { type ByteSource, type ByteTransform, chunksOf } from './bytes.ts';
import {
  cutShort,
  type DecompressOptions,
  type EngineFormat,
  malformed,
  throughEngine,
  tooLarge,
  type ZlibEngine,
} from './zlib-engine.ts';
import { withinWindow } from './zstd-window.ts';

export interface ZstdOptions {
  /** 1 (fast) to 19 (small). @default 3 */
  readonly level?: number | undefined;
}

const chunkSize = 256 * 1024;

/** What newer runtimes have in node:zlib and the types of Node 20 do not know. */
interface ZstdRuntime {
  readonly createZstdDecompress?: (options: object) => ZlibEngine;
  readonly createZstdCompress?: (options: object) => ZlibEngine;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number; readonly ZSTD_c_checksumFlag?: number };
}

/**
 * Decompresses zstd, several frames and skippable ones included, with the runtime's own decoder where it has one and a
 * WebAssembly one elsewhere. RFC 8878.
 *
 * @throws {OciError} while reading: `INVALID_ARCHIVE` for malformed or cut data or when something else follows, `LIMIT_EXCEEDED`
 */
export function unzstding(options: DecompressOptions = {}): ByteTransform {
  return async function* unzstd(source) {
    const { createZstdDecompress } = await runtime();
    const checked = withinWindow(source);
    if (createZstdDecompress === undefined) yield* unzstdPortably(checked, options);
    else yield* throughEngine(checked, zstdFormat(createZstdDecompress), options);
  };
}

/**
 * Compresses into one zstd frame with a checksum.
 *
 * @throws {RangeError} when the level is none; while reading {OciError} `UNSUPPORTED` where the runtime cannot
 */
export function zstding({ level = 3 }: ZstdOptions = {}): ByteTransform {
  if (!Number.isInteger(level) || level < 1 || level > 19) {
    throw new RangeError(`A zstd level is a whole number from 1 to 19, not ${level}`);
  }
  return async function* zstd(source) {
    const { createZstdCompress, constants } = await runtime();
    if (createZstdCompress === undefined) {
      throw new OciError('UNSUPPORTED', 'This runtime cannot compress with zstd', {
        hint: 'Use gzip, or run a Node.js from 22.15 on',
      });
    }
    const params = { [constants.ZSTD_c_compressionLevel ?? 100]: level, [constants.ZSTD_c_checksumFlag ?? 201]: 1 };
    const create = (): ZlibEngine => createZstdCompress({ chunkSize, params });
    yield* throughEngine(source, { name: 'zstd', part: 'frame', mayBeEmpty: true, create }, {});
  };
}

/** Whether this runtime can compress with zstd. */
export async function canCompressZstd(): Promise<boolean> {
  return (await runtime()).createZstdCompress !== undefined;
}

/** The decoder that is there on every runtime. Exported for its test. */
export async function* unzstdPortably(
  source: ByteSource,
  { limit = Number.POSITIVE_INFINITY }: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const { ZSTDDecoder } = await import('zstddec/stream');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  const queue: Uint8Array[] = [];
  const output = decoder.decodeStreaming(drain(queue));
  let total = 0;
  let started = false;
  let ended = false;
  try {
    for await (const chunk of chunksOf(source)) {
      for (let at = 0; at < chunk.byteLength; at += inputSize) {
        queue.push(chunk.subarray(at, at + inputSize));
        started = true;
        yield* decoded();
      }
    }
    if (!started) throw cutShort('zstd');
    ended = true;
    yield* decoded();
  } finally {
    release(output, queue);
  }

  /** The decoder cannot wait for input, so that it is let on only while a piece is there that it has not taken yet. */
  function* decoded(): Generator<Uint8Array, void> {
    for (let idle = 0; idle <= maxIdleSteps; idle++) {
      const waiting = queue.length;
      if (waiting === 0 && !ended) return;
      const { done, value } = step(output);
      if (done === true) return;
      if (value.byteLength > 0 || queue.length < waiting) idle = -1;
      total += value.byteLength;
      if (total > limit) throw tooLarge('zstd', limit);
      if (value.byteLength > 0) yield value;
    }
    // It does not look at error codes; then it stands still.
    throw malformed('zstd', 'it cannot be decoded, or something else follows its last frame');
  }
}

/** Given to the portable decoder at a time. */
const inputSize = 64 * 1024;
const maxIdleSteps = 32;

function* drain(queue: Uint8Array[]): Generator<Uint8Array, void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield next;
}

function step(output: Generator<Uint8Array>): IteratorResult<Uint8Array> {
  try {
    return output.next();
  } catch (cause) {
    throw cutShort('zstd', cause);
  }
}

/** The decoder frees its memory only when it gets to its end; it is given no more and let run there. */
function release(output: Generator<Uint8Array>, queue: Uint8Array[]): void {
  queue.length = 0;
  try {
    for (let steps = 0; steps < 1000 && output.next().done !== true; steps++);
  } catch {
    // It complains of the missing rest.
  }
}

async function runtime(): Promise<ZstdRuntime> {
  return (await import('node:zlib')) as unknown as ZstdRuntime;
}

function zstdFormat(create: (options: object) => ZlibEngine): EngineFormat {
  return { name: 'zstd', part: 'frame', create: () => create({ chunkSize, highWaterMark: 2 * chunkSize }) };
}
