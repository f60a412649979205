import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../oci/digest.ts';
import { type ByteSource, type ByteStream, chunksOf, collect, discard, isByteStream } from './bytes.ts';
import { Digester } from './hash.ts';

/** What verification needs to know. */
export type Expected = Pick<Descriptor, 'digest' | 'size'>;

/**
 * Bytes that are checked against a size and a digest as they pass: it fails at the first byte too many, at a short end and
 * on a wrong hash. A consumer that stops early has verified nothing. The class is the proof, so that a store given such a
 * stream need not hash it again.
 */
export class VerifiedStream implements ByteStream {
  readonly #source: ByteSource;
  readonly #expected: Expected;
  #onBytes: ((count: number) => void) | undefined;
  #failed = false;
  #proven = false;
  #started: AsyncGenerator<Uint8Array, void> | undefined;

  constructor(source: ByteSource, expected: Expected) {
    this.#source = source;
    this.#expected = expected;
  }

  /** Puts verification around a source, unless it already is verified for just this content. */
  static of(source: ByteSource, expected: Expected): VerifiedStream {
    if (source instanceof VerifiedStream && source.#proves(expected)) return source;
    return new VerifiedStream(source, expected);
  }

  /** For bytes that the caller has hashed and counted already: they pass without being hashed a second time. */
  static proven(source: ByteSource, expected: Expected): VerifiedStream {
    const stream = new VerifiedStream(source, expected);
    stream.#proven = true;
    return stream;
  }

  /** Tells how many bytes each chunk has, as it is handed on. */
  onBytes(observer: (count: number) => void): this {
    const before = this.#onBytes;
    this.#onBytes = before === undefined ? observer : (count) => (before(count), observer(count));
    return this;
  }

  /** Where the bytes lie, when they need neither be read nor checked. Whoever takes that file calls {@link taken}. */
  get file(): string | undefined {
    const source = this.#source;
    const canTake = this.#proven && this.#started === undefined && isByteStream(source);
    return canTake ? source.file : undefined;
  }

  /** Ends a stream whose {@link file} was taken instead of reading it. */
  async taken(): Promise<void> {
    this.#onBytes?.(this.#expected.size);
    await this.cancel();
  }

  /** Whether reading failed: a consumer that got an error can tell this end's from its own. */
  get failed(): boolean {
    return this.#failed;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    this.#started ??= this.#proven ? this.#pass() : this.#verify();
    return this.#started;
  }

  async cancel(reason?: unknown): Promise<void> {
    const source = this.#source;
    if (source instanceof Uint8Array || !isByteStream(source)) {
      await this.#started?.return();
      return;
    }
    await source.cancel(reason);
    // Not awaited: a source that hangs may never let go of the read that is under way.
    this.#started?.return().catch(() => {});
  }

  #proves(expected: Expected): boolean {
    return this.#expected.digest === expected.digest && this.#expected.size === expected.size;
  }

  async *#pass(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunksOf(this.#source)) {
      this.#onBytes?.(chunk.byteLength);
      yield chunk;
    }
  }

  async *#verify(): AsyncGenerator<Uint8Array, void> {
    const { digest, size } = this.#expected;
    const digester = new Digester(algorithmOf(digest));
    try {
      for await (const chunk of chunksOf(this.#source)) {
        if (chunk.byteLength === 0) continue;
        if (digester.size + chunk.byteLength > size) {
          throw new OciError(
            'SIZE_MISMATCH',
            `Content ${digest} is longer than the ${size} bytes its descriptor states`,
          );
        }
        digester.update(chunk);
        // The last bytes stay back until the hash is known, so that no consumer sees a complete wrong content.
        if (digester.size === size) checkDigest(digester.finish(), digest);
        this.#onBytes?.(chunk.byteLength);
        yield chunk;
      }
      if (digester.size < size) {
        throw new OciError('SIZE_MISMATCH', `Content ${digest} ended after ${digester.size} of ${size} bytes`);
      }
      if (size === 0) checkDigest(digester.finish(), digest);
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }
}

/**
 * All bytes of a small content, verified.
 *
 * @throws {OciError} `LIMIT_EXCEEDED` before anything is read when the descriptor states more than `limit`
 */
export async function collectVerified(source: ByteSource, expected: Expected, limit: number): Promise<Uint8Array> {
  if (expected.size > limit) {
    await discard(source);
    throw new OciError(
      'LIMIT_EXCEEDED',
      `Content ${expected.digest} has ${expected.size} bytes, the limit is ${limit}`,
    );
  }
  return collect(VerifiedStream.of(source, expected), limit, `Content ${expected.digest}`);
}

/** @throws {OciError} `DIGEST_MISMATCH` */
export function checkDigest(actual: Digest, expected: Digest): void {
  if (actual !== expected) {
    throw new OciError('DIGEST_MISMATCH', `Content does not match its digest: expected ${expected}, got ${actual}`);
  }
}
