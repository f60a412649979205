import { spawn, spawnSync } from 'node:child_process';

export interface ForegroundProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** Whether `file` is a line for the system's shell. @default false */
  readonly shell?: boolean | undefined;
}

export interface ForegroundOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** How a program ended: with a code, or by a signal. */
export interface ForegroundEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Programs that were told to end have so long to put the terminal in order, in milliseconds. */
const patience = 2000;

/**
 * Lends the terminal to another program and waits until it has ended. Ctrl-C is that program's meanwhile, and not ours: editors
 * give it a meaning of their own. Whatever it did to the terminal, one that failed leaves it as it was.
 *
 * @throws what the system says when the program cannot be started; the reason of `signal`, after the program has ended
 */
export async function runInForeground(
  program: ForegroundProgram,
  { env, signal }: ForegroundOptions,
): Promise<ForegroundEnd> {
  signal.throwIfAborted();
  const restoreTerminal = rememberTerminal();
  const restoreInterrupts = leaveInterrupts();
  try {
    const end = await runToEnd(program, env, signal);
    if (end.code !== 0) restoreTerminal();
    signal.throwIfAborted();
    return end;
  } finally {
    restoreInterrupts();
  }
}

function runToEnd(
  { file, args, shell = false }: ForegroundProgram,
  env: ForegroundOptions['env'],
  signal: AbortSignal,
): Promise<ForegroundEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', env: { ...env }, shell });
    let timer: NodeJS.Timeout | undefined;
    function end(): void {
      child.kill('SIGTERM');
      timer = setTimeout(() => child.kill('SIGKILL'), patience);
    }
    function settle(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
    signal.addEventListener('abort', end, { once: true });
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('exit', (code, by) => {
      settle();
      resolve({ code, signal: by });
    });
  });
}

/** The terminal sends Ctrl-C to all programs that it runs. */
function leaveInterrupts(): () => void {
  const listeners = process.rawListeners('SIGINT') as (() => void)[];
  // First the new one: without any, the system's own way to react would come back.
  process.on('SIGINT', ignore);
  for (const listener of listeners) process.off('SIGINT', listener);
  return () => {
    for (const listener of listeners) process.on('SIGINT', listener);
    process.off('SIGINT', ignore);
  };
}

/** A program that was killed cannot leave the raw mode that it was in. */
function rememberTerminal(): () => void {
  if (process.platform === 'win32') return ignore;
  const { status, stdout } = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  if (status !== 0) return ignore;
  return () => void spawnSync('stty', [stdout.trim()], { stdio: ['inherit', 'ignore', 'ignore'] });
}

function ignore(): void {}
