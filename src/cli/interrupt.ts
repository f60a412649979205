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

/** Wrappers like npm and timeout pass a signal on that the terminal has sent already: so soon after the first it is the same. */
const echoTime = 1000;

/** Aborts at the first Ctrl-C or termination; a second one ends the process at once. */
export function abortOnSignals(target: NodeJS.Process): AbortSignal {
  const abort = new AbortController();
  let first: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    target.on(name, () => {
      const reason = new Interrupted(name);
      if (first !== undefined && performance.now() - first > echoTime) target.exit(reason.exitCode);
      first ??= performance.now();
      abort.abort(reason);
    });
  }
  return joinSignals(abort.signal);
}
