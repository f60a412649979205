import { isOciError, messageOf } from '../errors.ts';
import { Interrupted } from './interrupt.ts';
import { isClosedPipe } from './process.ts';
import type { Session } from './session.ts';

/** Prints what went wrong, and what to do next, on standard error. Gives the exit code. */
export function reportError(error: unknown, session: Session): number {
  if (isClosedPipe(error)) return 1;
  if (error instanceof SilentFailure) return 1;
  session.log.plain(`Error: ${printable(describe(error))}`);
  if (isOciError(error) && error.hint !== undefined) session.log.plain(printable(`  ${error.hint}`));
  return error instanceof Interrupted ? error.exitCode : 1;
}

/** The command has said all there is to say and only the exit code is missing. */
export class SilentFailure extends Error {
  override readonly name = 'SilentFailure';
}

function describe(error: unknown): string {
  if (isOciError(error) || error instanceof Interrupted) return error.message;
  return messageOf(error) === '' ? String(error) : messageOf(error);
}

/** Text from a registry must not move the cursor or colour the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    character === '\n' || character === '\t'
      ? character
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
