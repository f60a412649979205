import { setMaxListeners } from 'node:events';

/** One signal that aborts with the first of the others. Any number of waits may listen to it without a warning. */
export function joinSignals(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const joined = AbortSignal.any(signals.filter((signal) => signal !== undefined));
  setMaxListeners(0, joined);
  return joined;
}
