import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OciError, quoted } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import { fileFault } from './file-fault.ts';

export interface LockOptions extends CallOptions {
  /**
   * How long a lock has to be seen unchanged until its owner counts as dead, in milliseconds. Owners hold it for a few
   * milliseconds; age is what the waiter saw itself, since clocks and process numbers differ between machines that share a
   * directory.
   *
   * @default 10_000
   */
  readonly staleAfter?: number | undefined;
  /** How long to wait for the lock, in milliseconds. @default 60_000 */
  readonly patience?: number | undefined;
}

/** A lock that is held. */
export interface HeldLock {
  /** Whether nobody has taken the lock away since: asked just before what it protects is replaced. */
  isHeld(): Promise<boolean>;
}

/**
 * Runs `task` while holding a lock file, against other processes as well as this one.
 *
 * @throws {OciError} `CONFLICT` when the lock is not to be had in time
 */
export async function withFileLock<T>(
  path: string,
  task: (lock: HeldLock) => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const token = randomBytes(16).toString('hex');
  await acquire(path, token, options);
  const isHeld = async (): Promise<boolean> => (await readToken(path)) === token;
  try {
    return await task({ isHeld });
  } finally {
    if (await isHeld()) await rm(path, { force: true });
  }
}

async function acquire(path: string, token: string, options: LockOptions): Promise<void> {
  const { staleAfter = 10_000, patience = 60_000, signal } = options;
  const start = performance.now();
  let seen: string | undefined;
  let since = start;
  for (let pause = 1; !(await create(path, token)); pause = Math.min(pause * 2, 50)) {
    const holder = await readToken(path);
    const now = performance.now();
    if (holder !== seen) [seen, since] = [holder, now];
    if (holder !== undefined && now - since >= staleAfter) await breakLock(path, holder);
    if (now - start >= patience) throw busy(path, patience);
    await waitFor(pause * (0.5 + Math.random()), signal);
  }
}

async function create(path: string, token: string): Promise<boolean> {
  try {
    await writeFile(path, token, { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw fileFault(error, 'write', path);
  }
}

/**
 * Removes the lock of a dead owner. Of all who wait only the one that creates the file named after this very lock may, so
 * that nobody removes the lock that the next owner has just taken.
 */
async function breakLock(path: string, holder: string): Promise<void> {
  const claim = `${path}.${/^[0-9a-f]{32}$/.test(holder) ? holder : 'broken'}`;
  if (!(await create(claim, ''))) return;
  try {
    if ((await readToken(path)) === holder) await rm(path, { force: true });
  } finally {
    await rm(claim, { force: true });
  }
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function waitFor(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function busy(path: string, patience: number): OciError {
  return new OciError('CONFLICT', `Another process has held the lock ${quoted(path)} for ${patience / 1000} seconds`, {
    hint: 'Try again when it has finished; delete the file when no process is using the directory',
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
