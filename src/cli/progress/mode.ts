import type { Process } from '../process.ts';

export const progressModes = ['auto', 'bars', 'plain', 'json', 'none'] as const;

/** How progress is shown; `auto` leaves it to where standard error goes. */
export type ProgressMode = (typeof progressModes)[number];

export function isProgressMode(text: string): text is ProgressMode {
  return (progressModes as readonly string[]).includes(text);
}

/** What `--progress` and `--quiet` come to. What was asked for by name is shown also when quiet. */
export function progressModeFor(
  asked: ProgressMode,
  quiet: boolean,
  { stderr, env }: Pick<Process, 'stderr' | 'env'>,
): Exclude<ProgressMode, 'auto'> {
  if (asked === 'auto' && (quiet || !stderr.isTTY)) return 'none';
  if (asked !== 'auto' && asked !== 'bars') return asked;
  return movesCursor({ stderr, env }) ? 'bars' : 'plain';
}

/** Whether lines on standard error can be drawn over: it is a terminal that knows how, and no service that keeps the log. */
function movesCursor({ stderr, env }: Pick<Process, 'stderr' | 'env'>): boolean {
  const ci = env['CI'] ?? '';
  return stderr.isTTY && env['TERM'] !== 'dumb' && (ci === '' || ci === 'false');
}
