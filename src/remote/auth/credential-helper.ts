import { messageOf, OciError, quoted } from '../../errors.ts';
import { parseJson } from '../../oci/json.ts';
import type { Credential } from './credential.ts';
import { isMissingProgram, type ProgramResult, runProgram } from './run-program.ts';

export type HelperAction = 'get' | 'store' | 'erase';

export interface HelperCall {
  /** The program: `docker-credential-NAME`. */
  readonly program: string;
  readonly action: HelperAction;
  /** What the program reads. */
  readonly input: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/** How a helper ended. */
export type HelperResult = ProgramResult;

/** Runs a helper to its end. Rejects when it cannot be started or takes too long. */
export type HelperRunner = (call: HelperCall) => Promise<HelperResult>;

/** A program that keeps credentials. */
export interface Helper {
  /** Without `docker-credential-`. */
  readonly name: string;
  /** The file that names it, for messages. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run?: HelperRunner | undefined;
}

/**
 * Asks a helper. crane-cli reference, section 3.1.
 *
 * @param key the server as the helper knows it
 * @returns `undefined` when the helper has nothing
 * @throws {OciError} `CREDENTIALS`
 */
export async function getFromHelper(
  helper: Helper,
  key: string,
  signal?: AbortSignal,
): Promise<Credential | undefined> {
  const { exitCode, stdout, stderr } = await call(helper, 'get', key, signal);
  if (stdout.trim() === notFound || (exitCode !== 0 && stderr.trim() === notFound)) return undefined;
  const program = programOf(helper);
  if (exitCode !== 0) throw failed(helper, 'get', exitCode, stdout, stderr);
  const answer = parseJson(Buffer.from(stdout), `The answer of ${program}`, 'CREDENTIALS');
  const fields = typeof answer === 'object' && answer !== null ? (answer as Readonly<Record<string, unknown>>) : {};
  const { Username: username, Secret: secret } = fields;
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw new OciError('CREDENTIALS', `${program} answered without Username and Secret`);
  }
  if (username === '' && secret === '') return undefined;
  if (username === '<token>') return { source: program, identityToken: secret };
  return { source: program, username, password: secret };
}

/** @throws {OciError} `CREDENTIALS` */
export async function storeInHelper(
  helper: Helper,
  key: string,
  { username, password }: { readonly username: string; readonly password: string },
  signal?: AbortSignal,
): Promise<void> {
  const input = JSON.stringify({ ServerURL: key, Username: username, Secret: password });
  const { exitCode, stdout, stderr } = await call(helper, 'store', input, signal);
  if (exitCode !== 0) throw failed(helper, 'store', exitCode, stdout, stderr);
}

/** @throws {OciError} `CREDENTIALS`; having nothing to erase is no failure */
export async function eraseFromHelper(helper: Helper, key: string, signal?: AbortSignal): Promise<void> {
  const { exitCode, stdout, stderr } = await call(helper, 'erase', key, signal);
  if (exitCode !== 0 && stdout.trim() !== notFound && stderr.trim() !== notFound) {
    throw failed(helper, 'erase', exitCode, stdout, stderr);
  }
}

/** The default {@link HelperRunner}: a child process with {@link helperTimeout} to answer. */
export async function runHelper(
  { program, action, input, env, signal }: HelperCall,
  timeout: number = helperTimeout,
): Promise<HelperResult> {
  return runProgram({ program, args: [action], input, env, timeout, signal });
}

/** Milliseconds; helpers may ask a person or a slow key store. */
const helperTimeout = 30_000;
const notFound = 'credentials not found in native keychain';

async function call(
  helper: Helper,
  action: HelperAction,
  input: string,
  signal: AbortSignal | undefined,
): Promise<HelperResult> {
  const program = programOf(helper);
  const { env, run = runHelper, file } = helper;
  try {
    return await run({ program, action, input, env, signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (!isMissingProgram(cause))
      throw new OciError('CREDENTIALS', `The credential helper ${program} failed: ${messageOf(cause)}`, { cause });
    throw new OciError('CREDENTIALS', `The credential helper ${program} is not installed`, {
      cause,
      hint: `Install it, or take it out of ${file}`,
    });
  }
}

/** @throws {OciError} `CREDENTIALS` for a name that would be a path */
function programOf({ name, file }: Helper): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return `docker-credential-${name}`;
  throw new OciError(
    'CREDENTIALS',
    `${file} names the credential helper ${quoted(name)}, which is no name of a program`,
  );
}

function failed(helper: Helper, action: HelperAction, exitCode: number, stdout: string, stderr: string): OciError {
  const said = stderr.trim() || (action === 'get' ? '' : stdout.trim());
  const words = said === '' ? '' : `: ${quoted(said)}`;
  return new OciError('CREDENTIALS', `${programOf(helper)} ${action} ended with exit code ${exitCode}${words}`, {
    hint: `Check the helper, or take it out of ${helper.file}`,
  });
}
