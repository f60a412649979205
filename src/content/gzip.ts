import type * as NodeZlib from 'node:zlib';
import { type ByteSource, type ByteTransform, chunksOf } from './bytes.ts';
import { type DecompressOptions, type EngineFormat, throughEngine } from './zlib-engine.ts';

export interface GzipOptions {
  /** 1 (fast) to 9 (small). @default 1 */
  readonly level?: number | undefined;
  /**
   * How many blocks of 1 MiB are compressed at once. More than the thread pool has threads only costs memory.
   *
   * @default 4, as many as libuv has threads unless UV_THREADPOOL_SIZE says otherwise
   */
  readonly concurrency?: number | undefined;
}

/** A quarter faster than zlib's default of 16 KiB (docs/performance.md). */
const chunkSize = 256 * 1024;

/** Input of one block; blocks are compressed at the same time. It decides the output, so that it never changes. */
const compressBlockSize = 1024 * 1024;
const dictionarySize = 32 * 1024;

/**
 * A seventh faster than zlib's default of 8 at any level, for half a percent more bytes. It decides the output, too.
 */
const memLevel = 9;

/**
 * Decompresses gzip, several members in a row included. RFC 1952.
 *
 * @throws {OciError} while reading: `INVALID_ARCHIVE` for malformed or cut data or when something else follows, `LIMIT_EXCEEDED`
 */
export function gunzipping(options: DecompressOptions = {}): ByteTransform {
  return async function* gunzip(source) {
    yield* throughEngine(source, await gzipFormat(), options);
  };
}

/**
 * Compresses into one gzip member that depends on data and level only, not on chunks, time, system or number of cores: blocks
 * of 1 MiB are deflated in parallel, each with the end of the one before as its dictionary. The header is the one Go writes.
 *
 * @throws {RangeError} when the level or the number of blocks is none
 */
export function gzipping({ level = 1, concurrency = 4 }: GzipOptions = {}): ByteTransform {
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new RangeError(`A gzip level is a whole number from 1 to 9, not ${level}`);
  }
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`At least one block is compressed at a time, not ${concurrency}`);
  }
  return (source) => gzip(source, level, concurrency);
}

async function gzipFormat(): Promise<EngineFormat> {
  const { createGunzip } = await import('node:zlib');
  const options: NodeZlib.ZlibOptions & { readonly highWaterMark: number } = {
    chunkSize,
    highWaterMark: 2 * chunkSize,
  };
  return { name: 'gzip', part: 'member', create: () => createGunzip(options) };
}

async function* gzip(source: ByteSource, level: number, concurrency: number): AsyncGenerator<Uint8Array, void> {
  // Once, and not for each block: a bundle makes the names of a module anew each time.
  const zlib = await import('node:zlib');
  yield gzipHeader(level);
  let checksum = 0;
  let size = 0;
  const deflating: Promise<Uint8Array>[] = [];
  const spare: Buffer[] = [];
  try {
    for await (const { block, dictionary, isLast } of blocksOf(source, spare)) {
      const result = deflateBlock(zlib, { block, dictionary, isLast }, level).finally(() => spare.push(block));
      // It is awaited in its turn, maybe after another has failed.
      result.catch(() => {});
      deflating.push(result);
      checksum = zlib.crc32(block, checksum);
      size += block.byteLength;
      if (deflating.length === concurrency) yield (await deflating.shift()) ?? new Uint8Array(0);
    }
    for (let next = deflating.shift(); next !== undefined; next = deflating.shift()) yield await next;
  } finally {
    await Promise.allSettled(deflating);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}

/** No name, no time, unknown system. RFC 1952 section 2.3.1. */
function gzipHeader(level: number): Uint8Array {
  const speed = level === 1 ? 4 : level === 9 ? 2 : 0;
  return Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, speed, 255);
}

interface Block {
  readonly block: Buffer;
  readonly dictionary: Uint8Array | undefined;
  readonly isLast: boolean;
}

/** @param spare blocks that are used no longer; without them a layer would leave as much garbage as it is large */
async function* blocksOf(source: ByteSource, spare: Buffer[]): AsyncGenerator<Block, void> {
  const empty = (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(compressBlockSize);
  let block = empty();
  let filled = 0;
  let dictionary: Uint8Array | undefined;
  for await (const chunk of chunksOf(source)) {
    for (let at = 0; at < chunk.byteLength;) {
      // A full block waits for the next byte: only then is it known not to be the last.
      if (filled === compressBlockSize) {
        const next = Buffer.from(block.subarray(compressBlockSize - dictionarySize));
        yield { block, dictionary, isLast: false };
        dictionary = next;
        block = empty();
        filled = 0;
      }
      const part = chunk.subarray(at, at + compressBlockSize - filled);
      block.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
    }
  }
  yield { block: block.subarray(0, filled), dictionary, isLast: true };
}

type Zlib = typeof NodeZlib;

async function deflateBlock(zlib: Zlib, { block, dictionary, isLast }: Block, level: number): Promise<Uint8Array> {
  // What was compressed before is only stored, many times as fast and no larger.
  if (await isCompressed(zlib, block)) return stored(block, isLast);
  const finishFlush = isLast ? zlib.constants.Z_FINISH : zlib.constants.Z_SYNC_FLUSH;
  // What it comes to at most, so that it comes in one piece: zlib's deflateBound adds less than a thousandth.
  const chunkSize = block.byteLength + Math.ceil(block.byteLength / 512) + 64;
  const own = { level, memLevel, finishFlush, chunkSize };
  const result = await deflated(zlib, block, dictionary === undefined ? own : { ...own, dictionary });
  // A small piece must not keep all of that memory: many of them are gathered before they are written.
  return result.byteLength < chunkSize / 2 ? Buffer.from(result) : result;
}

/** Bytes as deflate has them that are not compressed; each block before ends at a whole byte. RFC 1951 section 3.2.4. */
function stored(bytes: Uint8Array, isLast: boolean): Uint8Array {
  const count = Math.ceil(bytes.byteLength / maxStored);
  const result = Buffer.allocUnsafeSlow(bytes.byteLength + count * storedHeaderSize);
  for (let i = 0; i < count; i++) {
    const part = bytes.subarray(i * maxStored, (i + 1) * maxStored);
    const at = i * (maxStored + storedHeaderSize);
    result[at] = isLast && i === count - 1 ? 1 : 0;
    result.writeUInt16LE(part.byteLength, at + 1);
    result.writeUInt16LE(0xffff - part.byteLength, at + 3);
    result.set(part, at + storedHeaderSize);
  }
  return result;
}

const maxStored = 0xffff;
const storedHeaderSize = 5;

/** Whether a whole block looks as if nothing can be gained. It decides the output, so it depends on the data alone. */
async function isCompressed(zlib: Zlib, block: Uint8Array): Promise<boolean> {
  if (block.byteLength < compressBlockSize || !hasEvenBytes(block)) return false;
  // Every byte may be as frequent as any other in what repeats itself: a piece is tried.
  const middle = compressBlockSize / 2;
  const piece = block.subarray(middle, middle + sampleSize);
  const result = await deflated(zlib, piece, { level: 1, memLevel, chunkSize: 2 * sampleSize });
  return result.byteLength > 0.98 * sampleSize;
}

/** Larger than what a repetition is looked for in. */
const sampleSize = 64 * 1024;

/** Counts pieces of a block, which takes microseconds. Text and programs have 4 to 7 bits a byte, compressed data nearly 8. */
function hasEvenBytes(block: Uint8Array): boolean {
  const counts = new Uint32Array(256);
  const [piece, pieces] = [1024, 16];
  for (let at = 0; at < block.byteLength; at += block.byteLength / pieces) {
    for (const byte of block.subarray(at, at + piece)) counts[byte] = (counts[byte] ?? 0) + 1;
  }
  let bits = 0;
  for (const count of counts) if (count > 0) bits += count * Math.log2((piece * pieces) / count);
  return bits / (piece * pieces) > 7.9;
}

async function deflated({ deflateRaw }: Zlib, bytes: Uint8Array, options: NodeZlib.ZlibOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    deflateRaw(bytes, options, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}
