import { printable, printableLine } from './printable.ts';
import { jsonText } from './json-text.ts';
import type { Process } from './process.ts';
import { LiveOutput } from './progress/live-output.ts';

/** Lines on stderr, as crane's: local time and text. What goes to stdout is a command's result and never passes here. */
export interface Log {
  /** A timestamped line about what is done; nothing when quiet. */
  line(text: string): void;
  /** A timestamped line that was asked for. */
  note(text: string): void;
  /** A line without a timestamp. */
  plain(text: string): void;
  /** Kept until the command ends, then printed once each, sorted. crane-cli reference, section 4. */
  warn(text: string): void;
  /** Prints what `warn` kept. */
  flushWarnings(): void;
  /** An object on a line of its own, with the time. */
  record(entry: object): void;
}

export interface LogOptions {
  /** @default a new one over the process's standard error */
  readonly output?: LiveOutput | undefined;
  /** Leave out what crane tells about its work. @default never */
  readonly quiet?: (() => boolean) | undefined;
  /** Write every line as a JSON object. @default never */
  readonly json?: (() => boolean) | undefined;
}

export function createLog(process: Process, options: LogOptions = {}): Log {
  const { output = new LiveOutput(process.stderr), quiet = () => false, json = () => false } = options;
  const warnings = new Set<string>();
  const record = (entry: object): void =>
    output.print(`${jsonText({ time: process.now().toISOString(), ...entry })}\n`);
  const note = (text: string): void => {
    if (json()) record({ type: 'log', message: text });
    else output.print(`${timestamp(process.now())} ${printableLine(text)}\n`);
  };
  return {
    line: (text) => (quiet() ? undefined : note(text)),
    note,
    plain: (text) => (json() ? record({ type: 'log', message: text }) : output.print(`${printable(text)}\n`)),
    warn: (text) => void warnings.add(text),
    flushWarnings() {
      const label = hasColour(process) ? '\u001b[1;33m[WARNING]\u001b[0m' : '[WARNING]';
      for (const message of Array.from(warnings).sort()) {
        if (json()) record({ type: 'warning', message });
        else output.print(`${label}: ${printableLine(message)}\n`);
      }
      warnings.clear();
    },
    record,
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
