import { untilAborted } from '../../content/abort.ts';
import { collect, discard, streamOf } from '../../content/bytes.ts';
import { VerifiedStream } from '../../content/verify.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { RequestBody } from '../transport/exchange.ts';
import type { UploadContent } from './content.ts';

/** Larger chunks are written in parts, so that a slow line is not taken for a dead one. */
const largestWrite = 1024 * 1024;
/** Bytes; as much as one packet more or less does not matter for. */
const shortBody = 32 * 1024;

/**
 * Reads the content of an upload piece by piece: from one stream as long as each piece follows the last, from a new one where
 * bytes are sent again.
 */
export class ContentReader {
  readonly #content: UploadContent;
  readonly #expected: Descriptor;
  readonly #signal: AbortSignal | undefined;
  #opening: Promise<void> | undefined;
  #stream: AsyncIterable<Uint8Array> | undefined;
  #chunks: AsyncIterator<Uint8Array, unknown> | undefined;
  /** What was read of the stream and belongs to the next piece. */
  #rest: Uint8Array | undefined;
  /** Where the next byte of the stream belongs. */
  #position = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(content: UploadContent, expected: Descriptor, signal: AbortSignal | undefined) {
    this.#content = content;
    this.#expected = expected;
    this.#signal = signal;
  }

  /** How opening or reading failed, as against sending. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Opens the content ahead of time. */
  prepare(start: number): void {
    this.#opening = this.#open(start);
    this.#opening.catch(() => {});
  }

  canRead(start: number): boolean {
    if (this.#stream !== undefined && this.#position === start) return true;
    return this.#content.canOpen?.(start) ?? true;
  }

  /** The bytes from `start` to `end` as the body of a request. `onEnd` is called when all of them were taken. */
  async piece(start: number, end: number, onEnd: () => void): Promise<RequestBody> {
    // A short body goes out together with its head.
    if (end - start <= shortBody) return collect(this.#read(start, end, onEnd), shortBody);
    const canRead = (): boolean => this.canRead(start);
    return {
      size: end - start,
      // Looked at after a refusal, when some of it was read already.
      get replayable() {
        return canRead();
      },
      open: () => this.#read(start, end, onEnd),
    };
  }

  /** Releases the content. After an abort nobody waits for a source that hangs. */
  async close(): Promise<void> {
    const closing = this.#close().catch(() => {});
    if (this.#signal?.aborted !== true) await closing;
  }

  async *#read(start: number, end: number, onEnd: () => void): AsyncGenerator<Uint8Array, void> {
    await this.#seek(start);
    while (this.#position < end) {
      const chunk = this.#rest ?? (await this.#next());
      if (chunk === undefined) throw this.#fail(this.#wrongSize(`ended after ${this.#position} of`));
      const length = Math.min(chunk.byteLength, end - this.#position, largestWrite);
      this.#rest = length === chunk.byteLength ? undefined : chunk.subarray(length);
      this.#position += length;
      if (length > 0) yield length === chunk.byteLength ? chunk : chunk.subarray(0, length);
    }
    // Reading on to the end shows a content that is longer, before the request is complete.
    if (end === this.#expected.size && (this.#rest ?? (await this.#next())) !== undefined) {
      throw this.#fail(this.#wrongSize('is longer than the'));
    }
    onEnd();
  }

  async #seek(start: number): Promise<void> {
    await this.#opening;
    if (this.#stream !== undefined && this.#position === start) return;
    await this.#close();
    this.#opening = this.#open(start);
    await this.#opening;
  }

  async #open(start: number): Promise<void> {
    try {
      const opened = await this.#content.open(start);
      const stream = untilAborted(start === 0 ? VerifiedStream.of(opened, this.#expected) : opened, this.#signal);
      this.#stream = stream instanceof Uint8Array ? streamOf(stream) : stream;
      this.#position = start;
      this.#rest = undefined;
      this.#chunks = undefined;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      this.#chunks ??= this.#stream?.[Symbol.asyncIterator]();
      const next = await this.#chunks?.next();
      return next === undefined || next.done === true ? undefined : next.value;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #fail(error: unknown): unknown {
    this.#failure ??= { error };
    return error;
  }

  #wrongSize(how: string): OciError {
    const { digest, size } = this.#expected;
    return new OciError('SIZE_MISMATCH', `Content ${digest} ${how} ${size} bytes`);
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => {});
    const [stream, chunks] = [this.#stream, this.#chunks];
    this.#stream = undefined;
    this.#chunks = undefined;
    this.#rest = undefined;
    if (stream === undefined) return;
    await discard(stream);
    // Not awaited: a source that hangs may never let go of the read that is under way.
    chunks?.return?.().catch(() => {});
  }
}
