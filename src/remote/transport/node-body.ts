import type { ClientRequest, IncomingMessage } from 'node:http';
import type { ByteStream } from '../../content/bytes.ts';
import { NetworkError } from './exchange.ts';
import { hostOf, timeoutError } from './network-fault.ts';

export interface NodeBodyOptions {
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds without a byte while a reader waits. */
  readonly idle: number;
}

interface Reader {
  resolve(result: IteratorResult<Uint8Array, undefined>): void;
  reject(error: unknown): void;
}

/**
 * The body of an answer. Written by hand because it is the hottest loop there is: one promise per chunk, and the time limit
 * runs only while somebody waits for bytes, so that a slow reader is no stalled server.
 */
export class NodeBody implements ByteStream, AsyncIterableIterator<Uint8Array> {
  readonly #outgoing: ClientRequest;
  readonly #incoming: IncomingMessage;
  readonly #options: NodeBodyOptions;
  readonly #onAbort: () => void;
  #reader: Reader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;
  #state: 'open' | 'ended' | 'failed' = 'open';

  constructor(outgoing: ClientRequest, incoming: IncomingMessage, options: NodeBodyOptions) {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#options = options;
    this.#onAbort = () => this.#fail(options.signal?.reason);
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    incoming.on('readable', () => this.#deliver());
    incoming.once('end', () => this.#end());
    incoming.on('error', (cause) => this.#fail(this.#cut(cause)));
    incoming.once('close', () => this.#fail(this.#cut()));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // Not `async`, which would cost each chunk three more turns of the promise queue.
  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#state === 'open' ? (this.#incoming.read() as Uint8Array | null) : null;
    if (chunk !== null) return Promise.resolve({ done: false, value: chunk });
    if (this.#state === 'failed') return Promise.reject(this.#failure);
    if (this.#state === 'ended') return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      if (this.#timer === undefined) this.#timer = setTimeout(() => this.#stalled(), this.#options.idle).unref();
      else this.#timer.refresh();
    });
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.cancel();
    return { done: true, value: undefined };
  }

  async cancel(): Promise<void> {
    if (this.#state === 'open') {
      this.#end();
      this.#incoming.destroy();
    }
  }

  #deliver(): void {
    const reader = this.#reader;
    if (reader === undefined) {
      // An empty body ends only when it is read, and frees its connection then.
      if (this.#incoming.readableLength === 0) this.#incoming.read();
      return;
    }
    const chunk = this.#incoming.read() as Uint8Array | null;
    if (chunk === null) return;
    this.#reader = undefined;
    reader.resolve({ done: false, value: chunk });
  }

  #end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#release();
    // An answer that came before the request was sent whole leaves a connection nobody can use again.
    if (!this.#outgoing.writableFinished) this.#outgoing.destroy();
    this.#reader?.resolve({ done: true, value: undefined });
    this.#reader = undefined;
  }

  #fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#release();
    this.#incoming.destroy();
    this.#reader?.reject(error);
    this.#reader = undefined;
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #stalled(): void {
    if (this.#reader !== undefined) this.#fail(timeoutError(this.#options.url, 'receiving the answer'));
  }

  #cut(cause?: unknown): NetworkError {
    return new NetworkError('cut', `${hostOf(this.#options.url)} closed the connection in the middle of its answer`, {
      cause,
      hint: 'Try again; the network or the registry may be overloaded',
    });
  }
}
