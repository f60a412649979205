import { describe, expect, it } from 'vitest';
import { layerTar, readEntries } from '../../../test/support/layer-stack.ts';
import { collect, streamOf } from '../../content/bytes.ts';
import { encodeGlobalHeader } from '../../content/tar/encode-header.ts';
import { digestOf } from '../../content/hash.ts';
import { layerFromTar } from './layer-from-tar.ts';
import { windowsLayerTar } from './windows-layer.ts';

async function rewritten(tar: Uint8Array): Promise<Awaited<ReturnType<typeof readEntries>>> {
  return readEntries(windowsLayerTar(streamOf(tar)));
}

async function names(tar: Uint8Array): Promise<readonly string[]> {
  return (await rewritten(tar)).map(({ header }) => header.name);
}

describe('a layer for Windows', () => {
  it('has everything below Files, beside Hives, for the built-in users', async () => {
    const tar = await layerTar([
      { name: './' },
      { name: './dir/', mode: 0o755 },
      { name: '/dir//app.exe', body: 'MZ' },
    ]);
    const entries = await rewritten(tar);
    expect(entries.map(({ header: { name, type, mode } }) => [name, type, mode])).toEqual([
      ['Files', 'directory', 0o555],
      ['Hives', 'directory', 0o555],
      ['Files', 'directory', 0o644],
      ['Files/dir', 'directory', 0o755],
      ['Files/dir/app.exe', 'file', 0o644],
    ]);
    expect(entries.at(-1)?.body).toBe('MZ');
    const rights = entries.map(({ header }) => header.pax.has('MSWINDOWS.rawsd'));
    expect(rights).toEqual([false, false, true, true, true]);
  });

  it('keeps records, global ones in headers of their own, and times to the nanosecond', async () => {
    const pax = new Map([
      ['SCHILY.xattr.user.a', 'b'],
      ['atime', '5.50'],
      ['mtime', '1.25'],
    ]);
    const plain = await layerTar([{ name: 'a', pax, mtime: { seconds: 1, nanoseconds: 0 } }]);
    const tar = Buffer.concat([encodeGlobalHeader('pax_global_header', new Map([['comment', 'abc']])), plain]);
    const out = Buffer.from(await collect(windowsLayerTar(streamOf(tar)), 100_000));
    const [, , entry] = await readEntries(streamOf(out));
    expect(out.toString('latin1')).toContain('Files/pax_global_header');
    expect(out.toString('latin1').split('comment=abc')).toHaveLength(2);
    expect(Object.fromEntries(entry?.header.pax ?? [])).toMatchObject({
      comment: 'abc',
      'SCHILY.xattr.user.a': 'b',
    });
  });

  // Flaw: crane leaves the targets of hard links, where nothing is any more.
  it('has hard links that lead to where their targets went, and symbolic ones as they were', async () => {
    const tar = await layerTar([
      { name: 'a', body: 'x' },
      { name: 'b', type: 'hardlink', linkname: './a' },
      { name: 'c', type: 'symlink', linkname: '../a' },
    ]);
    expect((await rewritten(tar)).map(({ header }) => header.linkname)).toEqual(['', '', '', 'Files/a', '../a']);
  });

  it.each(['Files/app', '../app', '..'])('cannot be made from the entry %s', async (name) => {
    const tar = await layerTar([{ name }]);
    await expect(names(tar)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
  });

  it('may have a directory of that name, and whiteouts', async () => {
    expect(await names(await layerTar([{ name: 'dir/Files/a' }, { name: 'b/.wh.c' }]))).toEqual([
      'Files',
      'Hives',
      'Files/dir/Files/a',
      'Files/b/.wh.c',
    ]);
  });

  it('is compressed anew, whatever the archive was', async () => {
    const tar = await layerTar([{ name: 'a', body: 'x' }]);
    const out = await collect(windowsLayerTar(streamOf(tar)), 100_000);
    await using layer = await layerFromTar(tar, { rewrite: windowsLayerTar });
    expect(layer.diffId).toBe(digestOf(out));
    expect(layer.descriptor.mediaType).toMatch(/tar\+gzip$/);
  });
});
