import { describe, expect, it } from 'vitest';
import { copyGraph } from '../copy.ts';
import { exportFilesystem } from '../filesystem/export.ts';
import { configOf, imageManifestOf } from '../read.ts';
import { randomIndex } from '../random.ts';
import { validate } from '../validate.ts';
import { collect } from '../../content/bytes.ts';
import { decompress } from '../../content/compression.ts';
import { TarReader } from '../../content/tar/reader.ts';
import type { TarHeader } from '../../content/tar/entry.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import {
  imageOfEntries,
  imageOfTars,
  type LayerEntry,
  layerTar,
  readEntries,
} from '../../../test/support/layer-stack.ts';
import { findFile } from './find-file.ts';
import { removeFile, setFile } from './set-file.ts';

const file = (name: string, body: string, more: Partial<LayerEntry> = {}): LayerEntry => ({ name, body, ...more });
const link = (name: string, linkname: string): LayerEntry => ({ name, linkname, type: 'symlink', mode: 0o777 });
const folder = (name: string): LayerEntry => ({ name: `${name}/`, type: 'directory', mode: 0o755 });

describe('setFile()', () => {
  it('keeps mode, owner, time and extended attributes of the file that is there', async () => {
    const pax = new Map([['SCHILY.xattr.user.a', 'b']]);
    const mtime = { seconds: 1_700_000_000, nanoseconds: 0 };
    const image = await imageOfEntries([
      file('etc/motd', 'old', { mode: 0o640, uid: 7, gid: 8, uname: 'u', gname: 'g', mtime, pax }),
    ]);
    await using result = await setFile(image, '/etc/motd', Buffer.from('new text'));
    const [{ header, body } = unread()] = await topLayer(result);
    expect(body).toBe('new text');
    expect(header).toMatchObject({ name: 'etc/motd', mode: 0o640, uid: 7, gid: 8, uname: 'u', gname: 'g', mtime });
    expect(header.pax.get('SCHILY.xattr.user.a')).toBe('b');
    expect(await filesOf(result)).toEqual({ 'etc/motd': 'new text' });
  });

  it('adds a file with the mode that crane gives it, and the directories that are missing only', async () => {
    const image = await imageOfEntries([folder('opt')]);
    await using result = await setFile(image, 'opt/a/b/c', Buffer.from('x'), { mtime: new Date(5000) });
    const entries = (await topLayer(result)).map(({ header }) => [header.name, header.mode, header.mtime.seconds]);
    expect(entries).toEqual([
      ['opt/a/', 0o755, 5],
      ['opt/a/b/', 0o755, 5],
      ['opt/a/b/c', 0o555, 5],
    ]);
  });

  it.each([
    ['the topmost', [[file('a', '1')], [file('a', '2')]], 'a', '2'],
    ['the last of one layer', [[file('a', '1'), file('./a', '2')]], 'a', '2'],
    ['one below a layer that has nothing to do with it', [[file('d/a', '1')], [file('e/b', '2')]], '/d/a', '1'],
    [
      'one that a layer writes through a linked directory',
      [[folder('u'), link('d', 'u')], [file('d/a', '1')]],
      'u/a',
      '1',
    ],
    ['one that is found through a linked directory', [[file('u/a', '1'), link('d', 'u')]], 'd/a', '1'],
    [
      'the newer one under the other name of its directory',
      [[folder('u'), link('d', 'u')], [file('d/a', '1')], [file('u/a', '2')]],
      'd/a',
      '2',
    ],
    ['what a link leads to', [[file('u/a', '1'), link('l', '/u/../u/a')]], 'l', '1'],
    ['what a hard link is', [[file('a', '1'), { name: 'b', type: 'hardlink', linkname: 'a' }]], 'b', '1'],
  ] as const)('finds %s', async (_, layers, path, content) => {
    await using place = await findFile(await imageOfEntries(...layers), path);
    expect(place).toMatchObject({ kind: 'file', missing: [] });
    const found = place.file === undefined ? undefined : await collect(await place.file.content.open(), 100);
    expect(Buffer.from(found ?? []).toString()).toBe(content);
  });

  it.each([
    ['a whiteout', [[file('d/a', '1')], [file('d/.wh.a', '')]], []],
    ['a whiteout of its directory', [[file('d/a', '1')], [file('.wh.d', '')]], ['d']],
    ['an opaque directory', [[file('d/a', '1')], [folder('d'), file('d/.wh..wh..opq', '')]], []],
    [
      'a file in the place of its directory, which is gone',
      [[file('d/a', '1')], [file('d', '')], [file('.wh.d', '')]],
      ['d'],
    ],
  ] as const)('adds what is hidden by %s as a new file', async (_, layers, missing) => {
    const image = await imageOfEntries(...layers);
    await using place = await findFile(image, 'd/a');
    expect(place).toMatchObject({ path: 'd/a', kind: 'missing', missing });
    await using result = await setFile(image, place, Buffer.from('new'));
    expect(await filesOf(result)).toEqual({ 'd/a': 'new' });
  });

  it('writes through links to where they lead, also to what is not there yet', async () => {
    const image = await imageOfEntries([link('etc', 'usr/etc'), link('usr/etc/l', '../conf/../conf/x')]);
    await using result = await setFile(image, 'etc/l', Buffer.from('new'));
    expect((await topLayer(result)).map(({ header }) => header.name)).toEqual(['usr/conf/', 'usr/conf/x']);
  });

  it('reads no layer below the one that has the file', async () => {
    const image = await imageOfEntries([file('a', '1')], [file('b', '2')]);
    const { layers } = await imageManifestOf(image);
    const [lowest] = layers;
    const store = new MemoryStore();
    await copyGraph(image.store, store, image.root);
    const watched = Object.assign(Object.create(store) as MemoryStore, {
      fetch: async (target: typeof image.root) => {
        if (target.digest === lowest?.digest) throw new Error('It is not needed');
        return store.fetch(target);
      },
    });
    await using place = await findFile({ store: watched, root: image.root }, 'b');
    expect(place.kind).toBe('file');
  });

  it('is the image itself when the content is the same', async () => {
    const image = await imageOfEntries([file('a', '1')]);
    await using result = await setFile(image, 'a', Buffer.from('1'));
    expect(result.root).toBe(image.root);
  });

  it.each([
    ['a directory', [folder('d')], 'd'],
    ['a device', [{ name: 'd', type: 'character-device' } as const], 'd'],
    ['a path through a file', [file('d', '')], 'd/a'],
    ['a link in a circle', [link('d', 'e'), link('e', 'd')], 'd'],
  ] as const)('refuses %s', async (_, entries, path) => {
    const image = await imageOfEntries(entries);
    await expect(setFile(image, path, Buffer.from('x'))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it.each(['', '/', '../a', '/./'])('refuses the path %j', async (path) => {
    const image = await imageOfEntries([]);
    await expect(setFile(image, path, Buffer.from('x'))).rejects.toMatchObject({ code: 'INVALID_REFERENCE' });
  });

  it('refuses an index', async () => {
    await expect(setFile(await randomIndex(), 'a', Buffer.from('x'))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('refuses layers that blow up beyond the limit', async () => {
    const image = await imageOfEntries([file('a', 'x'.repeat(100_000))]);
    await expect(setFile(image, 'b', Buffer.from('x'), { maxBytes: 50_000 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('puts files of Windows images below Files', async () => {
    const image = await imageOfTars([await layerTar([folder('Files'), file('Files/a', '1')])], { os: 'windows' });
    await using place = await findFile(image, 'C:\\a');
    expect(place).toMatchObject({ kind: 'file', path: 'Files/a' });
  });

  it('makes an image that is valid, whose history says what was done', async () => {
    const image = await imageOfEntries([file('a', '1')]);
    await using result = await setFile(image, 'a', Buffer.from('2'), { history: { author: 'me', createdBy: 'edit' } });
    expect(await validate(result)).toEqual([]);
    expect((await configOf(result)).history.at(-1)).toMatchObject({ author: 'me', created_by: 'edit' });
  });
});

describe('removeFile()', () => {
  it.each([
    ['a file', 'd/a', { 'd/b': '2', e: '3' }],
    ['a directory with all that is in it', '/d', { e: '3' }],
    ['a link and not what it leads to', 'l', { 'd/a': '1', 'd/b': '2', e: '3' }],
  ] as const)('hides %s', async (_, path, left) => {
    const image = await imageOfEntries([file('d/a', '1'), file('d/b', '2'), file('e', '3'), link('l', 'e')]);
    await using result = await removeFile(image, path);
    expect(await filesOf(result)).toEqual(left);
    expect(await validate(result)).toEqual([]);
  });

  it('fails where nothing is', async () => {
    await expect(removeFile(await imageOfEntries([]), 'a')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

async function topLayer({ store, root }: Artifact): Promise<{ readonly header: TarHeader; readonly body: string }[]> {
  const layer = (await imageManifestOf({ store, root })).layers.at(-1);
  if (layer === undefined) throw new Error('There is a layer');
  const { stream } = await decompress(await store.fetch(layer));
  const entries = [];
  for await (const { header, body } of new TarReader(stream)) {
    entries.push({ header, body: Buffer.from(await collect(body, 1000)).toString() });
  }
  return entries;
}

async function filesOf(image: Artifact): Promise<Readonly<Record<string, string>>> {
  const entries = await readEntries(exportFilesystem(image));
  const files = entries.filter(({ header }) => header.type === 'file');
  return Object.fromEntries(files.map(({ header, body }) => [header.name, body]));
}

function unread(): never {
  throw new Error('There is an entry');
}
