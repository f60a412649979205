import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './paths.ts';

export interface CommandResult {
  /** `null` when a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** What `stdout` was decoded from. */
  readonly stdoutBytes: Uint8Array;
  readonly stderr: string;
  /** Highest resident set in bytes, 0 where the system does not tell (it is sampled every 10 ms). */
  readonly peakMemory: number;
}

export interface CommandOptions {
  /** Added to the isolated environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default the system's folder for temporary files */
  readonly home?: string;
  readonly cwd?: string;
  /** @default no input */
  readonly input?: string | Uint8Array;
  /** A file that takes stdout and stderr, for servers that talk much. @default they come with the result */
  readonly log?: string;
  /** Milliseconds until the process is killed. @default 60_000 */
  readonly timeout?: number;
}

/** A process that runs until it is told to stop. */
export interface RunningCommand {
  readonly child: ChildProcess;
  readonly result: Promise<CommandResult>;
  /** The first line on stdout; rejects when the process ends without one. */
  firstLine(): Promise<string>;
  /** Sends a signal and waits for the end. @default SIGTERM */
  stop(signal?: NodeJS.Signals): Promise<CommandResult>;
}

/** Killed when a test process ends without stopping them. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill();
});

/** The command line as `npm run build` made it. */
export const craneProgram: string = join(projectRoot, 'dist/cli/crane.js');

/** Runs the built `crane` to its end on the Node that runs the test. */
export function crane(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return startCrane(args, options).result;
}

export function startCrane(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  if (!existsSync(craneProgram)) throw new Error('dist/cli/crane.js is not there; run `npm run build` first');
  return startCommand(process.execPath, [craneProgram, ...args], options);
}

/** Runs any program to its end. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return startCommand(file, args, options).result;
}

export function startCommand(file: string, args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const { cwd, input, log, timeout = 60_000 } = options;
  const output = log === undefined ? 'pipe' : openSync(log, 'a');
  const child: ChildProcess = spawn(file, args, { cwd, env: environment(options), stdio: ['pipe', output, output] });
  if (output !== 'pipe') closeSync(output);
  children.add(child);
  child.stdin?.on('error', () => {});
  child.stdin?.end(input ?? '');
  const result = collectResult(child, timeout);
  // Whoever only stops the process does not look at the result.
  result.catch(() => {});
  return {
    child,
    result,
    firstLine: () => firstLineOf(child, result),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return result;
    },
  };
}

export function hasEnded({ child }: RunningCommand): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Fails with everything the process said unless it ended with exit code 0. */
export function succeeded(result: CommandResult): CommandResult {
  if (result.code === 0) return result;
  const end = result.signal === null ? `exit code ${result.code}` : result.signal;
  throw new Error(`The command ended with ${end}\nstdout: ${result.stdout}\nstderr: ${result.stderr}`);
}

/** Nothing of the developer's own settings: no credentials, proxies or runtime flags reach the process. */
function environment({ env = {}, home = tmpdir() }: CommandOptions): NodeJS.ProcessEnv {
  const kept = ['PATH', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'PATHEXT'];
  const inherited = kept.map((name) => [name, process.env[name]] as const);
  const all = Object.entries({
    ...Object.fromEntries(inherited),
    HOME: home,
    USERPROFILE: home,
    LC_ALL: 'C.UTF-8',
    ...env,
  });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

function collectResult(child: ChildProcess, timeout: number): Promise<CommandResult> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let peakMemory = 0;
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const sampling = setInterval(() => (peakMemory = Math.max(peakMemory, peakMemoryOf(child.pid))), 10);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
  return new Promise<CommandResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const stdoutBytes = Buffer.concat(stdout);
      const texts = { stdout: stdoutBytes.toString(), stderr: Buffer.concat(stderr).toString() };
      resolve({ code, signal, stdoutBytes, ...texts, peakMemory });
    });
  }).finally(() => {
    children.delete(child);
    clearInterval(sampling);
    clearTimeout(timer);
  });
}

/** The kernel's own high-water mark, so that only growth in the last moments before the end can be missed. */
function peakMemoryOf(pid: number | undefined): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function firstLineOf(child: ChildProcess, result: Promise<CommandResult>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const [line, rest] = text.split('\n', 2);
      if (line !== undefined && rest !== undefined) resolve(line);
    });
    result.then(
      ({ code, stderr }) => reject(new Error(`The process ended with ${code} before it printed a line: ${stderr}`)),
      reject,
    );
  });
}
