import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDirectory } from './make-directory.ts';

describe('makeDirectory', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'make-directory-'));
  });
  afterAll(() => rm(root, { recursive: true }));

  it('makes all that is missing and names the outermost', async () => {
    expect(await makeDirectory(join(root, 'a/b/c'))).toBe(join(root, 'a'));
    expect(await makeDirectory(join(root, 'a/b/d/'))).toBe(join(root, 'a/b/d/'));
    expect(await makeDirectory(join(root, 'a/b/c'))).toBeUndefined();
    expect((await stat(join(root, 'a/b/c'))).isDirectory()).toBe(true);
  });

  it('may be called for the same path several times at once', async () => {
    const made = await Promise.all([1, 2, 3, 4].map(async () => makeDirectory(join(root, 'x/y/z'))));
    expect(made.filter((path) => path !== undefined)).not.toHaveLength(0);
    expect((await stat(join(root, 'x/y/z'))).isDirectory()).toBe(true);
  });

  it.skipIf(process.platform === 'win32')('gives every directory the mode', async () => {
    await makeDirectory(join(root, 'secret/deeper'), { mode: 0o700 });
    for (const path of ['secret', 'secret/deeper']) expect((await stat(join(root, path))).mode & 0o777).toBe(0o700);
  });

  it('fails where a file is in the way', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(makeDirectory(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeDirectory(join(root, 'file/below'))).rejects.toThrow();
  });

  it.skipIf(!existsSync('/proc/self'))('ends where nothing can be made', async () => {
    await expect(makeDirectory('/proc/nothing/here')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
