import { type Slot, Slots } from '../../async/slots.ts';
import { type ByteSource, type ByteStream, isByteStream } from '../../content/bytes.ts';
import { NetworkError, type RequestBody } from './exchange.ts';
import type { ResponseError } from './response-error.ts';
import { type RetryContext, type RetryPolicy, shortPause } from './retry.ts';

type Sleep = RetryContext['sleep'];

/** What a request moves. Each kind has places of its own, so that questions do not queue behind layers. */
export type RequestKind = 'question' | 'download' | 'upload';

export interface HostGateOptions {
  readonly transfers: number;
  readonly requests: number;
  /** Requests per second. */
  readonly rate?: number | undefined;
}

/** Where all requests to one host pass: so many at a time, none while the host has asked for a pause. */
export class HostGate {
  readonly #slots: Readonly<Record<RequestKind, Slots>>;
  readonly #interval: number;
  /** By the monotonic clock, as is `#nextAt`. */
  #pausedUntil = 0;
  #nextAt = 0;
  readonly #shrunkAt = new Map<RequestKind, number>();

  constructor({ transfers, requests, rate }: HostGateOptions) {
    this.#slots = {
      question: new Slots({ slots: requests }),
      download: new Slots({ slots: transfers }),
      upload: new Slots({ slots: transfers }),
    };
    this.#interval = rate === undefined ? 0 : 1000 / rate;
  }

  /** Waits until a request may go out. The place is held until it is released. */
  async enter(kind: RequestKind, sleep: Sleep, signal: AbortSignal | undefined): Promise<Slot> {
    const slot = await this.#slots[kind].enter(signal);
    try {
      await this.#sleepThroughPause(sleep, signal);
      await this.#takeTurn(sleep, signal);
      return slot;
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  /**
   * Lets nothing out for a while, and less at a time afterwards: the host asked for it.
   *
   * @returns whether that is news; requests that were under way together get the same answer
   */
  pause(milliseconds: number): boolean {
    const until = performance.now() + milliseconds;
    const isNews = this.#pausedUntil < performance.now();
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
    if (isNews) this.#shrink('question', 'download', 'upload');
    return isNews;
  }

  /**
   * Takes up that a refusal asks to wait: no other request goes out until then.
   *
   * @returns whether that is news, `undefined` when the pause is none for the gate
   */
  heed({ code, status, retryAfter }: ResponseError, { maxRetryAfter }: RetryPolicy): 'news' | 'told' | undefined {
    if (retryAfter === undefined || retryAfter > maxRetryAfter) return undefined;
    if (code !== 'RATE_LIMITED' && status !== 503) return undefined;
    const isNews = this.pause(retryAfter);
    if (retryAfter < shortPause) return undefined;
    return isNews ? 'news' : 'told';
  }

  /** Learns from an answer: 429 and 503 may come of too much at a time (demand-and-quirks reference, Q-84). */
  note(kind: RequestKind, status: number): void {
    if (status < 400) this.#slots[kind].succeed();
    else if (status === 429 || status === 503) this.#shrink(kind);
  }

  /** Learns from a failure: hosts that have too much at a time reset connections, too. */
  noteFailure(kind: RequestKind, error: unknown): void {
    if (error instanceof NetworkError && error.fault === 'reset' && !error.reused) this.#shrink(kind);
  }

  /** Once for all that fail together. */
  #shrink(...kinds: readonly RequestKind[]): void {
    const now = performance.now();
    for (const kind of kinds) {
      if (now < (this.#shrunkAt.get(kind) ?? -shrinkInterval) + shrinkInterval) continue;
      this.#shrunkAt.set(kind, now);
      this.#slots[kind].shrink();
    }
  }

  async #sleepThroughPause(sleep: Sleep, signal: AbortSignal | undefined): Promise<void> {
    for (let until = this.#pausedUntil; until > performance.now(); until = this.#pausedUntil) {
      await sleep(Math.ceil(until - performance.now()), signal);
      if (this.#pausedUntil === until) this.#pausedUntil = 0;
    }
  }

  /** Requests of a host with a rate leave one after the other, at even distances. */
  async #takeTurn(sleep: Sleep, signal: AbortSignal | undefined): Promise<void> {
    if (this.#interval === 0) return;
    const now = performance.now();
    const turn = Math.max(this.#nextAt, now);
    this.#nextAt = turn + this.#interval;
    if (turn > now) await sleep(Math.ceil(turn - now), signal);
  }
}

/** Milliseconds. */
const shrinkInterval = 100;

/** The body of an answer, which keeps a place until it was read, failed or was cancelled, and is idle while nobody reads. */
export function holdingWhileRead(body: ByteStream, slot: Slot): ByteStream {
  slot.idle();
  return {
    [Symbol.asyncIterator]() {
      const chunks = body[Symbol.asyncIterator]();
      return watched(chunks, {
        asked: () => slot.busy(),
        given: () => slot.idle(),
        ended: () => slot.release(),
      });
    },
    async cancel(reason) {
      slot.release();
      await body.cancel(reason);
    },
  };
}

/** The body of a request, during which a place is idle while its source has nothing yet. */
export function idleWhileWaiting(body: RequestBody | undefined, slot: Slot): RequestBody | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return {
    size: body.size,
    // May change while it is read.
    get replayable() {
      return body.replayable;
    },
    open: () => sourceOf(body.open(), slot),
  };
}

function sourceOf(source: ByteSource, slot: Slot): ByteSource {
  if (source instanceof Uint8Array) return source;
  const watch = { asked: () => slot.idle(), given: () => slot.busy(), ended: () => slot.busy() };
  return {
    [Symbol.asyncIterator]: () => watched(source[Symbol.asyncIterator](), watch),
    ...(isByteStream(source) ? { cancel: (reason?: unknown) => source.cancel(reason) } : {}),
  };
}

interface Watch {
  readonly asked: () => void;
  readonly given: () => void;
  readonly ended: () => void;
}

/** By hand and not as a generator, which would cost another promise for each chunk. */
function watched(chunks: AsyncIterator<Uint8Array>, { asked, given, ended }: Watch): AsyncIterator<Uint8Array, void> {
  const seen = (result: IteratorResult<Uint8Array, unknown>): IteratorResult<Uint8Array, void> => {
    if (result.done !== true) {
      given();
      return result;
    }
    ended();
    return { done: true, value: undefined };
  };
  const failed = (error: unknown): never => {
    ended();
    throw error;
  };
  return {
    next() {
      asked();
      return chunks.next().then(seen, failed);
    },
    async return() {
      ended();
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
}
