import { type ByteSource, type ByteStream, isByteStream } from './bytes.ts';

/**
 * The same bytes, but every wait for the next chunk ends with the signal's own reason as soon as it aborts, even when the
 * source hangs and knows nothing of the signal. The source is then cancelled.
 */
export function untilAborted(source: ByteStream, signal: AbortSignal | undefined): ByteStream;
export function untilAborted(source: ByteSource, signal: AbortSignal | undefined): ByteSource;
export function untilAborted(source: ByteSource, signal: AbortSignal | undefined): ByteSource {
  if (signal === undefined || source instanceof Uint8Array) return source;
  return new AbortableStream(source, signal);
}

class AbortableStream implements ByteStream {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #signal: AbortSignal;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  async cancel(reason?: unknown): Promise<void> {
    if (isByteStream(this.#source)) await this.#source.cancel(reason);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    const signal = this.#signal;
    if (signal.aborted) {
      this.cancel(signal.reason).catch(() => {});
      throw signal.reason;
    }
    const chunks = this.#source[Symbol.asyncIterator]();
    // One listener for the whole stream: a race per chunk against one promise would keep every loser in memory.
    let giveUp: ((reason: unknown) => void) | undefined;
    const onAbort = (): void => giveUp?.(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let finished = false;
    try {
      for (;;) {
        signal.throwIfAborted();
        const { done, value } = await new Promise<IteratorResult<Uint8Array, unknown>>((resolve, reject) => {
          giveUp = reject;
          chunks.next().then(resolve, reject);
        });
        finished = done === true;
        if (done === true) return;
        yield value;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      if (!finished) await this.#release(chunks);
    }
  }

  /** A hanging source may never answer: then nobody waits for it. */
  async #release(chunks: AsyncIterator<Uint8Array>): Promise<void> {
    const released = Promise.allSettled([this.cancel(this.#signal.reason), chunks.return?.()]);
    if (!this.#signal.aborted) await released;
  }
}
