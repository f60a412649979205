import { messageOf, type OciError } from '../errors.ts';
import { parseJson } from '../oci/json.ts';
import type { Credential, CredentialScope, NamedKeychain } from '../remote/auth/credential.ts';
import { isMissingProgram, type ProgramResult, runProgram } from '../remote/auth/run-program.ts';
import { type CloudEnvironment, timeLimitOf } from './cloud-environment.ts';
import { failed, missing, saidBy } from './failure-words.ts';

/** How credentials are had from a cloud's own command line. */
export interface ProgramSource {
  readonly program: string;
  /** Where it can be had, for people: `the Google Cloud CLI`. */
  readonly product: string;
  /** The arguments; they never hold a secret, for process lists show them. */
  readonly args: (scope: CredentialScope) => readonly string[];
  /** What standard output means. @throws {TypeError} saying what is wrong, without the value */
  readonly read: (stdout: string, scope: CredentialScope, signal: AbortSignal | undefined) => Promise<Credential>;
  /** What it writes on standard error where nobody is logged in: nothing failed then. */
  readonly loggedOut: RegExp;
  /** How to log in. */
  readonly login: string;
}

/** A source of credentials that runs a program when it is asked. */
export function programSource(source: ProgramSource, environment: CloudEnvironment): NamedKeychain {
  const { program, product, args, read, loggedOut, login } = source;
  return {
    name: program,
    async find(scope, { signal, onMissing } = {}) {
      const result = await runCloudProgram(program, args(scope), environment, signal);
      if (result === undefined) {
        onMissing?.(missing(`The program ${program} is not installed`, `Install ${product} and run: ${login}`));
        return undefined;
      }
      if (result.exitCode !== 0) {
        if (!loggedOut.test(result.stderr)) throw failedProgram(program, result, login);
        const state = expired.test(result.stderr) ? 'has a login that is not valid any more' : 'has no login';
        onMissing?.(missing(`${program} ${state}`, `Run: ${login}`));
        return undefined;
      }
      try {
        return await read(result.stdout, scope, signal);
      } catch (error) {
        if (error instanceof TypeError) throw failed(program, error.message);
        throw error;
      }
    },
  };
}

/** What programs say with the advice to log in where there was a login once. */
const expired = /expired|revoked|invalid_grant|AADSTS\d|re-?authenticat|refreshing/i;

/**
 * Runs a program of a cloud within the time limit.
 *
 * @returns `undefined` when there is no such program
 * @throws {OciError} `CREDENTIALS` when it does not come to its end
 */
export async function runCloudProgram(
  program: string,
  args: readonly string[],
  environment: CloudEnvironment,
  signal: AbortSignal | undefined,
): Promise<ProgramResult | undefined> {
  const { env, run = runProgram } = environment;
  try {
    return await run({ program, args, env, timeout: timeLimitOf(environment), signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (isMissingProgram(error)) return undefined;
    throw failed(program, messageOf(error));
  }
}

/** What it wrote on standard output may be a secret, and is not repeated. */
export function failedProgram(program: string, { exitCode, stderr }: ProgramResult, login: string): OciError {
  const words = stderr.trim() === '' ? '' : `: ${saidBy(stderr)}`;
  return failed(program, `it ended with exit code ${exitCode}${words}`, `Check its login: ${login}`);
}

/** A token alone on standard output. @throws {TypeError} */
export function tokenLine(stdout: string): string {
  const text = stdout.trim();
  if (/^[\x21-\x7e]{8,}$/.test(text)) return text;
  throw new TypeError(text === '' ? 'it printed nothing' : 'what it printed is no token');
}

/** An object as JSON on standard output. @throws {TypeError} */
export function jsonObject(stdout: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseJson(Buffer.from(stdout), 'Output', 'CREDENTIALS');
  } catch {
    // The parser's own message quotes the text, which may be a token.
    throw new TypeError('what it printed is no JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TypeError('what it printed is no JSON object');
}

/** A member that is a token: text fit for a header. @throws {TypeError} */
export function tokenMember(object: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new TypeError(`its answer has no ${name}`);
}
