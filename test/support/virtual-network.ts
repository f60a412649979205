import {
  type ByteRange,
  formatContentRange,
  formatUnsatisfiedRange,
  resolveRange,
} from '../../src/wire/content-range.ts';
import {
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  NetworkError,
} from '../../src/remote/transport/exchange.ts';

/** Where the time of a {@link VirtualNetwork} goes. Bytes per millisecond. */
export interface VirtualLine {
  /** What one connection brings at most. @default unlimited */
  readonly perConnection?: number | undefined;
  /** What all connections bring together. @default unlimited */
  readonly together?: number | undefined;
  /** Milliseconds until the head of an answer. @default 0 */
  readonly latency?: number | undefined;
}

/** What a server does with one request, besides answering it. */
export interface VirtualAnswer {
  readonly status?: number | undefined;
  /** Set, or with `undefined` taken away. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /** Sent instead of what was asked for. */
  readonly body?: Uint8Array | undefined;
  /** Bytes after which the connection is cut. */
  readonly cutAfter?: number | undefined;
  /** Bytes after which the idle limit strikes. */
  readonly stallAfter?: number | undefined;
  /** Bytes after which the answer ends as if it were whole. */
  readonly endAfter?: number | undefined;
  /** The connection breaks before there is an answer. */
  readonly reset?: boolean | undefined;
}

export type VirtualScript = (request: ExchangeRequest, count: number, part: ByteRange) => VirtualAnswer | undefined;

/**
 * A server with one blob, at the end of a line whose time is virtual: tests of what is faster take no time, and come out the
 * same each time.
 */
export class VirtualNetwork {
  readonly size: number;
  readonly requests: ExchangeRequest[] = [];
  /** Bodies that are neither read to their end nor cancelled. */
  open = 0;
  /** Most bodies that were read at the same time. */
  mostAtOnce = 0;
  /** Bytes that clients have got. */
  delivered = 0;
  readonly #line: VirtualLine;
  readonly #script: VirtualScript;
  readonly #events: { readonly at: number; readonly run: () => void }[] = [];
  #time = 0;
  #reading = 0;
  #isRunning = false;

  constructor(size: number, line: VirtualLine = {}, script: VirtualScript = () => undefined) {
    this.size = size;
    this.#line = line;
    this.#script = script;
  }

  readonly now = (): number => this.#time;

  readonly sleep = async (milliseconds: number, signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(signal?.reason as Error);
      signal?.addEventListener('abort', stop, { once: true });
      this.#at(this.#time + milliseconds, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
    });
  };

  readonly exchange: Exchange = async (request) => {
    const count = this.requests.push(request);
    await this.sleep(this.#line.latency ?? 0, request.signal);
    const asked = request.headers['range'];
    const range = asked === undefined ? undefined : resolveRange(asked, this.size);
    if (range === 'unsatisfiable') {
      return answerOf(416, { 'content-range': formatUnsatisfiedRange(this.size) }, this.#body(request, [], {}));
    }
    const part = range ?? { start: 0, end: this.size };
    const special = this.#script(request, count, part) ?? {};
    if (special.reset === true) throw new NetworkError('reset', 'The virtual server hung up');
    const { status = range === undefined ? 200 : 206, body } = special;
    const sends = status === 200 ? { start: 0, end: this.size } : part;
    const length = status === 200 || status === 206 ? (body?.byteLength ?? sends.end - sends.start) : 0;
    const headers = {
      'content-length': String(length),
      'accept-ranges': 'bytes',
      ...(status === 206 ? { 'content-range': formatContentRange(part, this.size) } : {}),
      ...special.headers,
    };
    const chunks = length === 0 ? [] : body === undefined ? contentChunks(sends) : [body];
    return answerOf(status, headers, this.#body(request, chunks, special));
  };

  #body(
    { signal }: ExchangeRequest,
    source: Iterable<Uint8Array>,
    { cutAfter = Infinity, stallAfter = Infinity, endAfter = Infinity }: VirtualAnswer,
  ): ExchangeResponse['body'] {
    const chunks = source[Symbol.iterator]();
    const limit = Math.min(cutAfter, stallAfter, endAfter);
    let sent = 0;
    let isOver = false;
    this.open++;
    const close = (): void => {
      if (!isOver) this.open--;
      isOver = true;
    };
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      signal?.throwIfAborted();
      if (isOver) return { done: true, value: undefined };
      const whole = sent >= limit ? undefined : (chunks.next().value as Uint8Array | undefined);
      if (whole === undefined && sent < limit) {
        close();
        return { done: true, value: undefined };
      }
      const value = whole?.subarray(0, limit - sent);
      if (value === undefined || value.byteLength === 0) {
        close();
        if (endAfter === limit) return { done: true, value: undefined };
        throw new NetworkError(stallAfter === limit ? 'timeout' : 'cut', 'The virtual line broke');
      }
      await this.#transfer(value.byteLength, signal).catch((error: unknown) => {
        close();
        throw error;
      });
      sent += value.byteLength;
      this.delivered += value.byteLength;
      return { done: false, value };
    };
    return {
      [Symbol.asyncIterator]: () => ({
        next,
        return: async () => {
          close();
          return { done: true, value: undefined };
        },
      }),
      cancel: async () => close(),
    };
  }

  async #transfer(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const { perConnection = Infinity, together = Infinity } = this.#line;
    this.#reading++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#reading);
    try {
      await this.sleep(bytes / Math.min(perConnection, together / this.open), signal);
    } finally {
      this.#reading--;
    }
  }

  #at(time: number, run: () => void): void {
    this.#events.push({ at: time, run });
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => this.#run());
  }

  /** One event at a time: whatever waits for it goes on before the clock does. */
  #run(): void {
    const next = this.#events.reduce((a, b) => (b.at < a.at ? b : a));
    this.#events.splice(this.#events.indexOf(next), 1);
    this.#time = Math.max(this.#time, next.at);
    next.run();
    if (this.#events.length > 0) setImmediate(() => this.#run());
    else this.#isRunning = false;
  }
}

/** The bytes of the virtual blob, which differ from place to place. */
export function contentOf({ start, end }: ByteRange): Uint8Array {
  return Buffer.concat([...contentChunks({ start, end })]);
}

/** Whether a chunk is what the virtual blob has at `offset`. */
export function isContent(chunk: Uint8Array, offset: number): boolean {
  let at = 0;
  for (const part of contentChunks({ start: offset, end: offset + chunk.byteLength })) {
    if (Buffer.compare(part, chunk.subarray(at, at + part.byteLength)) !== 0) return false;
    at += part.byteLength;
  }
  return true;
}

const pattern = Buffer.alloc(1024 * 1024 + 7);
for (let i = 0; i + 4 <= pattern.byteLength; i += 4) pattern.writeUInt32LE(Math.imul(i + 1, 2_654_435_761) >>> 0, i);
const chunkSize = 512 * 1024;

function* contentChunks({ start, end }: ByteRange): Generator<Uint8Array, void> {
  for (let at = start; at < end;) {
    const from = at % pattern.byteLength;
    const chunk = pattern.subarray(from, from + Math.min(chunkSize, end - at));
    at += chunk.byteLength;
    yield chunk;
  }
}

function answerOf(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  body: ExchangeResponse['body'],
): ExchangeResponse {
  const sent = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const getAll = (name: string): string[] =>
    sent.filter(([known]) => known === name.toLowerCase()).map(([, value]) => value);
  return { status, headers: { get: (name) => getAll(name)[0], getAll, entries: () => sent }, body };
}
