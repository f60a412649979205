import { isSystemError, type SystemError } from '../content/file-fault.ts';
import { isOciError, messageOf } from '../errors.ts';
import { Interrupted } from './interrupt.ts';
import { printableLine } from './printable.ts';
import { isClosedPipe } from './process.ts';
import type { Session } from './session.ts';

/** Prints what went wrong, and what to do next, on standard error. Gives the exit code. */
export function reportError(error: unknown, session: Session): number {
  if (isClosedPipe(error) || error instanceof SilentFailure) return 1;
  const { message, hint } = describe(error);
  session.log.plain(`Error: ${printableLine(message)}`);
  if (hint !== undefined) session.log.plain(`  ${hint}`);
  if (session.verbosity > 0 && isUnforeseen(error)) session.log.plain(stackOf(error));
  return error instanceof Interrupted ? error.exitCode : 1;
}

/** The command has said all there is to say and only the exit code is missing. */
export class SilentFailure extends Error {
  override readonly name = 'SilentFailure';
}

function isUnforeseen(error: unknown): error is Error {
  return error instanceof Error && !isOciError(error) && !(error instanceof Interrupted);
}

interface Description {
  readonly message: string;
  readonly hint?: string | undefined;
}

function describe(error: unknown): Description {
  if (isOciError(error)) return { message: error.message, hint: error.hint };
  if (error instanceof Interrupted) return { message: error.message };
  if (isSystemError(error)) return { message: systemMessage(error) };
  const message = messageOf(error) === '' ? String(error) : messageOf(error);
  return {
    message: `internal error: ${message}`,
    hint: 'This is a fault of this program; run the command with -v and report what it prints',
  };
}

/** Node's `ENOENT: no such file or directory, open 'x'` as people say it. */
function systemMessage({ message, code, syscall, path }: SystemError): string {
  const reason = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
  const end = reason.lastIndexOf(`, ${syscall}`);
  return `${path === undefined ? syscall : JSON.stringify(path)}: ${end < 0 ? reason : reason.slice(0, end)}`;
}

/** Where the failure was raised, and what it was raised for. */
function stackOf(error: Error): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${own}\nCaused by ${stackOf(error.cause)}` : own;
}
