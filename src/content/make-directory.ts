import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface MakeDirectoryOptions {
  /** Permission bits before the umask, of each directory that is made. @default 0o777 */
  readonly mode?: number | undefined;
}

/**
 * Makes a directory and those it lies in. Node's own way never ends, and cannot even be interrupted, where a system says of a
 * directory that is there that nothing can be made in it because it is not there: `/proc`, and the roots of automounters.
 *
 * @returns the outermost directory that was made, `undefined` when all were there
 */
export async function makeDirectory(path: string, options: MakeDirectoryOptions = {}): Promise<string | undefined> {
  const parent = dirname(path);
  let outermost: string | undefined;
  for (let tries = 1; ; tries++) {
    try {
      const made = await makeOne(path, options);
      return outermost ?? made;
    } catch (error) {
      if (parent === path || !isMissing(error) || tries > maxTries) throw error;
    }
    outermost = (await makeDirectory(parent, options)) ?? outermost;
  }
}

/** Somebody else may remove an empty directory just after it was made. */
const maxTries = 3;

async function makeOne(path: string, { mode }: MakeDirectoryOptions): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    // Which of all faults comes first, on a file system that is read-only for example, differs from system to system.
    if ((await stat(path).catch(() => undefined))?.isDirectory() === true) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
