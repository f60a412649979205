import type { ClientRequest, IncomingMessage } from 'node:http';
import type { ByteStream } from '../content/bytes.ts';

export interface ResponseBodyOptions {
  /** Milliseconds without a byte while a reader waits. @default no limit of its own */
  readonly idle?: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** What has failed, in words. */
  readonly fault: (error: unknown) => unknown;
  readonly expired: () => Error;
  readonly onBytes?: (() => void) | undefined;
  /** It was read, failed or was cancelled. */
  readonly onEnd: () => void;
}

/** The body of an engine's answer. */
export class ResponseBody implements ByteStream {
  readonly #outgoing: ClientRequest;
  readonly #incoming: IncomingMessage;
  readonly #options: ResponseBodyOptions;
  #started: AsyncGenerator<Uint8Array, void> | undefined;

  constructor(outgoing: ClientRequest, incoming: IncomingMessage, options: ResponseBodyOptions) {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#options = options;
    // Before anybody reads, its failures have no other listener.
    incoming.on('error', () => {});
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    this.#started ??= this.#read();
    return this.#started;
  }

  async cancel(): Promise<void> {
    this.#options.onEnd();
    // A connection in the middle of something is of no use to the next request.
    if (!this.#incoming.complete || !this.#outgoing.writableFinished) this.#outgoing.destroy();
    this.#incoming.destroy();
  }

  async *#read(): AsyncGenerator<Uint8Array, void> {
    const { idle, expired, signal, onBytes, fault } = this.#options;
    const incoming = this.#incoming;
    const stop = (): void => void incoming.destroy(signal?.reason as Error);
    signal?.addEventListener('abort', stop, { once: true });
    const wait = (): NodeJS.Timeout | undefined =>
      idle === undefined ? undefined : setTimeout(() => incoming.destroy(expired()), idle);
    let limit = wait();
    try {
      signal?.throwIfAborted();
      for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
        clearTimeout(limit);
        onBytes?.();
        yield chunk;
        limit = wait();
      }
    } catch (error) {
      throw fault(error);
    } finally {
      clearTimeout(limit);
      signal?.removeEventListener('abort', stop);
      await this.cancel();
    }
  }
}
