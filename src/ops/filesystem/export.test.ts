import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { imageOfEntries, imageOfTars, type LayerEntry, readEntries } from '../../../test/support/layer-stack.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { type ByteStream, collect, streamOf } from '../../content/bytes.ts';
import { encodeTarHeader } from '../../content/tar/encode-header.ts';
import { tarTrailer } from '../../content/tar/writer.ts';
import { isLayerType, mediaTypes } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { ContentSource } from '../../store/store.ts';
import { MemoryStore } from '../../store/memory.ts';
import { randomImage, randomIndex } from '../random.ts';
import { exportFilesystem, type ExportFilesystemOptions, flattenedTar } from './export.ts';

/** Entries as short lines: `name/` a directory, `name=body` a file, `name->target` and `name=>target` links. */
async function linesOf(stream: ByteStream): Promise<string[]> {
  return (await readEntries(stream)).map(({ header: { name, type, linkname }, body }) => {
    if (type === 'directory') return `${name}/`;
    if (type === 'symlink') return `${name}->${linkname}`;
    if (type === 'hardlink') return `${name}=>${linkname}`;
    return type === 'file' ? `${name}=${body}` : `${name} ${type}`;
  });
}

/** The other way round. */
function entryOf(line: string): LayerEntry {
  const [, name = '', kind, rest = ''] = /^(.*?)(?:(->|=>|=|\/$)(.*))?$/.exec(line) ?? [];
  if (kind === '/') return { name: `${name}/`, type: 'directory', mode: 0o755 };
  if (kind === '->') return { name, type: 'symlink', linkname: rest };
  if (kind === '=>') return { name, type: 'hardlink', linkname: rest };
  return { name, body: rest };
}

/** An image whose layers come with another first byte. */
function flipped({ store, root }: Artifact): Artifact {
  const source: ContentSource = {
    resolve: (...args) => store.resolve(...args),
    stat: (...args) => store.stat(...args),
    async fetch(target) {
      const bytes = await collect(await store.fetch(target), 1e6);
      return streamOf(isLayerType(target.mediaType) ? [Buffer.from([7]), bytes.subarray(1)] : bytes);
    },
  };
  return { store: source, root };
}

async function exported(layers: readonly (readonly string[])[], options?: ExportFilesystemOptions): Promise<string[]> {
  return linesOf(exportFilesystem(await imageOfEntries(...layers.map((lines) => lines.map(entryOf))), options));
}

async function squashed(layers: readonly (readonly string[])[], fromLayer: number): Promise<string[]> {
  const artifact = await imageOfEntries(...layers.map((lines) => lines.map(entryOf)));
  return linesOf(flattenedTar(artifact, { fromLayer }));
}

interface Vector {
  readonly title: string;
  readonly layers: readonly (readonly { name: string; type: string; link: string; body: string }[])[];
  readonly crane: readonly { name: string; type: string; link: string; body: string }[] | null;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/merged-layers.json', import.meta.url), 'utf8'),
) as readonly Vector[];

/** Where crane is wrong (crane-cli reference, section 15, item 7), what is right. */
const corrected: Readonly<Record<string, readonly string[]>> = {
  'a hard link whose target is removed above, and a name twice in one layer': [
    'dir/',
    'dir/f2=2',
    'hl=t',
    'sl->../../etc',
    'sl2->/etc',
    'dup=d2',
  ],
  'a name that leaves the root': ['../evil=x'],
  'an absolute name': ['abs=x'],
};

describe('exportFilesystem()', () => {
  it.each(vectors)('gives what crane gives, or what is right: $title', async ({ title, layers, crane }) => {
    const types: Readonly<Record<string, LayerEntry['type']>> = { 1: 'hardlink', 2: 'symlink', 5: 'directory' };
    const artifact = await imageOfEntries(
      ...layers.map((entries) =>
        entries.map(({ name, type, link, body }) => ({ name, type: types[type] ?? 'file', linkname: link, body })),
      ),
    );
    const lines = crane?.map(({ name, type, link, body }) =>
      type === '5' ? `${name}/` : type === '0' ? `${name}=${body}` : `${name}${type === '1' ? '=>' : '->'}${link}`,
    );
    expect(await linesOf(exportFilesystem(artifact))).toEqual(corrected[title] ?? lines);
  });

  it.each<readonly [string, readonly (readonly string[])[], readonly string[]]>([
    [
      'hides what a whiteout names, with all below',
      [
        ['a/', 'a/b=1', 'c=1'],
        ['.wh.a', '.wh.none'],
      ],
      ['c=1'],
    ],
    ['keeps what a layer makes anew after its own whiteout', [['a=1'], ['.wh.a', 'a=2']], ['a=2']],
    ['keeps what a layer makes anew before its own whiteout', [['a=1'], ['a=2', '.wh.a']], ['a=2']],
    [
      'makes a directory anew without its old content',
      [
        ['d/', 'd/x=1'],
        ['d/y=2', '.wh.d'],
      ],
      ['d/y=2'],
    ],
    [
      'hides the content of an opaque directory in lower layers only',
      [
        ['d/', 'd/x=1'],
        ['d/y=2', 'd/.wh..wh..opq'],
      ],
      ['d/', 'd/y=2'],
    ],
    [
      'hides everything when the root is opaque',
      [
        ['d/', 'd/x=1', 'z=1'],
        ['.wh..wh..opq', 'n=1'],
      ],
      ['n=1'],
    ],
    ['takes the last of several copies in one layer', [['a=1', 'b=1', 'a=2']], ['b=1', 'a=2']],
    [
      'lets a file take the place of a directory and back',
      [['d/', 'd/x=1'], ['d=2'], ['d/', 'd/y=3']],
      ['d/', 'd/y=3'],
    ],
    ['lets a directory without an entry take the place of a file', [['d=1'], ['d/y=3']], ['d/y=3']],
    [
      'keeps both of what two layers put in one directory',
      [
        ['d/', 'd/x=1'],
        ['d/', 'd/y=2'],
      ],
      ['d/', 'd/x=1', 'd/y=2'],
    ],
    ['puts directories before what lower layers have in them', [['d/x=1'], ['d/']], ['d/', 'd/x=1']],
    ['keeps an empty directory that only its content brought into being', [['d/x=1'], ['d/.wh.x']], ['d/']],
    ['keeps hard links', [['a=1', 'b=>a', 'c=>b']], ['a=1', 'b=>a', 'c=>a']],
    ['gives a hard link the content of a file that is replaced above', [['a=1', 'b=>a'], ['a=2']], ['b=1', 'a=2']],
    ['gives a hard link the content of a file that is replaced behind it', [['a=1', 'b=>a', 'a=2']], ['b=1', 'a=2']],
    ['lets a hard link lead into a lower layer', [['a=1'], ['b=>a']], ['a=1', 'b=>a']],
    ['lets a hard link lead to what its own layer removes', [['a=1'], ['.wh.a', 'b=>/a', 'c=>./a']], ['b=1', 'c=>b']],
    ['lets a hard link stand before its target', [['b=>a', 'a=1']], ['b=1', 'a=>b']],
    ['lets hard links stand before each other', [['c=>b', 'b=>a', 'a=1']], ['c=1', 'b=>c', 'a=>c']],
    [
      'lets the last entry have a name that a hard link before its target had',
      [['b=>a', 'b=2', 'a=1']],
      ['b=2', 'a=1'],
    ],
    ['lets a hard link lead to a symbolic one', [['a->x', 'b=>a'], ['.wh.a']], ['b->x']],
    ['takes a hard link to itself for nothing', [['a=1'], ['a=>a']], ['a=1']],
    [
      'leaves symbolic links as they are',
      [['a->/etc', 'b->..data/x', 'c->../../up', 'd->none']],
      ['a->/etc', 'b->..data/x', 'c->../../up', 'd->none'],
    ],
    [
      'follows symbolic links on the way to a file, as tar does',
      [
        ['usr/', 'lib->usr/lib', 'usr/lib/'],
        ['lib/x=1', 'lib/.wh.y'],
      ],
      ['usr/', 'lib->usr/lib', 'usr/lib/', 'usr/lib/x=1'],
    ],
    [
      'never leaves the root by a link',
      [['up->../../..', 'up/x=1', 'abs->/d', 'abs/y=1']],
      ['up->../../..', 'x=1', 'abs->/d', 'd/y=1'],
    ],
    ['takes a link that leads in a circle for nothing to follow', [['a->b', 'b->a'], ['a/x=1']], ['b->a', 'a/x=1']],
    [
      'cleans names',
      [['./', './a//b/', '/a/b/c=1', 'a/./d=1', 'a/x/../e=1']],
      ['./', 'a/b/', 'a/b/c=1', 'a/d=1', 'a/e=1'],
    ],
    [
      'shows nothing of what AUFS kept for itself',
      [['.wh..wh.plnk/', '.wh..wh.plnk/1=x', 'a=>.wh..wh.plnk/1', '.wh..wh.aufs=']],
      ['a=x'],
    ],
    ['has nothing to show of an image without layers', [], []],
  ])('%s', async (_, layers, expected) => {
    expect(await exported(layers)).toEqual(expected);
  });

  it('gives a directory the attributes of the highest layer that has it, all of them kept', async () => {
    const pax = new Map([['SCHILY.xattr.user.note', 'höher']]);
    const upper = { uid: 3_000_000, gid: 7, uname: 'u', gname: 'g', mtime: { seconds: -5, nanoseconds: 0 }, pax };
    const artifact = await imageOfEntries(
      [
        { name: 'd/', mode: 0o755 },
        { name: 'd/x', body: '1' },
      ],
      [{ name: 'd/', mode: 0o1777, ...upper }],
    );
    const [directory] = await readEntries(exportFilesystem(artifact));
    expect(directory?.header).toMatchObject({ name: 'd', mode: 0o1777, ...upper, pax: expect.any(Map) as unknown });
    expect(directory?.header.pax.get('SCHILY.xattr.user.note')).toBe('höher');
  });

  it('passes entries whose names are clean byte for byte, times below a second and xattrs included', async () => {
    const mtime = { seconds: 1, nanoseconds: 123_456_789 };
    const pax = new Map([['SCHILY.xattr.user.x', '\udcff\udc00']]);
    const header = encodeTarHeader({ name: 'f\udcfe', mode: 0o4755, mtime, pax }, { times: 'pax' });
    const device = encodeTarHeader({ name: 'dev/null', type: 'character-device', devmajor: 1, devminor: 3 });
    const tar = Buffer.concat([header, device, encodeTarHeader({ name: 'p', type: 'fifo' }), tarTrailer]);
    expect(Buffer.from(await collect(exportFilesystem(await imageOfTars([tar])), 10_000))).toEqual(tar);
  });

  it('gives entries the global records that were in force for them', async () => {
    const entry = encodeTarHeader({ name: 'a', pax: new Map([['SCHILY.xattr.user.x', '1']]) });
    const global = Buffer.from(entry.subarray(0, 1024));
    global.write('g', 156);
    let sum = 8 * 0x20;
    for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += global[i] ?? 0;
    global.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const tar = Buffer.concat([global, encodeTarHeader({ name: 'a' }), encodeTarHeader({ name: 'b' }), tarTrailer]);
    const found = await readEntries(exportFilesystem(await imageOfTars([tar])));
    expect(found.map(({ header }) => header.pax.get('SCHILY.xattr.user.x'))).toEqual(['1', '1']);
  });

  it('gives the part at a path with all below, links on the way followed', async () => {
    const layers = [
      ['usr/', 'usr/lib/', 'lib->usr/lib', 'x=1'],
      ['usr/lib/a=1', 'usr/lib/b=>usr/lib/a', 'y=>x'],
    ];
    expect(await exported(layers, { path: '/lib/' })).toEqual(['lib->usr/lib']);
    expect(await exported(layers, { path: 'usr/lib' })).toEqual(['usr/lib/', 'usr/lib/a=1', 'usr/lib/b=>usr/lib/a']);
    expect(await exported(layers, { path: 'lib/b' })).toEqual(['usr/lib/b=1']);
    expect(await exported(layers, { path: './y' })).toEqual(['y=1']);
    await expect(exported(layers, { path: 'usr/none' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('gives an artifact of one file as it is, decompressed', async () => {
    expect(
      await artifactOf(['text/plain', 'hello']).then((artifact) => collect(exportFilesystem(artifact), 99)),
    ).toEqual(Buffer.from('hello'));
    const part = exportFilesystem(await artifactOf(['text/plain', 'hello']), { path: 'hello' });
    await expect(collect(part, 99)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it.each<readonly [string, () => Promise<Artifact>, object]>([
    [
      'an artifact of several files',
      () => artifactOf(['text/plain', 'a'], ['text/plain', 'b']),
      { code: 'UNSUPPORTED' },
    ],
    ['an index', () => randomIndex(), { code: 'UNSUPPORTED' }],
    ['a hard link to nothing', () => imageOfEntries([entryOf('a=>b')]), { code: 'INVALID_ARCHIVE' }],
    ['a hard link to a directory', () => imageOfEntries([entryOf('d/'), entryOf('a=>d')]), { code: 'INVALID_ARCHIVE' }],
    ['a whiteout of nothing', () => imageOfEntries([entryOf('d/.wh.=')]), { code: 'INVALID_ARCHIVE' }],
    ['a root that is a file', () => imageOfEntries([entryOf('./.=x')]), { code: 'INVALID_ARCHIVE' }],
    [
      'a layer that is no tar, by its name',
      () => imageOfTars([Buffer.alloc(2000, 'x')]),
      {
        code: 'INVALID_ARCHIVE',
        message: expect.stringMatching(/^The layer sha256:\w{64} cannot be read: the data is not/),
      },
    ],
    [
      'a layer with other bytes, though they are no tar either',
      async () => flipped(await imageOfTars([randomBytes(300_000)])),
      { code: 'DIGEST_MISMATCH' },
    ],
    [
      'a wrong diff ID',
      () => imageOfTars([tarTrailer], { rootfs: { diff_ids: [`sha256:${'0'.repeat(64)}`] } }),
      { code: 'DIGEST_MISMATCH' },
    ],
    ['too few diff IDs', () => imageOfTars([tarTrailer], { rootfs: { diff_ids: [] } }), { code: 'INVALID_CONFIG' }],
  ])('refuses %s before anything comes', async (_, make, expected) => {
    const directory = await testDirectory();
    const chunks: Uint8Array[] = [];
    async function run(artifact: Artifact): Promise<void> {
      for await (const chunk of exportFilesystem(artifact, { temporaryDirectory: directory })) chunks.push(chunk);
    }
    await expect(run(await make())).rejects.toMatchObject(expected);
    expect(chunks).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('has limits for entries and bytes', async () => {
    const image = await imageOfEntries([entryOf('a/b/c=1')], [entryOf(`d=${'x'.repeat(5000)}`)]);
    await expect(collect(exportFilesystem(image, { maxEntries: 3 }), 1e6)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    await expect(collect(exportFilesystem(image, { maxBytes: 4000 }), 1e6)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    await collect(exportFilesystem(image, { maxEntries: 4, maxBytes: 10_000 }), 1e6);
  });

  it('follows links on the way no further than Linux does, whatever they cost to follow', async () => {
    const here = './'.repeat(400_000);
    const long = await exported([[`s->${here}`, `${'s/'.repeat(50_000)}f=1`]]);
    expect(long).toHaveLength(1);
    const many = await exported([['s->.', `${'s/'.repeat(40)}f=1`, `${'s/'.repeat(41)}g=1`]]);
    // What the 41st link would lead to is a directory of its own.
    expect(many).toEqual(['f=1', 's/g=1']);
  });

  it('leaves no temporary file, whether it is read to its end, cancelled or aborted', async () => {
    const temporaryDirectory = await testDirectory();
    const image = await randomImage({ layers: 4, layerSize: 300_000 });
    await collect(exportFilesystem(image, { temporaryDirectory }), 1e8);
    expect(await readdir(temporaryDirectory)).toEqual([]);
    const cancelled = exportFilesystem(image, { temporaryDirectory });
    await cancelled[Symbol.asyncIterator]().next();
    expect(await readdir(temporaryDirectory)).not.toEqual([]);
    await cancelled.cancel();
    expect(await readdir(temporaryDirectory)).toEqual([]);
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = collect(exportFilesystem(image, { temporaryDirectory, signal: controller.signal }), 1e8);
    await setTimeout(1);
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(await readdir(temporaryDirectory)).toEqual([]);
  });

  it('tells how far it is', async () => {
    const image = await randomImage({ layers: 2 });
    const events: string[] = [];
    await collect(exportFilesystem(image, { onProgress: ({ type }) => events.push(type) }), 1e6);
    expect(events.filter((type) => type === 'start')).toHaveLength(2);
    expect(events.filter((type) => type === 'finish')).toHaveLength(2);
  });
});

describe('flattenedTar()', () => {
  it('is the same as the file system', async () => {
    const image = await randomImage({ layers: 3 });
    expect(await collect(flattenedTar(image), 1e6)).toEqual(await collect(exportFilesystem(image), 1e6));
    await expect(collect(flattenedTar(await artifactOf(['text/plain', 'a'])), 99)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    await expect(collect(flattenedTar(image, { fromLayer: 3 }), 99)).rejects.toThrow(RangeError);
  });

  it.each<readonly [string, readonly (readonly string[])[], readonly string[]]>([
    ['keeps whiteouts', [['a=1'], ['.wh.a', 'd/.wh.b'], ['c=1']], ['.wh.a=', 'd/.wh.b=', 'c=1']],
    ['keeps no whiteout of what is there again', [['a=1'], ['.wh.a'], ['a=2']], ['a=2']],
    [
      'makes a directory opaque that takes the place of something',
      [['d/', 'd/x=1'], ['.wh.d'], ['d/', 'd/y=2']],
      ['d/', 'd/.wh..wh..opq=', 'd/y=2'],
    ],
    [
      'keeps opaque marks',
      [
        ['d/', 'd/x=1'],
        ['d/.wh..wh..opq', 'd/y=2'],
      ],
      ['d/.wh..wh..opq=', 'd/y=2'],
    ],
    ['hides what it removes of its own layers as well', [['z=1'], ['a=1'], ['.wh.a']], ['.wh.a=']],
    ['keeps hard links that lead below', [['a=1'], ['b=>a'], ['c=1']], ['b=>a', 'c=1']],
    ['lets the last entry have a name that such a link had', [['a=1'], ['b=>a', 'b=2']], ['b=2']],
  ])('%s when it is a layer over lower ones', async (_, layers, expected) => {
    expect(await squashed(layers, 1)).toEqual(expected);
  });

  it('refuses to cut a hard link from a target that it hides', async () => {
    await expect(squashed([['a=1'], ['b=>a'], ['a=2']], 1)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    // The link leads to what the layer below has, and not to what stands behind it.
    await expect(squashed([['a=1'], ['b=>a', 'a=2']], 1)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

async function artifactOf(...layers: readonly (readonly [mediaType: string, content: string])[]): Promise<Artifact> {
  const store = new MemoryStore();
  const config = await store.add(Buffer.from('{}'), mediaTypes.ociEmpty);
  const descriptors = [];
  for (const [mediaType, content] of layers) descriptors.push(await store.add(Buffer.from(content), mediaType));
  const manifest = { schemaVersion: 2, artifactType: 'application/vnd.example', config, layers: descriptors };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest) };
}
