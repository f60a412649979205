import { quoted } from '../../errors.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Session } from '../session.ts';

/** What `--created` says, else `SOURCE_DATE_EPOCH`, as reproducible builds have it, else nothing. */
export function statedTime(session: Session, created: string): Date | undefined {
  if (created !== '') return readTime(created, '--created');
  const epoch = session.process.env['SOURCE_DATE_EPOCH'] ?? '';
  if (epoch === '') return undefined;
  const time = new Date(Number(epoch) * 1000);
  if (/^\d+$/.test(epoch) && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(`SOURCE_DATE_EPOCH has to be a number of seconds since 1970, but is ${quoted(epoch)}`);
}

/** Like {@link statedTime}, and now where nothing is stated. */
export function buildTime(session: Session, created = ''): Date {
  return statedTime(session, created) ?? session.process.now();
}

/**
 * A time as flags take it: RFC 3339, a date, or seconds since 1970.
 *
 * @throws {UsageError} naming the flag
 */
export function readTime(text: string, flag: string): Date {
  const time = /^\d+$/.test(text) ? new Date(Number(text) * 1000) : new Date(text);
  const isDate = /^\d+$|^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?$/.test(text);
  if (isDate && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(
    `invalid argument ${quoted(text)} for "${flag}" flag: write 2026-11-22T10:00:00Z, 2026-11-22, or seconds since 1970`,
  );
}
