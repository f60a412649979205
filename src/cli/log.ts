import { printable, printableLine } from './printable.ts';
import type { Process } from './process.ts';

/** Lines on stderr, as crane's: local time and text. What goes to stdout is a command's result and never passes here. */
export interface Log {
  /** A timestamped line. */
  line(text: string): void;
  /** A line without a timestamp. */
  plain(text: string): void;
  /** Kept until the command ends, then printed once each, sorted. crane-cli reference, section 4. */
  warn(text: string): void;
  /** Prints what `warn` kept. */
  flushWarnings(): void;
}

export function createLog(process: Process): Log {
  const warnings = new Set<string>();
  const print = (text: string): void => void process.stderr.write(`${text}\n`).catch(() => {});
  return {
    line: (text) => print(`${timestamp(process.now())} ${printableLine(text)}`),
    plain: (text) => print(printable(text)),
    warn: (text) => void warnings.add(text),
    flushWarnings() {
      const label = hasColour(process) ? '\u001b[1;33m[WARNING]\u001b[0m' : '[WARNING]';
      for (const text of Array.from(warnings).sort()) print(`${label}: ${printableLine(text)}`);
      warnings.clear();
    },
  };
}

/** `2006/01/02 15:04:05` in local time. */
function timestamp(now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())}`;
  return `${date} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
}

function hasColour({ env, stderr }: Process): boolean {
  return stderr.isTTY && env['TERM'] !== 'dumb' && env['NO_COLOR'] === undefined;
}
