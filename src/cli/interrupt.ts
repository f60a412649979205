import { joinSignals } from '../async/join-signals.ts';

/** The reason of a session's signal when the user or the system ends the program. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** What the process ends with: 1 for Ctrl-C, as crane; 128 + 15 for a termination. */
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`${signal === 'SIGINT' ? 'interrupt' : 'termination'} signal received`);
    this.exitCode = signal === 'SIGINT' ? 1 : 143;
  }
}

/** Aborts at the first Ctrl-C or termination; the second one ends the process at once. */
export function abortOnSignals(target: NodeJS.Process): AbortSignal {
  const abort = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    target.on(name, () => {
      const reason = new Interrupted(name);
      if (abort.signal.aborted) target.exit(reason.exitCode);
      abort.abort(reason);
    });
  }
  return joinSignals(abort.signal);
}
