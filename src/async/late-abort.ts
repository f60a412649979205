import type { LinkedAbort } from './linked-abort.ts';

/**
 * A signal that follows its parent only after a while: for a request whose answer names something that has to be cleared up,
 * and which is therefore waited for a little longer.
 *
 * @param delay milliseconds
 */
export function lateAbort(parent: AbortSignal | undefined, delay: number): LinkedAbort {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const follow = (): void => {
    timer = setTimeout(() => controller.abort(parent?.reason), delay);
  };
  if (parent?.aborted === true) controller.abort(parent.reason);
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', follow);
    },
  };
}
