import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OciError, quoted } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import { untilAborted } from './abort.ts';
import { fileFault } from './file-fault.ts';
import { type ByteSource, type ByteStream, chunksOf, discard } from './bytes.ts';

// Measured on files of 1 GiB: fewer, larger calls win up to here and change nothing beyond (docs/performance.md).
const readSize = 512 * 1024;
const gatherSize = 1024 * 1024;
// IOV_MAX on Linux and macOS; libuv splits longer lists, but tiny chunks should not pile up either.
const gatherCount = 1024;

export interface WriteFileOptions extends CallOptions {
  /** Permission bits before the umask. @default those of the file that is replaced, 0o644 for a new one */
  readonly mode?: number | undefined;
  /** Wait until file and directory entry are on the disk: what has to survive a power failure. @default false */
  readonly fsync?: boolean | undefined;
  /** Copy each chunk before the next one is asked for: the source uses its memory again. @default false */
  readonly copies?: boolean | undefined;
}

/**
 * Writes a file whole or not at all: into a temporary file of the same directory, which then takes the name. The directory
 * has to exist. After a failure nothing is left and the source is cancelled.
 *
 * @throws {OciError} `FILE_SYSTEM`
 * @returns how many bytes were written
 */
export async function writeFileAtomically(
  path: string,
  source: ByteSource,
  options: WriteFileOptions = {},
): Promise<number> {
  const { copies, signal } = options;
  try {
    return await createFileAtomically(path, (handle) => writeChunks(handle, source, { copies, signal }), options);
  } catch (error) {
    const released = discard(source).catch(ignore);
    // A source that hangs may never answer; after an abort nobody waits for it.
    if (signal?.aborted !== true) await released;
    throw error;
  }
}

/**
 * Like {@link writeFileAtomically} for a file that is not written from its start to its end: `write` fills the temporary
 * file, and what it returns is the result.
 */
export async function createFileAtomically<T>(
  path: string,
  write: (handle: FileHandle) => Promise<T>,
  { mode, fsync = false, signal }: WriteFileOptions = {},
): Promise<T> {
  signal?.throwIfAborted();
  const temporary = join(dirname(path), `.${basename(path).slice(0, 80)}.${randomBytes(8).toString('hex')}.partial`);
  const handle = await open(temporary, 'wx', mode ?? (await modeOf(path))).catch((error: unknown) => {
    throw fileFault(error, 'write', path);
  });
  try {
    const result = await write(handle);
    if (fsync) await handle.sync();
    await handle.close();
    signal?.throwIfAborted();
    await rename(temporary, path);
    if (fsync) await syncDirectory(dirname(path));
    return result;
  } catch (error) {
    await handle.close().catch(ignore);
    await rm(temporary, { force: true }).catch(ignore);
    throw fileFault(error, 'write', path);
  }
}

async function modeOf(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true ? found.mode & 0o777 : 0o644;
}

export interface WriteChunksOptions extends CallOptions, Pick<WriteFileOptions, 'copies'> {
  /** Where the first byte goes, so that several writers can fill one file. @default the handle's own position */
  readonly position?: number | undefined;
  /** Called when so many bytes are in the file. */
  readonly onWritten?: ((total: number) => void) | undefined;
}

/**
 * Writes at one place of a file: chunks are gathered into few large writes, and the next ones are awaited while the last
 * are written.
 *
 * @returns how many bytes were written
 */
export async function writeChunks(
  handle: FileHandle,
  source: ByteSource,
  { copies = false, signal, position, onWritten }: WriteChunksOptions = {},
): Promise<number> {
  const write = async (chunks: readonly Uint8Array[], start: number, length: number): Promise<void> => {
    await writeWhole(handle, chunks, length, placeOf(position, start));
    onWritten?.(start + length);
  };
  let total = 0;
  let gathered: Uint8Array[] = [];
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    const chunks = chunksOf(untilAborted(source, signal));
    for await (const chunk of copies ? copied(chunks) : chunks) {
      if (chunk.byteLength === 0) continue;
      gathered.push(chunk);
      size += chunk.byteLength;
      if (size < gatherSize && gathered.length < gatherCount) continue;
      await writing;
      writing = write(gathered, total, size);
      // The failure is met at the next await; until then it must not count as unhandled.
      writing.catch(ignore);
      total += size;
      gathered = [];
      size = 0;
    }
    await writing;
    if (size > 0) await write(gathered, total, size);
    return total + size;
  } finally {
    await writing.catch(ignore);
  }
}

/** Each piece is written as soon as it comes, and the one before has been when the next one is asked for: two are enough. */
async function* copied(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let [piece, other] = [Buffer.allocUnsafeSlow(gatherSize), Buffer.allocUnsafeSlow(gatherSize)];
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength;) {
      const part = chunk.subarray(at, at + gatherSize - filled);
      piece.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
      if (filled < gatherSize) continue;
      yield piece;
      [piece, other] = [other, piece];
      filled = 0;
    }
  }
  yield piece.subarray(0, filled);
}

export interface ReadFileOptions extends CallOptions {
  /** Offset of the first byte. @default 0 */
  readonly start?: number | undefined;
  /** Offset after the last byte. @default the end of the file */
  readonly end?: number | undefined;
  /** Refuse symbolic links, pipes and devices: for files that somebody else put there. @default false */
  readonly regularOnly?: boolean | undefined;
}

/**
 * Opens a file, or a part of it. Chunks are never reused, the next one is read while the consumer works on the last.
 *
 * @throws {OciError} `NOT_FOUND` when there is no such file, `UNSUPPORTED` for a directory or what `regularOnly` refuses
 */
export async function readFileStream(path: string, options: ReadFileOptions = {}): Promise<ByteStream> {
  const { start = 0, end = Number.MAX_SAFE_INTEGER, regularOnly = false, signal } = options;
  signal?.throwIfAborted();
  const handle = await openForReading(path, regularOnly);
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new OciError('UNSUPPORTED', `${quoted(path)} is a directory, not a file`);
    if (stats.isFile()) return new FileStream(handle, start, Math.min(end, stats.size), true, signal);
    if (regularOnly || start > 0) throw new OciError('UNSUPPORTED', `${quoted(path)} is no regular file`);
    return new FileStream(handle, 0, end, false, signal);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class FileStream implements ByteStream {
  readonly #handle: FileHandle;
  readonly #end: number;
  readonly #positional: boolean;
  readonly #signal: AbortSignal | undefined;
  #offset: number;
  #started: AsyncGenerator<Uint8Array, void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(handle: FileHandle, start: number, end: number, positional: boolean, signal: AbortSignal | undefined) {
    this.#handle = handle;
    this.#offset = start;
    this.#end = end;
    this.#positional = positional;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    this.#started ??= this.#chunks();
    return this.#started;
  }

  async cancel(): Promise<void> {
    this.#closed ??= this.#handle.close();
    await this.#closed;
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void> {
    let ahead = this.#read();
    try {
      for (;;) {
        const chunk = await ahead;
        this.#signal?.throwIfAborted();
        if (chunk.byteLength === 0) return;
        this.#offset += chunk.byteLength;
        ahead = this.#read();
        ahead.catch(ignore);
        yield chunk;
      }
    } finally {
      await ahead.catch(ignore);
      await this.cancel();
    }
  }

  async #read(): Promise<Uint8Array> {
    const length = Math.min(readSize, this.#end - this.#offset);
    if (length <= 0 || this.#closed !== undefined) return new Uint8Array(0);
    const buffer = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, this.#positional ? this.#offset : null);
    return bytesRead === length ? buffer : buffer.subarray(0, bytesRead);
  }
}

async function openForReading(path: string, regularOnly: boolean): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const guards = regularOnly ? constants.O_NOFOLLOW | constants.O_NONBLOCK : 0;
  try {
    return await open(path, constants.O_RDONLY | guards);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new OciError('NOT_FOUND', `No file ${quoted(path)}`, { cause });
    if (code === 'ELOOP' && regularOnly) {
      throw new OciError('UNSUPPORTED', `${quoted(path)} is no regular file`, { cause });
    }
    throw fileFault(cause, 'read', path);
  }
}

function placeOf(start: number | undefined, written: number): number | undefined {
  return start === undefined ? undefined : start + written;
}

/** Writes all chunks at once, to the last byte: `writev` may write less than it was given. */
export async function writeWhole(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  size: number,
  position?: number,
): Promise<void> {
  let rest = chunks;
  let left = size;
  for (;;) {
    const { bytesWritten } = await handle.writev(rest, placeOf(position, size - left));
    left -= bytesWritten;
    if (left <= 0) return;
    rest = without(rest, bytesWritten);
  }
}

function without(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  return chunks.flatMap((chunk) => {
    const from = Math.min(skip, chunk.byteLength);
    skip -= from;
    return from === chunk.byteLength ? [] : [chunk.subarray(from)];
  });
}

/** Not every system lets a directory be opened or synced; then the rename is as durable as it gets. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(ignore);
  if (handle === undefined) return;
  await handle.sync().catch(ignore);
  await handle.close();
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function ignore(): undefined {}
