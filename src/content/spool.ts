import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { type ByteSource, type ByteStream, chunksOf, discard } from './bytes.ts';
import { readFileStream, writeFileAtomically } from './file.ts';
import { Digester } from './hash.ts';

export interface SpoolOptions extends CallOptions {
  /**
   * Where the file is made; it is created when it is missing.
   *
   * @default the system's directory for temporary files: the one place where the library asks the system for a path
   */
  readonly directory?: string | undefined;
  /** @default 'sha256' */
  readonly algorithm?: DigestAlgorithm | undefined;
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
  open({ start = 0, signal }: OpenSpoolOptions = {}): Promise<ByteStream> {
    return readFileStream(this.path, { start, signal });
  }

  /** Deletes the file; streams that are open read on where the system allows it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { force: true });
  }
}

/** Writes a source to a temporary file that only this user can read, and computes digest and size on the way. */
export async function spool(source: ByteSource, options: SpoolOptions = {}): Promise<Spool> {
  const { directory = tmpdir(), algorithm = 'sha256', signal } = options;
  try {
    signal?.throwIfAborted();
    if (options.directory !== undefined) await mkdir(directory, { recursive: true });
    const digester = new Digester(algorithm);
    const path = join(directory, `crane-oci-${randomBytes(12).toString('hex')}`);
    const size = await writeFileAtomically(path, hashed(source, digester), { mode: 0o600, signal });
    return new Spool(path, size, digester.finish());
  } catch (error) {
    const released = discard(source).catch(() => {});
    if (signal?.aborted !== true) await released;
    throw error;
  }
}

async function* hashed(source: ByteSource, digester: Digester): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunksOf(source)) {
    digester.update(chunk);
    yield chunk;
  }
}
