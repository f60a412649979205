import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeTarHeader, type TarFields } from './encode-header.ts';
import { indexTar } from './tar-index.ts';
import { tarPadding, tarTrailer } from './writer.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tar-index-'));
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

it('tells where each body is', async () => {
  const path = await archiveOf([{ name: 'a' }, 'one'], [{ name: `${'long/'.repeat(80)}b` }, 'x'.repeat(2000)]);
  const { entries } = await indexTar(path);
  const file = await open(path);
  for (const [i, expected] of ['one', 'x'.repeat(2000)].entries()) {
    const { start = 0, size = 0 } = entries[i] ?? {};
    const { buffer } = await file.read(Buffer.alloc(size), 0, size, start);
    expect(buffer.toString()).toBe(expected);
  }
  expect((await indexTar(file)).entries).toEqual(entries);
  await file.close();
});

it('skips bodies, so that a sparse file of gigabytes takes no time', async () => {
  const path = join(root, 'large.tar');
  const size = 5 * 1024 ** 3;
  const file = await open(path, 'w');
  await file.write(encodeTarHeader({ name: 'large', size }), 0, 512, 0);
  await file.write(Buffer.concat([encodeTarHeader({ name: 'last' }), tarTrailer]), 0, 1536, 512 + size);
  await file.close();
  expect((await indexTar(path)).entries.map(({ header }) => header.name)).toEqual(['large', 'last']);
});

it('finds files by any spelling of their name, the last of equal names', async () => {
  const index = await indexTar(await archiveOf([{ name: './d//f' }, 'first'], [{ name: 'd/f' }, 'second']));
  expect(index.get('/d/./f')?.size).toBe('second'.length);
  expect(index.resolve('d/g')).toBeUndefined();
});

it('follows links inside the archive', async () => {
  const index = await indexTar(
    await archiveOf(
      [{ name: 'layers/one/layer.tar' }, 'content'],
      [{ name: 'layers/two/layer.tar', type: 'symlink', linkname: '../one/layer.tar' }, ''],
      [{ name: 'three/layer.tar', type: 'hardlink', linkname: 'layers/two/layer.tar' }, ''],
      [{ name: 'layers/four', type: 'hardlink', linkname: 'one/layer.tar' }, ''],
      [{ name: 'five', type: 'symlink', linkname: '/layers/four' }, ''],
    ),
  );
  for (const name of ['layers/two/layer.tar', 'three/layer.tar', 'layers/four', 'five']) {
    expect(index.resolve(name)?.size, name).toBe('content'.length);
  }
});

it.each([
  ['a cycle', 'cycle'],
  ['out', 'leads out of the archive'],
  ['nowhere', 'leads to nothing'],
  ['directory', 'not a file but a directory'],
])('refuses a link with %s', async (name, message) => {
  const index = await indexTar(
    await archiveOf(
      [{ name: 'a cycle', type: 'symlink', linkname: 'b' }, ''],
      [{ name: 'b', type: 'hardlink', linkname: 'a cycle' }, ''],
      [{ name: 'out', type: 'symlink', linkname: '../../etc/passwd' }, ''],
      [{ name: 'nowhere', type: 'symlink', linkname: 'gone' }, ''],
      [{ name: 'directory', type: 'symlink', linkname: 'd' }, ''],
      [{ name: 'd/' }, ''],
    ),
  );
  expect(() => index.resolve(name)).toThrow(message);
});

it('says where an archive is cut', async () => {
  const path = join(root, 'cut.tar');
  await writeFile(path, Buffer.concat([encodeTarHeader({ name: 'a', size: 5000 }), Buffer.alloc(100)]));
  await expect(indexTar(path)).rejects.toMatchObject({
    code: 'INVALID_ARCHIVE',
    message: 'The tar archive is cut short at byte 512, in the entry "a"',
  });
  await writeFile(path, 'nothing of the kind');
  await expect(indexTar(path)).rejects.toThrow('not a tar archive');
});

it('keeps to a number of entries', async () => {
  const path = await archiveOf([{ name: 'a' }, ''], [{ name: 'b' }, '']);
  await expect(indexTar(path, { maxEntries: 1 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
});

it('keeps to a length of all names', async () => {
  const path = await archiveOf(
    [{ name: 'a'.repeat(200) }, ''],
    [{ name: 'b', type: 'symlink', linkname: 'c'.repeat(200) }, ''],
  );
  expect((await indexTar(path, { maxNames: 401 })).entries).toHaveLength(2);
  await expect(indexTar(path, { maxNames: 400 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
});

it('stops when its signal aborts', async () => {
  const reason = new Error('enough');
  await expect(indexTar(join(root, 'none'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

let count = 0;

async function archiveOf(...entries: readonly (readonly [header: TarFields, body: string])[]): Promise<string> {
  const path = join(root, `${count++}.tar`);
  const blocks = entries.flatMap(([header, body]) => [
    encodeTarHeader({ ...header, size: body.length }),
    Buffer.from(body),
    tarPadding(body.length),
  ]);
  await writeFile(path, Buffer.concat([...blocks, tarTrailer]));
  return path;
}
