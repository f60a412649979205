import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { chmod, link, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { snapshot, writeTree } from '../../../test/support/file-tree.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { collect, pipe } from '../../content/bytes.ts';
import { decompressing } from '../../content/compression.ts';
import { digestOf } from '../../content/hash.ts';
import type { TarHeader } from '../../content/tar/entry.ts';
import { TarReader } from '../../content/tar/reader.ts';
import { encodeText } from '../../content/tar/text.ts';
import { type FileMapping, parseFileMapping } from './file-mapping.ts';
import { type FileLayerOptions, type FileWarning, layerFromFiles } from './layer-from-files.ts';
import type { NewLayer } from './new-layer.ts';

const megabytes = 50 * 1024 * 1024;
const isRoot = process.getuid?.() === 0;

let tree: string;

beforeEach(async () => {
  tree = join(await testDirectory(), 'tree');
  await mkdir(tree);
});

describe('layerFromFiles', () => {
  it('gives what GNU tar unpacks to the same tree', async () => {
    await writeTree(tree, { 'a.txt': 'a', 'a/b.txt': 'b', 'a/deep/er/c': Buffer.alloc(300_000, 'c'), 'z/empty': '' });
    await mkdir(join(tree, 'no files'));
    await symlink('../../etc/passwd', join(tree, 'a/out'));
    await symlink('missing', join(tree, 'dangling'));
    await link(join(tree, 'a.txt'), join(tree, 'z/again'));
    await chmod(join(tree, 'a/b.txt'), 0o4751);
    const layer = await made([{ source: tree }]);
    const packed = await bytesOf(layer);
    expect(digestOf(packed)).toBe(layer.descriptor.digest);
    const out = await testDirectory();
    execFileSync('tar', ['-xzpf', '-', '--same-permissions', '-C', out], { input: packed });
    const listed = (path: string): string =>
      execFileSync('find', ['.', '-mindepth', '1', '-printf', '%p %y %m %l %s\\n'], { cwd: path, encoding: 'utf8' })
        .split('\n')
        .map((line) => line.replace(/( d \d+ +)\d+$/, '$1'))
        .toSorted()
        .join('\n');
    expect(listed(out)).toBe(listed(tree));
    expect(await snapshot(out)).toEqual(await snapshot(tree));
    expect(execFileSync('stat', ['-c', '%h', join(out, 'z/again')], { encoding: 'utf8' })).toBe('2\n');
  });

  it('orders names by their bytes, directories before what they hold, with the same bytes every time', async () => {
    await writeTree(tree, { 'b/x': '1', 'b.x': '2', B: '3', ü: '4', 'b/y/z': '5', a: '6' });
    const first = await made([{ source: tree }]);
    await utimes(join(tree, 'a'), 5, 5);
    const second = await made([{ source: tree }]);
    expect(await namesOf(first)).toEqual(['B', 'a', 'b/', 'b/x', 'b/y/', 'b/y/z', 'b.x', 'ü']);
    expect(second.descriptor).toEqual(first.descriptor);
    expect(second.diffId).toBe(first.diffId);
  });

  it('keeps names that are no UTF-8', async () => {
    const name = Buffer.from([0x6e, 0xff, 0xe9]);
    await writeFile(Buffer.concat([Buffer.from(`${tree}/`), name]), 'x');
    const [entry = ''] = await namesOf(await made([{ source: tree }]));
    expect(Buffer.from(encodeText(entry)).equals(name)).toBe(true);
  });

  it('puts things where they shall go, with the directories that lead there', async () => {
    await writeTree(tree, { 'dir/x': 'x', 'one.txt': 'one' });
    const layer = await made([
      { source: join(tree, 'dir'), destination: '/opt/app' },
      { source: join(tree, 'one.txt'), destination: '/tmp/other' },
      { source: join(tree, 'one.txt'), destination: '/opt/' },
      { source: join(tree, 'one.txt') },
    ]);
    const found = (await entriesOf(layer)).map(({ name, mode }) => `${name} ${mode.toString(8)}`);
    expect(found).toEqual([
      'one.txt 644',
      'opt/ 755',
      'opt/app/ 755',
      'opt/app/x 644',
      'opt/one.txt 644',
      'tmp/ 1777',
      'tmp/other 644',
    ]);
    const bare = await made([{ source: join(tree, 'one.txt'), destination: '/a/b/c' }], { parents: false });
    expect(await namesOf(bare)).toEqual(['a/b/c']);
  });

  it('merges directories that come to the same place; of files the last counts', async () => {
    await writeTree(tree, {
      '1/both': 'first',
      '1/a': 'a',
      '1/sub/x': 'x',
      '2/both': 'second!',
      '2/sub/y': 'y',
      '2/b': 'b',
    });
    const layer = await made([{ source: join(tree, '1') }, { source: join(tree, '2'), destination: '/' }]);
    expect(await namesOf(layer)).toEqual(['a', 'b', 'both', 'sub/', 'sub/x', 'sub/y']);
    expect((await entriesOf(layer)).find(({ name }) => name === 'both')?.size).toBe(7);
    const blocked = made([
      { source: join(tree, '1/a'), destination: '/x' },
      { source: join(tree, '1/a'), destination: '/x/y' },
    ]);
    await expect(blocked).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('sets owners, modes and times as told', async () => {
    await writeTree(tree, { f: 'x' });
    await chmod(join(tree, 'f'), 0o666);
    await utimes(join(tree, 'f'), 1_600_000_000.25, 1_600_000_000.25);
    const of = async (options: FileLayerOptions): Promise<object | undefined> =>
      (await entriesOf(await made([{ source: tree }], options)))[0];
    const time = (seconds: number): object => ({ mtime: { seconds, nanoseconds: 0 } });
    expect(await of({})).toMatchObject({ uid: 0, gid: 0, mode: 0o666, ...time(0) });
    const owner = { uid: 1000, gid: 70_000_000 };
    const told = await of({ owner, mode: { clear: 0o022, set: 0o100 }, mtime: 1_700_000_000 });
    expect(told).toMatchObject({ ...owner, mode: 0o744, ...time(1_700_000_000) });
    const kept = await of({ owner: 'kept', mtime: 'kept' });
    expect(kept).toMatchObject({ uid: process.getuid?.(), gid: process.getgid?.(), ...time(1_600_000_000) });
  });

  it('leaves out what is ignored, and takes exceptions with the directories that lead to them', async () => {
    await writeTree(tree, { 'a/x': '', 'a/keep/y': '', 'a/keep/z.log': '', b: '', 'c/d': '', 'e/f': '' });
    const layer = await made([{ source: tree, destination: '/srv' }], {
      ignore: ['a', 'c', '!a/keep', '**/*.log', 'e/**'],
    });
    expect(await namesOf(layer)).toEqual(['srv/', 'srv/a/', 'srv/a/keep/', 'srv/a/keep/y', 'srv/b', 'srv/e/']);
  });

  it('follows a symbolic link only where it is named', async () => {
    await writeTree(tree, { 'real/x': 'x', 'secret/s': 's' });
    await symlink('real', join(tree, 'named'));
    await symlink('../secret', join(tree, 'real/inner'));
    const layer = await made([{ source: join(tree, 'named'), destination: '/d' }]);
    expect(await namesOf(layer)).toEqual(['d/', 'd/inner', 'd/x']);
    expect((await entriesOf(layer))[1]).toMatchObject({ type: 'symlink', linkname: '../secret' });
  });

  it('keeps pipes, leaves out sockets and tells of them and of whiteouts', async () => {
    execFileSync('mkfifo', [join(tree, 'pipe')]);
    await writeTree(tree, { '.wh.gone': '' });
    const server = createServer().listen(join(tree, 's'));
    await new Promise((resolve) => server.once('listening', resolve));
    const warnings: FileWarning[] = [];
    try {
      const layer = await made([{ source: tree }], { onWarning: (warning) => warnings.push(warning) });
      expect((await entriesOf(layer)).map(({ name, type }) => [name, type])).toEqual([
        ['.wh.gone', 'file'],
        ['pipe', 'fifo'],
      ]);
    } finally {
      server.close();
    }
    expect(warnings).toEqual([
      { reason: 'whiteout', path: join(tree, '.wh.gone') },
      { reason: 'socket', path: join(tree, 's') },
    ]);
  });

  it.skipIf(!isRoot)('keeps the numbers of devices', async () => {
    const layer = await made([{ source: '/dev/null', destination: '/dev/null' }], { parents: false });
    expect(await entriesOf(layer)).toMatchObject([{ type: 'character-device', devmajor: 1, devminor: 3 }]);
  });

  it('says what is missing', async () => {
    await expect(made([{ source: join(tree, 'gone') }])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `There is no file or directory ${JSON.stringify(join(tree, 'gone'))}`,
    });
    const wrong = made([{ source: tree, destination: '/a/../../b' }]);
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_SETTINGS' });
  });

  it.skipIf(isRoot)('names the file that it may not read', async () => {
    await writeTree(tree, { closed: 'x' });
    await chmod(join(tree, 'closed'), 0);
    await expect(made([{ source: tree }])).rejects.toMatchObject({
      code: 'FILE_SYSTEM',
      message: `Cannot read ${JSON.stringify(join(tree, 'closed'))}: permission denied`,
    });
  });

  it.each([
    ['changed', (path: string) => truncateSync(path, 5)],
    ['changed', (path: string) => writeFileSync(path, Buffer.alloc(1_000_000, 'same size'))],
    ['vanished', (path: string) => rmSync(path)],
  ])('notices a file that %s before it was read, and leaves nothing', async (how, change) => {
    const [path, directory] = [join(tree, 'large'), await testDirectory()];
    await writeTree(tree, { large: Buffer.alloc(1_000_000), 'z/.wh.x': '' });
    await utimes(path, 1000, 1000);
    // The warning comes when the tree is looked through, before large files are read.
    const making = made([{ source: tree }], { directory, onWarning: () => change(path) });
    await expect(making).rejects.toMatchObject({
      code: 'FILE_SYSTEM',
      message: `${JSON.stringify(path)} ${how} while the layer was made from it`,
    });
    expect(await readdir(directory)).toEqual([]);
  });

  it('stops when its signal aborts', async () => {
    await writeTree(tree, { a: Buffer.alloc(3_000_000) });
    const [reason, directory] = [new Error('enough'), await testDirectory()];
    const signal = AbortSignal.abort(reason);
    await expect(made([{ source: tree }], { signal, directory })).rejects.toBe(reason);
    expect(await readdir(directory)).toEqual([]);
  });

  it('takes thousands of files', async () => {
    const files = Array.from({ length: 3000 }, (_, i) => [`d${i % 7}/f${i}`, `${i}`]);
    await writeTree(tree, Object.fromEntries(files) as Record<string, string>);
    expect(await namesOf(await made([{ source: tree }]))).toHaveLength(3007);
  });
});

describe('parseFileMapping', () => {
  it.each([
    ['dir', { source: 'dir' }],
    ['dir:/opt/x', { source: 'dir', destination: '/opt/x' }],
    ['a:b:/c:/d/', { source: 'a:b:/c', destination: '/d/' }],
    ['a:b', { source: 'a:b' }],
    ['x:/opt', { source: 'x', destination: '/opt' }],
  ])('reads %j', (text, expected) => {
    expect(parseFileMapping(text, 'linux')).toEqual(expected);
  });

  it.each([
    ['C:/dir', { source: 'C:/dir' }],
    ['C:/dir:/x', { source: 'C:/dir', destination: '/x' }],
    [String.raw`C:\dir:/x`, { source: String.raw`C:\dir`, destination: '/x' }],
  ])('reads %j on Windows', (text, expected) => {
    expect(parseFileMapping(text, 'win32')).toEqual(expected);
  });

  it.each(['', ':/x', 'dir:/../x'])('refuses %j', (text) => {
    expect(() => parseFileMapping(text)).toThrow(expect.objectContaining({ code: 'INVALID_SETTINGS' }) as Error);
  });
});

/** With temporary files that go with the test. */
async function made(mappings: readonly FileMapping[], options: FileLayerOptions = {}): Promise<NewLayer> {
  return layerFromFiles(mappings, { directory: await testDirectory(), ...options });
}

async function bytesOf(layer: NewLayer): Promise<Buffer> {
  return Buffer.from(await collect(await layer.content.open(0), megabytes));
}

async function entriesOf(layer: NewLayer): Promise<readonly TarHeader[]> {
  const headers: TarHeader[] = [];
  for await (const { header } of new TarReader(pipe(await layer.content.open(0), decompressing())))
    headers.push(header);
  return headers;
}

async function namesOf(layer: NewLayer): Promise<readonly string[]> {
  return (await entriesOf(layer)).map(({ name }) => name);
}
