import { setTimeout as wait } from 'node:timers/promises';
import { NetworkError } from './exchange.ts';
import { ResponseError } from './response-error.ts';

export interface RetryPolicy {
  /** Tries after the first, of those that the server did not ask to wait for. @default 4 */
  readonly retries: number;
  /** Pause before the first retry in milliseconds; each further one is twice as long. @default 500 */
  readonly baseDelay: number;
  /** Longest pause of our own choosing, in milliseconds. @default 30_000 */
  readonly maxDelay: number;
  /** Longest time a server may make a request wait, all pauses together, in milliseconds; then it fails. @default 300_000 */
  readonly maxRetryAfter: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  retries: 4,
  baseDelay: 500,
  maxDelay: 30_000,
  maxRetryAfter: 5 * 60_000,
};

/** Where time and chance come from. */
export interface RetryContext {
  readonly policy: RetryPolicy;
  readonly random: () => number;
  /** Rejects with the signal's reason when aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Whether the next try will wait at its host's gate, with all the others. */
  readonly waitsAtGate?: ((error: Error) => boolean) | undefined;
  readonly onRetry: (attempt: number, delayMs: number, error: Error) => void;
}

/**
 * Runs `task` until it succeeds, fails for good, or the tries are used up. The last failure is thrown as it is, and not
 * tried again by a task around this one: tries within tries would be many, and their waits long.
 */
export async function retrying<T>(
  task: () => Promise<T>,
  context: RetryContext,
  signal: AbortSignal | undefined,
): Promise<T> {
  const tries = new Tries(context, signal);
  for (;;) {
    try {
      return await task();
    } catch (error) {
      await tries.pause(error);
    }
  }
}

/** The tries of one task, for those that go on where they broke off and do not start anew each time. */
export class Tries {
  readonly #context: RetryContext;
  readonly #signal: AbortSignal | undefined;
  #count: Counts = { own: 0, asked: 0, waited: 0 };

  constructor(context: RetryContext, signal: AbortSignal | undefined) {
    this.#context = context;
    this.#signal = signal;
  }

  /**
   * Waits before the next try.
   *
   * @throws the failure itself when it will not pass, or when there were tries enough; the signal's reason when aborted
   */
  async pause(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!isRetryable(error) || givenUp.has(error)) throw error;
    const delay = delayBefore(this.#count, error, this.#context);
    if (delay === undefined) {
      givenUp.add(error);
      throw error;
    }
    this.#context.onRetry(this.#count.own + this.#count.asked, delay, error);
    if (delay > 0 && this.#context.waitsAtGate?.(error) !== true) await this.#context.sleep(delay, this.#signal);
  }

  /** Something was achieved since the last pause: the tries count from the start again. */
  advance(): void {
    this.#count = { own: 0, asked: 0, waited: 0 };
  }
}

/** Whether a failure may pass by itself. */
export function isRetryable(error: unknown): error is NetworkError | ResponseError {
  if (error instanceof NetworkError) return error.retryable;
  return error instanceof ResponseError && (error.code === 'RATE_LIMITED' || retryableStatuses.has(error.status));
}

export async function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

// demand-and-quirks reference, Q-81.
const retryableStatuses: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524]);

/** Failures that were tried again as often as may be. */
const givenUp = new WeakSet<Error>();

interface Counts {
  own: number;
  asked: number;
  /** Milliseconds, at the server's wish. */
  waited: number;
}

/**
 * Milliseconds. A server that asks for less, down to microseconds, only says that it was too much (demand-and-quirks reference,
 * the pause is then at least one of our own, and the try counts as one of ours.
 */
export const shortPause = 1000;

/** Servers that ask for many short pauses are given up, too. */
const maxAsked = 20;

/** Counts the try. `undefined` when it would be one too many, or too late. */
function delayBefore(tries: Counts, error: NetworkError | ResponseError, context: RetryContext): number | undefined {
  const { policy, random } = context;
  const asked = error instanceof ResponseError ? error.retryAfter : undefined;
  if (asked !== undefined && asked >= shortPause) {
    tries.waited += asked;
    return ++tries.asked > maxAsked || tries.waited > policy.maxRetryAfter || policy.retries === 0 ? undefined : asked;
  }
  if (++tries.own > policy.retries) return undefined;
  // The server closed a connection that was idle; a new one has nothing to wait for.
  if (tries.own === 1 && error instanceof NetworkError && error.reused) return 0;
  const longest = Math.min(policy.maxDelay, policy.baseDelay * 2 ** (tries.own - 1));
  return Math.max(asked ?? 0, Math.round(longest * (0.5 + random() / 2)));
}
