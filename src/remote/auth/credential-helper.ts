import { messageOf, OciError, quoted } from '../../errors.ts';
import { parseJson } from '../../oci/json.ts';
import type { Credential } from './credential.ts';

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

export interface HelperResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

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

/**
 * The default {@link HelperRunner}: a child process with {@link helperTimeout} to answer, killed when the signal aborts.
 * What it has started itself may hold its output open, and is then waited for no longer than that.
 */
export async function runHelper(
  { program, action, input, env, signal }: HelperCall,
  timeout: number = helperTimeout,
): Promise<HelperResult> {
  const { spawn } = await import('node:child_process');
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, [action], { env, windowsHide: true });
    let failure: Error | undefined;
    const stop = (): void => {
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const limit = setTimeout(stop, timeout);
    const release = (): void => {
      clearTimeout(limit);
      signal?.removeEventListener('abort', stop);
    };
    signal?.addEventListener('abort', stop, { once: true });
    const stdout = collectText(child.stdout, () => {
      failure = new Error(`it wrote more than ${maxHelperOutput} bytes`);
      stop();
    });
    const stderr = collectText(child.stderr, () => {});
    // A helper that ends without reading what it gets is judged by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', (error) => {
      release();
      reject(error);
    });
    child.once('close', (exitCode) => {
      release();
      if (signal?.aborted === true) reject(signal.reason as Error);
      else if (failure !== undefined) reject(failure);
      else if (exitCode === null)
        reject(new Error(`it was ended without an answer, after ${timeout / 1000} seconds at most`));
      else resolve({ exitCode, stdout: stdout(), stderr: stderr() });
    });
  });
}

/** Milliseconds; helpers may ask a person or a slow key store. */
const helperTimeout = 30_000;
const maxHelperOutput = 1024 * 1024;
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
    const missing = typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ENOENT';
    if (!missing)
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

function collectText(stream: NodeJS.ReadableStream, onTooMuch: () => void): () => string {
  const parts: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > maxHelperOutput) onTooMuch();
    else parts.push(chunk);
  });
  return () => Buffer.concat(parts).toString('utf8');
}
