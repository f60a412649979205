import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, OciError } from '../errors.ts';

export interface SecretFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads the files of pull secrets: those that are named, and in directories those of the two names that Kubernetes gives them,
 * one directory deep.
 *
 * @throws {OciError} `FILE_SYSTEM`, `NOT_FOUND` for a path that is not there, `LIMIT_EXCEEDED`
 */
export async function readSecretFiles(paths: readonly string[]): Promise<readonly SecretFile[]> {
  const found: SecretFile[] = [];
  for (const path of paths) found.push(...(await readSecret(path)));
  return found;
}

/** Bytes: no object of Kubernetes is larger. */
const maxSecret = 1024 * 1024;
/** Entries of one directory that are looked at. */
const maxEntries = 1000;
const secretNames = ['.dockerconfigjson', '.dockercfg'] as const;

async function readSecret(path: string): Promise<readonly SecretFile[]> {
  const found = await statOf(path);
  if (found === undefined)
    throw new OciError('NOT_FOUND', `Pull secret ${path} is not there`, {
      hint: 'Name the file of a secret, or the directory that it is mounted at',
    });
  if (!found.isDirectory()) return [await readOne(path)];
  const own = await readNamed(path);
  if (own.length > 0) return own;
  const deeper: SecretFile[] = [];
  for (const name of (await readdir(path)).slice(0, maxEntries).toSorted()) {
    // What begins with two dots is Kubernetes' own, the same once more.
    if (!name.startsWith('..')) deeper.push(...(await readNamed(join(path, name))));
  }
  return deeper;
}

async function readNamed(directory: string): Promise<readonly SecretFile[]> {
  const found: SecretFile[] = [];
  for (const name of secretNames) {
    const file = join(directory, name);
    if ((await statOf(file))?.isFile() === true) found.push(await readOne(file));
  }
  return found;
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new OciError('FILE_SYSTEM', `Pull secret ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

async function readOne(file: string): Promise<SecretFile> {
  try {
    const { size } = await stat(file);
    if (size > maxSecret) throw new OciError('LIMIT_EXCEEDED', `Pull secret ${file} is larger than ${maxSecret} bytes`);
    return { file, bytes: await readFile(file) };
  } catch (cause) {
    if (cause instanceof OciError) throw cause;
    throw new OciError('FILE_SYSTEM', `Pull secret ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
