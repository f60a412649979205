import { messageOf } from '../../errors.ts';
import { isRetryable, sleep } from '../../remote/transport/retry.ts';

export interface RetriesOptions {
  /** Milliseconds before each further try. @default 6 s, 60 s, as gcrane waits (crane-cli reference, section 10.1) */
  readonly pauses?: readonly number[] | undefined;
  readonly signal: AbortSignal;
  onRetry(this: void, message: string): void;
}

const defaultPauses: readonly number[] = [6000, 60_000];

/**
 * Tries something that is made of many requests again. Each request has been tried again by itself already; what still fails
 * is a registry that needs longer: quotas of Google's are counted over minutes (demand-and-quirks reference, C1).
 */
export async function withRetries<T>(
  task: () => Promise<T>,
  { pauses = defaultPauses, signal, onRetry }: RetriesOptions,
): Promise<T> {
  for (const pause of pauses) {
    try {
      return await task();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      onRetry(messageOf(error));
      await sleep(pause, signal);
    }
  }
  return task();
}

/** What failed stands below the words of those who say where it happened. */
function mayPass(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < maxCauses; cause = cause.cause, depth++) {
    if (isRetryable(cause)) return true;
  }
  return false;
}

/** A chain that bites its tail is cut. */
const maxCauses = 10;
