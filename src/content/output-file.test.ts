import { execFileSync } from 'node:child_process';
import { lstat, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testDirectory } from '../../test/support/test-directory.ts';
import { writeOutputFile } from './output-file.ts';

const content = Buffer.from('content');

it('a file is replaced as a whole, and a new one made', async () => {
  const directory = await testDirectory();
  for (const text of ['first', 'second']) {
    await writeOutputFile(join(directory, 'file'), Buffer.from(text));
    expect(await readFile(join(directory, 'file'), 'utf8')).toBe(text);
  }
  expect(await readdir(directory)).toEqual(['file']);
});

it('a link stays, and what it leads to is written', async () => {
  const directory = await testDirectory();
  await writeFile(join(directory, 'file'), 'old');
  await symlink('file', join(directory, 'link'));
  await symlink('missing', join(directory, 'dangling'));
  for (const [link, file] of [
    ['link', 'file'],
    ['dangling', 'missing'],
  ] as const) {
    await writeOutputFile(join(directory, link), content);
    expect((await lstat(join(directory, link))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(directory, file))).toEqual(content);
  }
});

it.skipIf(process.platform === 'win32')('a pipe gets the bytes and stays a pipe', async () => {
  const directory = await testDirectory();
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const [read] = await Promise.all([readFile(pipe), writeOutputFile(pipe, content)]);
  expect(read).toEqual(content);
  expect((await lstat(pipe)).isFIFO()).toBe(true);
  expect(await readdir(directory)).toEqual(['pipe']);
});

it.skipIf(process.platform === 'win32')('a device stays a device', async () => {
  const directory = await testDirectory();
  await symlink('/dev/null', join(directory, 'nothing'));
  await writeOutputFile(join(directory, 'nothing'), content);
  expect((await lstat('/dev/null')).isCharacterDevice()).toBe(true);
  expect((await lstat(join(directory, 'nothing'))).isSymbolicLink()).toBe(true);
});

it('a directory is refused and left as it is', async () => {
  const directory = await testDirectory();
  await expect(writeOutputFile(directory, content)).rejects.toMatchObject({ code: 'FILE_SYSTEM' });
  expect(await readdir(directory)).toEqual([]);
});
