import { quoted } from '../../errors.ts';

/** Nanoseconds of each unit, as Go writes durations. */
const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Reads a duration as Docker and Go write it, `30s`, `1m30s`, `1.5h`, into nanoseconds.
 *
 * @throws {Error} whose message is a reason, as flags give it
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  const parts = Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/gy));
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  if (parts.length === 0 || length !== text.length) {
    throw new Error(`${quoted(text)} is no duration: write a number and a unit, for example 30s, 1m30s or 500ms`);
  }
  const nanoseconds = Math.round(
    parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0),
  );
  if (Number.isSafeInteger(nanoseconds)) return nanoseconds;
  throw new Error(`${quoted(text)} is longer than 104 days`);
}
