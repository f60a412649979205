import type { Transform } from 'node:stream';
import { isOciError, messageOf, OciError } from '../errors.ts';
import { type ByteSource, chunksOf } from './bytes.ts';

export interface DecompressOptions {
  /**
   * Most bytes that come out, against bombs: a few KiB can stand for gigabytes.
   *
   * @default no limit; for consumers that hold nothing of what passes
   */
  readonly limit?: number | undefined;
}

/** One of node:zlib's streams. A decoder ends after a member or frame; some read on to the next. */
export interface ZlibEngine extends Transform {
  /** Input that was used up. */
  readonly bytesWritten: number;
}

/** How {@link throughEngine} names what it reads, and makes what reads it. */
export interface EngineFormat {
  readonly name: string;
  /** One member, in the words of the format. */
  readonly part: string;
  /** Whether no input at all is complete: for compressing. @default false */
  readonly mayBeEmpty?: boolean | undefined;
  create(): ZlibEngine;
}

/**
 * Runs data through an engine that works on another thread, member after member, until the source is used up. While the
 * consumer has a chunk, the next ones are made.
 *
 * @throws {OciError} while reading `INVALID_ARCHIVE` for malformed, cut or trailing data, `LIMIT_EXCEEDED`
 */
export async function* throughEngine(
  source: ByteSource,
  format: EngineFormat,
  { limit = Number.POSITIVE_INFINITY }: DecompressOptions,
): AsyncGenerator<Uint8Array, void> {
  const feeder = new Feeder(source);
  let total = 0;
  try {
    do {
      const engine = format.create();
      try {
        for await (const chunk of feeder.run(engine)) {
          total += chunk.byteLength;
          if (total > limit) throw tooLarge(format.name, limit);
          yield chunk;
        }
      } catch (error) {
        throw feeder.fault(error, format);
      }
    } while (feeder.hasMore);
    if (feeder.isEmpty && format.mayBeEmpty !== true) throw cutShort(format.name);
  } finally {
    await feeder.close();
  }
}

/** @throws {OciError} `LIMIT_EXCEEDED` */
export function tooLarge(format: string, limit: number): OciError {
  return new OciError(
    'LIMIT_EXCEEDED',
    `The ${format} data is larger than the limit of ${limit} bytes when decompressed`,
  );
}

export function cutShort(format: string, cause?: unknown): OciError {
  return new OciError('INVALID_ARCHIVE', `The ${format} data is cut short`, {
    cause,
    hint: 'Fetch or write it again',
  });
}

export function malformed(format: string, reason: string, cause?: unknown): OciError {
  return new OciError('INVALID_ARCHIVE', `The ${format} data is malformed: ${reason}`, { cause });
}

/** Feeds decoders one after the other and knows what the last one left. */
class Feeder {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  /** Read from the source and not known to be used up. */
  readonly #held: Uint8Array[] = [];
  /** Bytes let go of since the current decoder began. */
  #dropped = 0;
  #parts = 0;
  #read = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: ByteSource) {
    const chunks = chunksOf(source);
    this.#chunks = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  get hasMore(): boolean {
    return this.#held.length > 0;
  }

  get isEmpty(): boolean {
    return this.#read === 0;
  }

  async *run(engine: ZlibEngine): AsyncGenerator<Uint8Array, void> {
    this.#dropped = 0;
    const feeding = this.#feed(engine);
    try {
      yield* engine as AsyncIterable<Uint8Array>;
    } finally {
      engine.destroy();
      await feeding;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#drop(engine.bytesWritten);
    this.#cutFirst(engine.bytesWritten);
    this.#parts++;
    // Only the end of the source tells that nothing follows.
    while (this.#held.length === 0 && (await this.#next()));
  }

  /** Errors of the source stay as they are; those of the decoder become ours. */
  fault(error: unknown, { name, part }: EngineFormat): unknown {
    if (this.#failure !== undefined) return this.#failure.error;
    if (isOciError(error)) return error;
    if (messageOf(error) === 'unexpected end of file') return cutShort(name, error);
    const reason = this.#parts > 0 ? `something else follows its last ${part}` : messageOf(error);
    return malformed(name, reason, error);
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.();
  }

  /** Never rejects: a failing source ends the decoder, and {@link run} throws what it threw. */
  async #feed(engine: ZlibEngine): Promise<void> {
    let over = false;
    let wake: (() => void) | undefined;
    const stop = (): void => {
      over = true;
      wake?.();
    };
    // A decoder ends by itself after a member. Errors are reported by the iteration, but have to have a listener here.
    engine.once('end', stop).once('close', stop).on('error', stop);
    engine.on('drain', () => wake?.());
    try {
      for (let at = 0; ;) {
        if (over) return;
        // Here, too, and not only when it is full: a decoder that is faster than the source never is.
        at -= this.#drop(engine.bytesWritten);
        if (at === this.#held.length && !(await this.#next())) break;
        const chunk = this.#held[at++];
        if (over) return;
        if (chunk === undefined || engine.write(chunk)) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      engine.end();
    } catch (error) {
      this.#failure = { error };
      engine.destroy();
    }
  }

  async #next(): Promise<boolean> {
    while (!this.#ended) {
      const { done, value } = await this.#chunks.next();
      if (done === true) this.#ended = true;
      else if (value.byteLength > 0) {
        this.#read += value.byteLength;
        this.#held.push(value);
        return true;
      }
    }
    return false;
  }

  /** Lets go of chunks that the decoder has used up, and tells how many. */
  #drop(used: number): number {
    let count = 0;
    for (const { byteLength } of this.#held) {
      if (this.#dropped + byteLength > used) break;
      this.#dropped += byteLength;
      count++;
    }
    this.#held.splice(0, count);
    return count;
  }

  #cutFirst(used: number): void {
    const [first] = this.#held;
    if (first !== undefined && used > this.#dropped) this.#held[0] = first.subarray(used - this.#dropped);
  }
}
