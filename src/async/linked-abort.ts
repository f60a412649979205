import { setMaxListeners } from 'node:events';

/** A task that ends with its parent's signal, or earlier by itself. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
  /** To be called when the task is over: a signal that lives on must not keep it. */
  unlink(): void;
}

/** A signal of its own for one task. In contrast to `AbortSignal.any` nothing of it is left at a parent that lives long. */
export function linkedAbort(parent: AbortSignal | undefined): LinkedAbort {
  const controller = new AbortController();
  const follow = (): void => controller.abort(parent?.reason);
  if (parent?.aborted === true) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  setMaxListeners(0, controller.signal);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => parent?.removeEventListener('abort', follow),
  };
}
