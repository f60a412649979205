import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ByteSource } from '../../content/bytes.ts';
import { paddingOf } from '../../content/tar/entry.ts';
import { changed, missingOr, type Origin } from './file-walk.ts';

/** Files up to this size are read ahead, several at once. */
const smallSize = 64 * 1024;
const readSize = 512 * 1024;
const slabSize = 256 * 1024;

/**
 * What a regular file holds: just the bytes of the file that was looked at before, as many as it had.
 *
 * @throws {OciError} `FILE_SYSTEM`, here or while reading, also when it changed meanwhile or another took its place
 */
export async function fileBody(origin: Origin): Promise<ByteSource> {
  const size = Number(origin.stats.size);
  if (size === 0) return empty;
  if (size > smallSize) return chunksOfFile(origin, size);
  let small: Uint8Array = empty;
  for await (const chunk of chunksOfFile(origin, size)) small = chunk;
  return small;
}

/** Makes entries of small files by calls that block, many of them in one piece of memory: thousands of pieces burden the collector. */
export class SmallFiles {
  #slab = Buffer.alloc(0);

  /**
   * @param header the blocks before the content
   * @returns header, content and padding
   * @throws {OciError} `FILE_SYSTEM`, also when the file changed meanwhile or another took its place
   */
  entry(header: Uint8Array, origin: Origin): Uint8Array {
    const size = Number(origin.stats.size);
    const start = header.byteLength;
    const bytes = this.#take(start + size + paddingOf(size));
    bytes.set(header);
    bytes.fill(0, start + size);
    if (size > 0) readInto(bytes.subarray(start, start + size), origin);
    return bytes;
  }

  #take(size: number): Buffer {
    if (this.#slab.length < size) this.#slab = Buffer.allocUnsafeSlow(slabSize);
    const bytes = this.#slab.subarray(0, size);
    this.#slab = this.#slab.subarray(size);
    return bytes;
  }
}

function readInto(bytes: Buffer, origin: Origin): void {
  try {
    const file = openSync(origin.path, flagsFor(origin));
    try {
      for (let filled = 0; filled < bytes.length;) {
        const count = readSync(file, bytes, filled, bytes.length - filled, filled);
        if (count === 0) throw changed(origin.path, 'changed');
        filled += count;
      }
      checkSame(fstatSync(file, { bigint: true }), origin);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw openFault(error, origin);
  }
}

/** Whether a file is better read at once than piece by piece. */
export function isSmall({ stats }: Origin): boolean {
  return stats.size <= smallSize;
}

const empty = new Uint8Array(0);

async function* chunksOfFile(origin: Origin, size: number): AsyncGenerator<Uint8Array, void> {
  const handle = await opened(origin);
  try {
    // What is read at once is known to be right afterwards.
    if (size > smallSize) await check(handle, origin);
    for (let at = 0; at < size;) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(readSize, size - at));
      let filled = 0;
      while (filled < chunk.length) {
        const { bytesRead } = await handle.read(chunk, filled, chunk.length - filled, at + filled);
        if (bytesRead === 0) throw changed(origin.path, 'changed');
        filled += bytesRead;
      }
      at += filled;
      // Before the last bytes go on, so that nobody takes them for complete.
      if (at === size) await check(handle, origin);
      yield chunk;
    }
  } catch (error) {
    throw missingOr(error, origin.path, 'FILE_SYSTEM');
  } finally {
    await handle.close();
  }
}

async function opened(origin: Origin): Promise<FileHandle> {
  try {
    return await open(origin.path, flagsFor(origin));
  } catch (error) {
    throw openFault(error, origin);
  }
}

/** A link or a pipe may have taken the file's place: the one would lead out of the tree, the other block for ever. */
function flagsFor({ follow }: Origin): number {
  return constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW);
}

function openFault(error: unknown, { path }: Origin): unknown {
  if (error instanceof Error && 'code' in error && error.code === 'ELOOP') return changed(path, 'changed', error);
  return missingOr(error, path, 'FILE_SYSTEM');
}

async function check(handle: FileHandle, origin: Origin): Promise<void> {
  checkSame(await handle.stat({ bigint: true }), origin);
}

function checkSame(now: BigIntStats, { path, stats }: Origin): void {
  const same = now.dev === stats.dev && now.ino === stats.ino && now.size === stats.size;
  if (!same || now.mtimeNs !== stats.mtimeNs) throw changed(path, 'changed');
}
