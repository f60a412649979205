import { isSystemError, type SystemError } from '../content/file-fault.ts';
import { isOciError, messageOf, type OciError } from '../errors.ts';
import { Interrupted } from './interrupt.ts';
import { printableLine } from './printable.ts';
import { underName } from './own-name.ts';
import { isClosedPipe } from './process.ts';
import type { Session } from './session.ts';

/** Prints what went wrong, and what to do next, on standard error. Gives the exit code. */
export async function reportError(error: unknown, session: Session): Promise<number> {
  await session.endProgress();
  if (isClosedPipe(error)) return closedPipe;
  if (error instanceof SilentFailure) return 1;
  const exitCode = error instanceof Interrupted ? error.exitCode : 1;
  const found = describe(error);
  const hint = found.hint === undefined ? undefined : underName(session.process.program, found.hint);
  const description = { ...found, hint };
  if (session.isJson) session.log.record({ type: 'error', ...description, exitCode });
  else printLines(description, session);
  if (session.verbosity > 0) printCauses(error, description, session);
  return exitCode;
}

/** What shells make of a program that SIGPIPE ends, as it does GNU's and crane; Node leaves that signal out. */
const closedPipe = 128 + 13;

/** The command has said all there is to say and only the exit code is missing. */
export class SilentFailure extends Error {
  override readonly name = 'SilentFailure';
}

function isUnforeseen(error: unknown): error is Error {
  return error instanceof Error && !isOciError(error) && !(error instanceof Interrupted);
}

function printLines({ message, hint, requestId }: Description, { log }: Session): void {
  log.plain(`Error: ${printableLine(message)}`);
  if (hint !== undefined) log.plain(`  ${printableLine(hint)}`);
  if (requestId !== undefined) log.plain(`  request id: ${printableLine(requestId)}`);
}

/** What a foreseen failure goes back to, each only where it says more; of others where they were raised. */
function printCauses(error: unknown, { message }: Description, { log }: Session): void {
  if (isUnforeseen(error)) return log.plain(stackOf(error));
  let told = message;
  for (const cause of causesOf(error)) {
    const text = messageOf(cause);
    if (told.toLowerCase().includes(text.toLowerCase())) continue;
    log.plain(`  caused by: ${printableLine(text)}`);
    told = text;
  }
}

/** What is known of a failure; members that do not apply are absent. */
interface Description {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly code?: string | undefined;
  readonly side?: string | undefined;
  readonly operation?: string | undefined;
  readonly registry?: string | undefined;
  readonly repository?: string | undefined;
  readonly status?: number | undefined;
  /** Where they came from. */
  readonly credentials?: string | undefined;
  readonly requestId?: string | undefined;
}

function describe(error: unknown): Description {
  if (isOciError(error)) return { message: error.message, hint: error.hint, code: error.code, ...whereabouts(error) };
  if (error instanceof Interrupted) return { message: error.message };
  if (isSystemError(error)) return { message: systemMessage(error) };
  const message = messageOf(error) === '' ? String(error) : messageOf(error);
  return {
    message: `internal error: ${message}`,
    hint: 'This is a fault of this program; run the command with -v and report what it prints',
  };
}

/** Told by the failures underneath; asked for by name, since the classes come with what a command need not have loaded. */
function whereabouts(error: OciError): Partial<Description> {
  const chain = [error, ...causesOf(error)] as readonly (Partial<Description> & { readonly name?: string })[];
  const refusal = chain.find(({ name }) => name === 'ResponseError');
  const side = chain.find(({ name }) => name === 'CopyError')?.side;
  if (refusal === undefined) return { side };
  const { operation, registry, repository, status, credentials, requestId } = refusal;
  return { side, operation, registry, repository, status, credentials, requestId };
}

/** A chain that bites its tail is cut. */
const maxCauses = 10;

function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  let current = error;
  while (current instanceof Error && current.cause !== undefined && causes.length < maxCauses) {
    current = current.cause;
    causes.push(current);
  }
  return causes;
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
