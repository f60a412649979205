import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteStream } from '../../content/bytes.ts';
import { fileFault } from '../../content/file-fault.ts';
import { readFileStream } from '../../content/file.ts';
import type { CallOptions } from '../../options.ts';

/**
 * A layer's tar in a temporary file: it is read twice, and decompressing takes longer than writing and reading do (for 410 MB
 * of programs 1.2 against 0.4 seconds). Only this user can read it, and it exists until it is disposed of.
 */
export class UnpackedLayer implements AsyncDisposable {
  readonly #path: string;
  readonly #directory: string | undefined;

  /** @param directory created when it is missing @default the system's directory for temporary files */
  constructor(directory: string | undefined) {
    this.#directory = directory;
    this.#path = join(directory ?? tmpdir(), `crane-oci-${randomBytes(12).toString('hex')}`);
  }

  /** Hands chunks on and writes them at the same time. @throws {OciError} `FILE_SYSTEM` */
  async *keep(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const handle = await this.#create();
    let writing: Promise<void> = Promise.resolve();
    try {
      for await (const chunk of chunks) {
        await writing;
        writing = this.#append(handle, chunk);
        // The failure is met at the next await; until then it must not count as unhandled.
        writing.catch(() => {});
        yield chunk;
      }
      await writing;
    } finally {
      await writing.catch(() => {});
      await handle.close();
    }
  }

  open({ signal }: CallOptions): Promise<ByteStream> {
    return readFileStream(this.#path, { regularOnly: true, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { force: true });
  }

  async #append(handle: FileHandle, chunk: Uint8Array): Promise<void> {
    try {
      await handle.appendFile(chunk);
    } catch (error) {
      throw fileFault(error, 'write', this.#path);
    }
  }

  async #create(): Promise<FileHandle> {
    try {
      if (this.#directory !== undefined) await mkdir(this.#directory, { recursive: true });
      return await open(this.#path, 'wx', 0o600);
    } catch (error) {
      throw fileFault(error, 'write', this.#path);
    }
  }
}
