import type { WindowsCommand } from './windows-command.ts';

export interface ProgramCall {
  /** Found through the `PATH` of `env`. */
  readonly program: string;
  readonly args: readonly string[];
  /** What the program reads. @default nothing */
  readonly input?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until it is ended. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Rejects when it cannot be started, with `ENOENT` where there is none, or takes too long. */
export type ProgramRunner = (call: ProgramCall) => Promise<ProgramResult>;

/**
 * The default {@link ProgramRunner}: a child process, killed when its time is over or the signal aborts. What it has started
 * itself may hold its output open, and is then waited for no longer than that.
 */
export async function runProgram({
  program,
  args,
  input = '',
  env,
  timeout,
  signal,
}: ProgramCall): Promise<ProgramResult> {
  const { spawn } = await import('node:child_process');
  const { file, args: given, isVerbatim } = await commandOf(program, args, env);
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(file, given, { env, windowsHide: true, windowsVerbatimArguments: isVerbatim });
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
      failure = new Error(`it wrote more than ${maxOutput} bytes`);
      stop();
    });
    const stderr = collectText(child.stderr, () => {});
    // A program that ends without reading what it gets is judged by its exit code.
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

/** Node starts no scripts on Windows, and the command lines of some clouds are such. */
async function commandOf(program: string, args: readonly string[], env: ProgramCall['env']): Promise<WindowsCommand> {
  const { platform } = await import('node:os');
  if (platform() !== 'win32') return { file: program, args, isVerbatim: false };
  const [{ windowsCommand }, { stat }] = await Promise.all([
    import('./windows-command.ts'),
    import('node:fs/promises'),
  ]);
  const isFile = (path: string): Promise<boolean> =>
    stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
  const found = await windowsCommand(program, args, { env, isFile });
  if (found !== undefined) return found;
  throw Object.assign(new Error(`There is no program ${program} in PATH`), { code: 'ENOENT' });
}

/** Whether a program could not be run because there is none of that name. */
export function isMissingProgram(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}

/** Bytes; credentials take a few KiB. */
const maxOutput = 1024 * 1024;

function collectText(stream: NodeJS.ReadableStream, onTooMuch: () => void): () => string {
  const parts: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > maxOutput) onTooMuch();
    else parts.push(chunk);
  });
  return () => Buffer.concat(parts).toString('utf8');
}
