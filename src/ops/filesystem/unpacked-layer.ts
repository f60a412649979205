import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFault } from '../../content/file-fault.ts';
import { writeWhole } from '../../content/file.ts';
import { makeDirectory } from '../../content/make-directory.ts';
import type { CallOptions } from '../../options.ts';
import { EntrySpans } from './entry-spans.ts';
import type { PagedMemory } from './paged-memory.ts';

/** Room is given back in steps of this size while a layer is read. */
const segmentSize = 16 * 1024 * 1024;
const gatherSize = 1024 * 1024;
const readSize = 512 * 1024;

export interface ReadLayerOptions extends CallOptions {
  /** Whether a chunk is good only until the next one is asked for: then all of them share the same memory. @default false */
  readonly reusesChunks?: boolean | undefined;
}

/**
 * A layer's tar in temporary files: it is read twice, and decompressing takes longer than writing and reading do (for 410 MB
 * of programs 1.2 against 0.4 seconds). Only this user can read them. Each is deleted as soon as it was read, so that layers and
 * what is made of them never take room at the same time, and the memory that the system keeps files in is used again at
 * once: a fifth of the time of an export.
 */
export class UnpackedLayer implements AsyncDisposable {
  /** Of its entries. */
  readonly spans: EntrySpans;
  readonly #directory: string | undefined;
  readonly #segments: string[] = [];

  /** @param directory created when it is missing @default the system's directory for temporary files */
  constructor(memory: PagedMemory, directory: string | undefined) {
    this.spans = new EntrySpans(memory);
    this.#directory = directory;
  }

  /** Hands chunks on and writes them at the same time. @throws {OciError} `FILE_SYSTEM` */
  async *keep(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const writer = new SegmentWriter(() => this.#create());
    try {
      for await (const chunk of chunks) {
        await writer.add(chunk);
        yield chunk;
      }
      await writer.finish();
    } finally {
      await writer.close();
    }
  }

  /** The tar, once: what was read is gone. */
  async *read({ reusesChunks = false, signal }: ReadLayerOptions): AsyncGenerator<Uint8Array, void> {
    const spare: Uint8Array[] = [];
    for (let path = this.#segments[0]; path !== undefined; path = this.#segments[0]) {
      for await (const chunk of segmentAt(path, spare)) {
        signal?.throwIfAborted();
        yield chunk;
        if (reusesChunks && chunk.byteLength === readSize) spare.push(chunk);
      }
      await rm(path, { force: true });
      this.#segments.shift();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#segments.splice(0).map((path) => rm(path, { force: true })));
  }

  async #create(): Promise<Segment> {
    const path = join(this.#directory ?? tmpdir(), `crane-oci-${randomBytes(12).toString('hex')}`);
    try {
      if (this.#directory !== undefined && this.#segments.length === 0) await makeDirectory(this.#directory);
      const handle = await open(path, 'wx', 0o600);
      this.#segments.push(path);
      return { path, handle };
    } catch (error) {
      throw fileFault(error, 'write', path);
    }
  }
}

/** The next chunk is read while the consumer works on the last. @param spare memory for chunks */
async function* segmentAt(path: string, spare: Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  const handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch((error: unknown) => {
    throw fileFault(error, 'read', path);
  });
  async function read(): Promise<Uint8Array> {
    const chunk = spare.pop() ?? Buffer.allocUnsafeSlow(readSize);
    const { bytesRead } = await handle.read(chunk, 0, readSize);
    return bytesRead === readSize ? chunk : chunk.subarray(0, bytesRead);
  }
  let ahead = read();
  try {
    for (let chunk = await ahead; chunk.byteLength > 0; chunk = await ahead) {
      ahead = read();
      // The failure is met at the next await; until then it must not count as unhandled.
      ahead.catch(() => {});
      yield chunk;
    }
  } catch (error) {
    throw fileFault(error, 'read', path);
  } finally {
    await ahead.catch(() => {});
    await handle.close();
  }
}

interface Segment {
  readonly path: string;
  readonly handle: FileHandle;
}

/**
 * Writes chunks to one file after the other, while the next ones come. They are copied to memory that is used again: kept until
 */
class SegmentWriter {
  readonly #create: () => Promise<Segment>;
  #segment: Segment | undefined;
  #written = 0;
  #filled = 0;
  #buffer: Uint8Array = Buffer.allocUnsafeSlow(gatherSize);
  #spare: Uint8Array | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(create: () => Promise<Segment>) {
    this.#create = create;
  }

  async add(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength;) {
      const count = Math.min(chunk.byteLength - at, gatherSize - this.#filled);
      this.#buffer.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === gatherSize) await this.#flush();
    }
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#segment?.handle.close();
    this.#segment = undefined;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const full = this.#buffer;
    this.#writing = this.#write(full, this.#filled);
    // The failure is met at the next await; until then it must not count as unhandled.
    this.#writing.catch(() => {});
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(gatherSize);
    this.#spare = full;
    this.#filled = 0;
  }

  async #write(bytes: Uint8Array, size: number): Promise<void> {
    if (size === 0) return;
    if (this.#written >= segmentSize) {
      await this.#segment?.handle.close();
      this.#segment = undefined;
      this.#written = 0;
    }
    const { path, handle } = (this.#segment ??= await this.#create());
    this.#written += size;
    try {
      await writeWhole(handle, [bytes.subarray(0, size)], size);
    } catch (error) {
      throw fileFault(error, 'write', path);
    }
  }
}
