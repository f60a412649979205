import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageRegistry, platformImage } from '../../support/image-registry.ts';
import { craneInProcess } from '../../support/in-process.ts';
import { tarOf } from '../../support/sample-image.ts';
import { testDirectory } from '../../support/test-directory.ts';

const images = imageRegistry();
let directory: string;
let before: string | undefined;

beforeEach(async () => {
  directory = await testDirectory();
  await writeFile(join(directory, 'layer.tar'), tarOf({ 'layer.txt': 'layer' }));
  before = process.env['TMPDIR'];
  process.env['TMPDIR'] = join(directory, 'missing');
});

afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
});

describe('where temporary files cannot be made, the directory and the way out are named by', () => {
  it.each([
    ['append', 'append', '-f', 'layer.tar', '-b', 'IMAGE', '-t', 'IMAGE-new'],
    ['append of a pipe', 'append', '-f', '-', '-b', 'IMAGE', '-t', 'IMAGE-new'],
    ['mutate', 'mutate', '--append', 'layer.tar', 'IMAGE'],
    ['flatten', 'flatten', 'IMAGE'],
    ['export', 'export', 'IMAGE', '-'],
    ['edit', 'edit', 'config', 'IMAGE'],
    ['an archive on standard input', 'digest', '-'],
    ['a registry', 'registry', 'serve', '--blobs-to-disk', '--address', '127.0.0.1:0'],
  ])('%s', async (name, ...args) => {
    const image = await images.put(await platformImage());
    const { code, stdout, stderr } = await craneInProcess(
      args.map((arg) => arg.replace('IMAGE', image).replace('layer.tar', join(directory, 'layer.tar'))),
      { home: directory, input: 'no archive', interactive: name === 'edit', env: { EDITOR: 'true' } },
    );
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /annot write temporary files in "[^"]+\/missing": no such file or directory\n {2}Set TMPDIR to a directory/,
    );
  });
});

describe('commands that need no temporary files go on without a place for them, as', () => {
  it.each([['pull'], ['export']])('%s to a file', async (command) => {
    const args = [command, await images.put(await platformImage()), join(directory, 'out.tar')];
    expect(await craneInProcess(args, { home: directory })).toMatchObject({ code: 0 });
  });
});
