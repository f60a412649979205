import { setTimeout as wait } from 'node:timers/promises';
import { isOciError, messageOf } from '../../errors.ts';
import { NetworkError } from './exchange.ts';
import { ResponseError } from './response-error.ts';

export interface RetryPolicy {
  /** Tries after the first. @default 3 */
  readonly retries: number;
  /** Pause before the first retry in milliseconds; each further one is twice as long. @default 500 */
  readonly baseDelay: number;
  /** Longest pause of our own choosing, in milliseconds. @default 30_000 */
  readonly maxDelay: number;
  /** Longest pause a server may ask for, in milliseconds; when it asks for more the request fails. @default 60_000 */
  readonly maxRetryAfter: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  retries: 3,
  baseDelay: 500,
  maxDelay: 30_000,
  maxRetryAfter: 60_000,
};

/** Where time and chance come from. */
export interface RetryContext {
  readonly policy: RetryPolicy;
  readonly random: () => number;
  /** Rejects with the signal's reason when aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  readonly onRetry: (attempt: number, delayMs: number, message: string) => void;
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
  for (let attempt = 1; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      signal?.throwIfAborted();
      const delay = attempt > context.policy.retries ? undefined : delayBefore(attempt, error, context);
      if (delay === undefined) {
        if (isRetryable(error)) givenUp.add(error);
        throw error;
      }
      context.onRetry(attempt, delay, messageOf(error));
      if (delay > 0) await context.sleep(delay, signal);
    }
  }
}

/** Whether a failure may pass by itself. */
export function isRetryable(error: unknown): error is NetworkError | ResponseError {
  if (error instanceof NetworkError) return error.retryable;
  return error instanceof ResponseError && retryableStatuses.has(error.status);
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

/** `undefined` when another try makes no sense. */
function delayBefore(attempt: number, error: unknown, { policy, random }: RetryContext): number | undefined {
  if (!isRetryable(error) || givenUp.has(error)) return undefined;
  // The server closed a connection that was idle; a new one has nothing to wait for.
  if (attempt === 1 && error instanceof NetworkError && error.reused) return 0;
  const asked = isOciError(error) && error instanceof ResponseError ? error.retryAfter : undefined;
  if (asked !== undefined) return asked > policy.maxRetryAfter ? undefined : asked;
  const longest = Math.min(policy.maxDelay, policy.baseDelay * 2 ** (attempt - 1));
  return Math.round(longest * (0.5 + random() / 2));
}
