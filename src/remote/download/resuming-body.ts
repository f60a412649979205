import { isOciError, messageOf, OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { ProgressOptions } from '../../store/progress.ts';
import type { ByteRange } from '../../wire/content-range.ts';
import { NetworkError } from '../transport/exchange.ts';
import type { Tries } from '../transport/retry.ts';
import type { BlobSource, OpenedPart } from './blob-source.ts';

export interface ResumingOptions extends ProgressOptions {
  readonly signal: AbortSignal;
  /** Fail where only the whole is to be had. @default false */
  readonly onlyPart?: boolean | undefined;
  /** Hears that a request brought nothing. */
  readonly onFutile?: (() => void) | undefined;
}

/**
 * Part of a blob, gone on with where it broke off, for as long as that brings something. Demand-and-quirks reference, Q-26.
 *
 * @param opened the part, where it was opened already
 * @throws {OciError} with the code of what broke last, and how far it came; `SIZE_MISMATCH` for bytes after the blob's end
 */
export async function* resumingBody(
  source: BlobSource,
  part: ByteRange,
  opened: OpenedPart | undefined,
  options: ResumingOptions,
): AsyncGenerator<Uint8Array, void> {
  const { signal, onFutile } = options;
  const { size } = source.target;
  const tries = new PatientTries(source, part, options);
  let answer = opened;
  let offset = part.start;
  for (;;) {
    const begun = offset;
    try {
      answer ??= await source.open({ start: offset, end: part.end }, options);
      for await (const chunk of answer.body) {
        const left = part.end - offset;
        if (chunk.byteLength > left) {
          if (part.end === size) throw longerThan(source.target);
          if (left > 0) yield chunk.subarray(0, left);
          return;
        }
        offset += chunk.byteLength;
        yield chunk;
      }
      if (offset === part.end) return;
      // A server may send less than it was asked for, when it says so.
      if (offset !== answer.end || !tries.advance(offset)) throw endedEarly(source, offset);
    } catch (error) {
      signal.throwIfAborted();
      if (offset === part.end && error instanceof NetworkError) return;
      if (offset === begun) onFutile?.();
      await tries.pause(error, offset);
    }
    answer = undefined;
  }
}

/** Less than this is no progress that would go on for ever. */
const enoughBytes = 1024 * 1024;
/** Of a small blob any so many-th part is enough. */
const enoughShare = 64;
/** As long as it takes so long each time, a little is enough, too. */
const enoughTime = 60_000;

/** Tries that count from the start again when enough came since the last one, in bytes or in time. */
class PatientTries {
  readonly #source: BlobSource;
  readonly #end: number;
  readonly #signal: AbortSignal;
  readonly #tries: Tries;
  #offset: number;
  #time: number;
  #count = 1;

  constructor(source: BlobSource, { start, end }: ByteRange, { signal, onProgress }: ResumingOptions) {
    const { transport } = source.client;
    const { target } = source;
    this.#source = source;
    this.#end = end;
    this.#signal = signal;
    this.#offset = start;
    this.#time = transport.now();
    const tell =
      onProgress &&
      ((attempt: number, delayMs: number, { message }: Error) =>
        onProgress({ type: 'retry', target, attempt, delayMs, message }));
    this.#tries = transport.tries(signal, tell);
  }

  /** Whether so much came since the last try that it may count as the first. */
  advance(offset: number): boolean {
    const bytes = offset - this.#offset;
    const enough = Math.min(enoughBytes, Math.ceil(this.#source.target.size / enoughShare));
    const isProgress = bytes > 0 && (bytes >= enough || 2 * bytes >= this.#end - this.#offset);
    if (isProgress) this.#restart(offset);
    return isProgress;
  }

  /** @throws {OciError} when there were tries enough, or when another makes no sense */
  async pause(error: unknown, offset: number): Promise<void> {
    // Of a server that stalls, the time is its own.
    const wasLong = this.#now - this.#time >= enoughTime && !isOciError(error, 'TIMEOUT');
    if (!this.advance(offset) && wasLong && offset > this.#offset) this.#restart(offset);
    try {
      // What cannot be reached in the middle of a blob was there a moment ago.
      await this.#tries.pause(error instanceof NetworkError ? error.passing() : error);
    } catch (failure) {
      this.#signal.throwIfAborted();
      throw this.#final(failure, offset);
    }
    this.#count++;
    this.#offset = offset;
    this.#time = this.#now;
  }

  #restart(offset: number): void {
    this.#tries.advance();
    this.#offset = offset;
    this.#time = this.#now;
  }

  get #now(): number {
    return this.#source.client.transport.now();
  }

  #final(failure: unknown, offset: number): unknown {
    const { client, target } = this.#source;
    if (!isOciError(failure) || failure.code === 'SIZE_MISMATCH') return failure;
    const tried = this.#count === 1 ? '' : `, tried ${this.#count} times`;
    const state = `Blob ${target.digest} of ${client.name} broke off after ${offset} of ${target.size} bytes${tried}`;
    return new OciError(failure.code, `${state}: ${messageOf(failure)}`, { cause: failure, hint: failure.hint });
  }
}

function longerThan({ digest, size }: Descriptor): OciError {
  return new OciError('SIZE_MISMATCH', `Content ${digest} is longer than the ${size} bytes its descriptor states`);
}

function endedEarly({ client, target }: BlobSource, offset: number): NetworkError {
  const message = `the answer of ${client.repository.registry} ended after ${offset} of ${target.size} bytes`;
  return new NetworkError('cut', message, { retryable: true });
}
