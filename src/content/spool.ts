import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { type ByteSource, type ByteStream, chunksOf, discard } from './bytes.ts';
import { readFileStream, writeChunks } from './file.ts';
import { fileFault } from './file-fault.ts';
import { type GrowingContent, GrowingFile } from './growing-file.ts';
import { Digester } from './hash.ts';
import { makeDirectory } from './make-directory.ts';

export interface SpoolOptions extends CallOptions {
  /**
   * Where the file is made; it is created when it is missing.
   *
   * @default the system's directory for temporary files: the one place where the library asks the system for a path
   */
  readonly directory?: string | undefined;
  /** @default 'sha256' */
  readonly algorithm?: DigestAlgorithm | undefined;
  /** Called when the file is there, so that it can be read while it is written. */
  readonly onBegin?: ((growing: GrowingContent) => void) | undefined;
}

export interface OpenSpoolOptions extends CallOptions {
  /** Offset of the first byte. @default 0 */
  readonly start?: number | undefined;
}

/** Bytes kept in a temporary file, which exists until the spool is disposed of. */
export class Spool implements AsyncDisposable {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;

  constructor(path: string, size: number, digest: Digest) {
    this.path = path;
    this.size = size;
    this.digest = digest;
  }

  /** The bytes from `start` on, as often as wanted. */
  async open({ start = 0, signal }: OpenSpoolOptions = {}): Promise<ByteStream> {
    const stream = await readFileStream(this.path, { start, signal });
    if (start > 0) return stream;
    return {
      file: this.path,
      [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
      cancel: (reason) => stream.cancel(reason),
    };
  }

  /** Deletes the file; streams that are open read on where the system allows it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.path);
  }
}

/** Writes a source to a temporary file that only this user can read, and computes digest and size on the way. */
export async function spool(source: ByteSource, options: SpoolOptions = {}): Promise<Spool> {
  const { signal } = options;
  return intoFile(source, options, async (handle, digester, growing) => {
    await writeChunks(handle, hashed(source, digester), { signal, onWritten: (total) => growing.grow(total) });
  });
}

/**
 * Like {@link spool}, for bytes that are looked at on their way: what `read` has read is written, so that it can stop a source
 * that is not what it should be. It reads to the end or throws.
 */
export async function spoolWhile(
  source: ByteSource,
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
  options: SpoolOptions = {},
): Promise<Spool> {
  return intoFile(source, options, (handle, digester, growing) =>
    read(recorded(hashed(source, digester), handle, growing)),
  );
}

type Write = (handle: FileHandle, digester: Digester, growing: GrowingFile) => Promise<void>;

async function intoFile(
  source: ByteSource,
  { directory, algorithm = 'sha256', onBegin, signal }: SpoolOptions,
  write: Write,
): Promise<Spool> {
  try {
    signal?.throwIfAborted();
    if (directory !== undefined) await makeDirectory(directory);
    // The directory keeps others out, and the file has the permissions it needs where somebody links to it. Nobody knows the
    // name before the file is complete or is told that it grows: it need not get it at the end.
    const path = join(await privateDirectory(directory ?? tmpdir()), 'content');
    const digester = new Digester(algorithm);
    const growing = new GrowingFile(path);
    await createFile(path, signal, async (handle) => {
      onBegin?.(growing);
      await write(handle, digester, growing);
    }).catch((error: unknown) => {
      growing.fail(error);
      throw error;
    });
    const result = { size: digester.size, digest: digester.finish() };
    growing.complete(result);
    return new Spool(path, result.size, result.digest);
  } catch (error) {
    const released = discard(source).catch(() => {});
    if (signal?.aborted !== true) await released;
    throw error;
  }
}

async function privateDirectory(parent: string): Promise<string> {
  const path = join(parent, `crane-oci-${randomBytes(12).toString('hex')}`);
  await mkdir(path, 0o700).catch((error: unknown) => {
    throw fileFault(error, 'write', path);
  });
  return path;
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
  // It may be gone already.
  await rmdir(dirname(path)).catch(() => {});
}

async function createFile(
  path: string,
  signal: AbortSignal | undefined,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const handle = await open(path, 'wx', 0o644).catch(async (error: unknown) => {
    await remove(path).catch(() => {});
    throw fileFault(error, 'write', path);
  });
  try {
    await write(handle);
    await handle.close();
    signal?.throwIfAborted();
  } catch (error) {
    await handle.close().catch(() => {});
    await remove(path).catch(() => {});
    throw fileFault(error, 'write', path);
  }
}

async function* recorded(
  chunks: AsyncIterable<Uint8Array>,
  handle: FileHandle,
  growing: GrowingFile,
): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const chunk of chunks) {
    // In contrast to write() this goes on until everything is written.
    await handle.writeFile(chunk);
    growing.grow((total += chunk.byteLength));
    yield chunk;
  }
}

async function* hashed(source: ByteSource, digester: Digester): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunksOf(source)) {
    digester.update(chunk);
    yield chunk;
  }
}
