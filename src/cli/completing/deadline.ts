import { joinSignals } from '../../async/join-signals.ts';
import { messageOf } from '../../errors.ts';
import type { Candidate } from '../framework/flag.ts';
import { printableLine } from '../printable.ts';
import type { Session } from '../session.ts';

/** Milliseconds: who presses a key waits for no registry longer than that. */
const patience = 2000;

/**
 * What `find` has put into its list when it is done, fails, or the deadline passes. Nobody who completes a word wants to read
 * about a registry that is down.
 *
 * @param deadline @default two seconds from now
 */
export async function beforeDeadline(
  { signal: session, stderr }: Pick<Session, 'signal' | 'stderr'>,
  find: (found: Candidate[], signal: AbortSignal) => Promise<void>,
  deadline: AbortSignal = AbortSignal.timeout(patience),
): Promise<readonly Candidate[]> {
  const found: Candidate[] = [];
  const signal = joinSignals(session, deadline);
  const done = find(found, signal).catch((error: unknown) =>
    // The scripts do not look at standard error; whoever wants to know why calls __complete by hand.
    stderr.write(`[Debug] [Error] ${printableLine(messageOf(error))}\n`),
  );
  await Promise.race([done, aborted(signal)]);
  return [...found];
}

/** Not everything that may take long, as the helpers that know credentials, can be interrupted at once. */
function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
