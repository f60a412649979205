import { linkedAbort } from './linked-abort.ts';

/**
 * Does the same for many that come one after the other, a few at a time: the next is asked for when there is room for it. The
 * first failure, of a task or of the source, ends the others, and is thrown when all have ended.
 */
export async function forEachLimited<T>(
  items: AsyncIterable<T> | Iterable<T>,
  slots: number,
  task: (item: T, signal: AbortSignal) => Promise<void>,
  parent?: AbortSignal,
): Promise<void> {
  const abort = linkedAbort(parent);
  const running = new Set<Promise<void>>();
  const start = (item: T): void => {
    const one = task(item, abort.signal)
      .catch((error: unknown) => abort.abort(error))
      .finally(() => running.delete(one));
    running.add(one);
  };
  try {
    for await (const item of items) {
      abort.signal.throwIfAborted();
      start(item);
      while (running.size >= slots) await Promise.race(running);
      abort.signal.throwIfAborted();
    }
  } catch (error) {
    // Only the first call counts.
    abort.abort(error);
  }
  await Promise.all(running);
  abort.unlink();
  abort.signal.throwIfAborted();
}
