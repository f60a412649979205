import { randomUUID } from 'node:crypto';
import { copyFile, link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '../../content/file.ts';
import { makeDirectory } from '../../content/make-directory.ts';

/** Writes a small file whole or not at all, also when the power fails; makes its directory. */
export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  const content = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  await makeDirectory(dirname(path));
  await writeFileAtomically(path, content, { fsync: true });
}

/** A small file's bytes, `undefined` when there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  return ifThere(readFile(path));
}

/** A file's size, `undefined` when there is none. */
export async function sizeIfThere(path: string): Promise<number | undefined> {
  return (await ifThere(stat(path)))?.size;
}

/** Whether the file was there. */
export async function removeIfThere(path: string): Promise<boolean> {
  return (await ifThere(rm(path).then(() => true))) ?? false;
}

/** Waits until the bytes of a file are on the disk. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Gives a file a second name, by a copy where the file system has no links or the file has too many. What is there already
 * under that name is left.
 *
 * @returns `false` when `from` does not exist
 */
export async function linkOrCopy(from: string, to: string): Promise<boolean> {
  try {
    await makeDirectory(dirname(to));
    await link(from, to);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT') return false;
    if (code !== undefined && unlinkable.has(code)) return copyWhole(from, to);
    throw error;
  }
}

/** What file systems without hard links say, and those where a file has all the links it can have. */
const unlinkable: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

async function copyWhole(from: string, to: string): Promise<boolean> {
  const temporary = `${to}.${randomUUID()}.partial`;
  try {
    await copyFile(from, temporary);
    await syncFile(temporary);
    await rename(temporary, to);
    return true;
  } catch (error) {
    await rm(temporary, { force: true });
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function ifThere<T>(task: Promise<T>): Promise<T | undefined> {
  try {
    return await task;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
