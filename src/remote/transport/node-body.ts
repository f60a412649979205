import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { ByteStream } from '../../content/bytes.ts';
import { NetworkError } from './exchange.ts';
import { isNode } from './runtime.ts';
import { hostOf, timeoutError } from './network-fault.ts';

export interface NodeBodyOptions {
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds without a byte while a reader waits. */
  readonly idle: number;
}

/** From this size on a body is worth a connection of its own. */
const largeBody = 16 * 1024 * 1024;

/**
 * Node's parser copies every byte of a body, which is a sixth of the time of a pull (docs/performance.md). A large body of known length is
 * therefore read from the socket itself once its headers are parsed; the connection is closed after it.
 *
 * @returns the length of such a body in bytes, `undefined` for all others
 */
function lengthBesideParser({ headers, statusCode, socket }: IncomingMessage): number | undefined {
  // Other runtimes have no parser between socket and message that could be left out.
  if (!isNode() || (statusCode !== 200 && statusCode !== 206)) return undefined;
  // Where nothing listens to the socket, the parser has let go of it: the message is complete.
  if (headers['transfer-encoding'] !== undefined || socket.listenerCount('data') === 0) return undefined;
  const length = Number(headers['content-length']);
  return length >= largeBody && Number.isSafeInteger(length) ? length : undefined;
}

/** A reader that falls behind by more holds the connection up. */
const maxWaiting = 2 * 1024 * 1024;

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
  /** What to hold up when the reader falls behind. */
  #feed: Readable;
  /** What has arrived and was not asked for yet, and its size in bytes. */
  readonly #chunks: Uint8Array[] = [];
  #waiting = 0;
  #reader: Reader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;
  #state: 'open' | 'ended' | 'failed' = 'open';

  constructor(outgoing: ClientRequest, incoming: IncomingMessage, options: NodeBodyOptions) {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#feed = incoming;
    this.#options = options;
    this.#onAbort = () => this.#fail(options.signal?.reason);
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    const length = outgoing.method === 'HEAD' ? undefined : lengthBesideParser(incoming);
    if (length === undefined) incoming.on('data', (chunk: Uint8Array) => this.#deliver(chunk));
    else this.#readBesideParser(length);
    incoming.once('end', () => this.#end());
    incoming.on('error', (cause) => this.#fail(this.#cut(cause)));
    incoming.once('close', () => this.#fail(this.#cut()));
    // Lost already, while the rest of the request was still waited for: none of these events comes again.
    if (incoming.destroyed) this.#fail(this.#cut());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // Not `async`, which would cost each chunk three more turns of the promise queue.
  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#waiting -= chunk.byteLength;
      if (this.#waiting === 0 && this.#feed.isPaused()) this.#feed.resume();
      return Promise.resolve({ done: false, value: chunk });
    }
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
    this.#chunks.length = 0;
    if (this.#state === 'open') {
      this.#end();
      this.#incoming.destroy();
    }
  }

  /** The parser keeps what it has; the rest of the body, and nothing else, is still to come from the socket. */
  #readBesideParser(length: number): void {
    const { socket } = this.#incoming;
    let missing = length;
    const take = (chunk: Uint8Array): void => {
      missing -= chunk.byteLength;
      this.#deliver(missing < 0 ? chunk.subarray(0, missing) : chunk);
      if (missing > 0) return;
      this.#end();
      socket.destroy();
    };
    for (const listener of socket.listeners('data')) socket.off('data', listener as () => void);
    this.#feed = socket;
    const first = this.#incoming.read() as Uint8Array | null;
    if (first !== null) take(first);
    socket.on('data', take);
  }

  #deliver(chunk: Uint8Array): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: chunk });
      return;
    }
    this.#chunks.push(chunk);
    this.#waiting += chunk.byteLength;
    if (this.#waiting >= maxWaiting) this.#feed.pause();
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
