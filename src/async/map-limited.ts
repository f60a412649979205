import { Limiter } from './limiter.ts';
import { linkedAbort } from './linked-abort.ts';

/**
 * Does the same for many, a few at a time. The first failure ends the others, and is thrown when all have ended.
 *
 * @returns the results in the order of the items
 */
export async function mapLimited<T, R>(
  items: readonly T[],
  slots: number,
  task: (item: T, signal: AbortSignal) => Promise<R>,
  parent?: AbortSignal,
): Promise<readonly R[]> {
  const abort = linkedAbort(parent);
  const limiter = new Limiter(slots);
  let failed = false;
  const run = async (item: T): Promise<R | undefined> => {
    if (abort.signal.aborted) return undefined;
    try {
      return await task(item, abort.signal);
    } catch (error) {
      failed = true;
      // Only the first call counts. At once, so that nobody takes the place that is left.
      abort.abort(error);
      return undefined;
    }
  };
  const tasks = items.map((item) => limiter.run(() => run(item), abort.signal).catch(() => undefined));
  const results = await Promise.all(tasks);
  abort.unlink();
  if (failed || abort.signal.aborted) throw abort.signal.reason;
  return results as readonly R[];
}
