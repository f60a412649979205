import { joinSignals } from '../async/join-signals.ts';

/** The reason of a session's signal when the user or the system ends the program. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** What the process ends with: 1 for Ctrl-C, as crane; 128 and the number of the signal for others. */
  readonly exitCode: number;

  constructor(signal: EndingSignal) {
    const [name, exitCode] = signals[signal];
    super(`${name} signal received`);
    this.exitCode = exitCode;
  }
}

/** Ctrl-C, the system or a supervisor, a terminal that was closed. */
export type EndingSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

const signals: Readonly<Record<EndingSignal, readonly [name: string, exitCode: number]>> = {
  SIGINT: ['interrupt', 1],
  SIGTERM: ['termination', 143],
  SIGHUP: ['hangup', 129],
};

/** Wrappers like npm and timeout pass a signal on that the terminal has sent already: so soon after the first it is the same. */
const echoTime = 1000;

/** How long clearing up may take, in milliseconds: longer than any of its own limits. */
const patience = 20_000;

/** Aborts at the first Ctrl-C, termination or hangup; a second one, or the end of our patience, ends the process at once. */
export function abortOnSignals(target: NodeJS.Process): AbortSignal {
  const abort = new AbortController();
  let first: number | undefined;
  for (const name of Object.keys(signals) as EndingSignal[]) {
    target.on(name, () => {
      if (first !== undefined && performance.now() - first > echoTime) end(target, name);
      if (first === undefined) setTimeout(end, patience, target, name).unref();
      first ??= performance.now();
      abort.abort(new Interrupted(name));
    });
  }
  return joinSignals(abort.signal);
}

/** `exit` waits for calls of the file system, and so for ever where one of them hangs: a pipe nobody writes to, a dead mount. */
function end(target: NodeJS.Process, name: EndingSignal): void {
  target.removeAllListeners(name);
  target.kill(target.pid, name);
}
