import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFault } from '../../content/file-fault.ts';
import { readFileStream, writeWhole } from '../../content/file.ts';
import { makeDirectory } from '../../content/make-directory.ts';
import type { CallOptions } from '../../options.ts';
import { EntrySpans } from './entry-spans.ts';
import type { PagedMemory } from './paged-memory.ts';

/** Room is given back in steps of this size while a layer is read. */
const segmentSize = 16 * 1024 * 1024;
const gatherSize = 1024 * 1024;

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
  async *read({ signal }: CallOptions): AsyncGenerator<Uint8Array, void> {
    for (let path = this.#segments[0]; path !== undefined; path = this.#segments[0]) {
      yield* await readFileStream(path, { regularOnly: true, signal });
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

interface Segment {
  readonly path: string;
  readonly handle: FileHandle;
}

/** Writes chunks to one file after the other, while the next ones come. */
class SegmentWriter {
  readonly #create: () => Promise<Segment>;
  #segment: Segment | undefined;
  #written = 0;
  #gathered: Uint8Array[] = [];
  #size = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(create: () => Promise<Segment>) {
    this.#create = create;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.#gathered.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#size < gatherSize) return;
    await this.#writing;
    this.#writing = this.#write();
    // The failure is met at the next await; until then it must not count as unhandled.
    this.#writing.catch(() => {});
  }

  async finish(): Promise<void> {
    await this.#writing;
    if (this.#size > 0) await this.#write();
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#segment?.handle.close();
    this.#segment = undefined;
  }

  async #write(): Promise<void> {
    const [chunks, size] = [this.#gathered, this.#size];
    this.#gathered = [];
    this.#size = 0;
    if (this.#written >= segmentSize) {
      await this.#segment?.handle.close();
      this.#segment = undefined;
      this.#written = 0;
    }
    const { path, handle } = (this.#segment ??= await this.#create());
    this.#written += size;
    try {
      await writeWhole(handle, chunks, size);
    } catch (error) {
      throw fileFault(error, 'write', path);
    }
  }
}
