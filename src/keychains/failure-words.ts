import { messageOf, OciError, quoted } from '../errors.ts';

/** A program, package or service failed. What it threw is no cause: requests with secrets hang on errors of such packages. */
export function failed(name: string, why: string, hint?: string): OciError {
  return new OciError('CREDENTIALS', `${name} failed: ${why}`, { hint });
}

/** There is nothing, and nothing failed. */
export function missing(why: string, hint: string): OciError {
  return new OciError('CREDENTIALS', why, { hint });
}

/** The first line of what others said, quoted, without anything that is long enough to be a secret. */
export function saidBy(speaker: unknown): string {
  const text = typeof speaker === 'string' ? speaker : messageOf(speaker);
  const line = text.trim().split(/\r?\n/, 1)[0] ?? '';
  return quoted(line.slice(0, 4096).replace(/[A-Za-z0-9+/_=~.-]{32,}/g, shortened));
}

/** Names of files and hosts stay readable: their parts are short. */
function shortened(word: string): string {
  return word.split(/[/.]/).every((part) => part.length < 32) && !/^[A-Za-z0-9+/]{40}$/.test(word) ? word : '…';
}
