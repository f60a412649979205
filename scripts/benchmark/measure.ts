import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Measurement {
  /** Seconds from start to end. */
  readonly wall: number;
  /** Seconds of processor time. */
  readonly cpu: number;
  /** Peak resident set in bytes. */
  readonly memory: number;
}

/** GNU time forks from a small process, so that the peak it reports is not that of the program that measures. */
const time = '/usr/bin/time';

export const measuresMemory: boolean = existsSync(time);

/** Runs a command line once. Its output is thrown away; the reason is returned when it fails. */
export function measure(command: readonly string[], work: string, env: NodeJS.ProcessEnv): Measurement | string {
  const figures = join(work, 'time');
  const wrapped = measuresMemory ? [time, '-q', '-f', '%U %S %M', '-o', figures, ...command] : command;
  const [file = '', ...args] = wrapped;
  const start = performance.now();
  const { status, stderr, error } = spawnSync(file, args, {
    env,
    cwd: work,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: 600_000,
  });
  const wall = (performance.now() - start) / 1000;
  if (error !== undefined || status !== 0) return error?.message ?? stderr.trim().split('\n').at(-1) ?? 'failed';
  if (!measuresMemory) return { wall, cpu: 0, memory: 0 };
  const [user = 0, system = 0, kibibytes = 0] = readFileSync(figures, 'utf8').trim().split(' ').map(Number);
  return { wall, cpu: user + system, memory: kibibytes * 1024 };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = low] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
