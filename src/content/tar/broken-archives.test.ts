import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, list, paxBlock, rawHeader, restoreChecksum } from '../../../test/support/tar-archives.ts';
import { encodeTarHeader } from './encode-header.ts';
import { maxExtensionSize } from './header-parser.ts';
import { tarPadding, tarTrailer, writeTar } from './writer.ts';

describe('a broken archive', () => {
  it('that is no tar at all says what it starts with', async () => {
    await expect(list(Buffer.from('hello, world'.repeat(100)))).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
      message: expect.stringContaining('not a tar archive') as string,
    });
    await expect(list(Buffer.from('short'))).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    await expect(list(Buffer.from([0x1f, 0x8b, 8, 0, ...Array<number>(600).fill(7)]))).rejects.toMatchObject({
      hint: expect.stringContaining('gzip') as string,
    });
  });

  it('that is cut in a body names the entry and the place', async () => {
    const archive = await bytesOf(writeTar([{ header: { name: 'dir/a', size: 5000 }, body: Buffer.alloc(5000) }]));
    await expect(list(archive.subarray(0, 3000))).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
      message: 'The tar archive is cut short at byte 3000, in the entry "dir/a"',
    });
  });

  it('that is cut in a header names the entry before', async () => {
    const archive = Buffer.concat([encodeTarHeader({ name: 'a' }), encodeTarHeader({ name: 'b' }).subarray(0, 100)]);
    await expect(list(archive)).rejects.toThrow('cut short at byte 612, in a header after the entry "a"');
  });

  it('with a wrong checksum, a lone zero block or a stray extension header says where', async () => {
    const bad = Buffer.from(encodeTarHeader({ name: 'b' }));
    bad[0] = 0x7a;
    await expect(list(Buffer.concat([encodeTarHeader({ name: 'a' }), bad]))).rejects.toThrow(
      'malformed at byte 512, after the entry "a": the checksum of the header is wrong',
    );
    const a = encodeTarHeader({ name: 'a' });
    await expect(list(Buffer.concat([a, Buffer.alloc(512), a]))).rejects.toThrow('byte 512');
    await expect(list(Buffer.concat([paxBlock('x', { path: 'p' }), tarTrailer]))).rejects.toThrow('no entry after it');
  });

  it('cannot make us keep large or endless extension headers', async () => {
    const huge = rawHeader('x', maxExtensionSize + 1);
    await expect(list(Buffer.concat([huge, Buffer.alloc(2 * maxExtensionSize)]))).rejects.toThrow('the limit is');
    const block = paxBlock('x', { comment: 'c'.repeat(500_000) });
    await expect(list(Buffer.concat(Array<Uint8Array>(10).fill(block)))).rejects.toThrow('headers of one entry');
  });

  it('cannot burden every entry with thousands of global records', async () => {
    const records = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`key${i}`, 'x']));
    const more = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`more${i}`, 'x']));
    const entry = encodeTarHeader({ name: 'a' });
    await expect(
      list(Buffer.concat([paxBlock('g', records), entry, paxBlock('g', records), entry])),
    ).resolves.toHaveLength(2);
    await expect(list(Buffer.concat([paxBlock('g', records), entry, paxBlock('g', more), entry]))).rejects.toThrow(
      'more than 1000 global PAX records',
    );
  });

  it.each(['x', '5 a=b\n', '6 =b\n', '99 a=b\n', '6 a=bc', '-6 a=b\n'])(
    'with the PAX record %j is refused',
    async (text) => {
      const data = Buffer.from(text);
      const archive = [rawHeader('x', data.length), data, tarPadding(data.length), encodeTarHeader({ name: 'a' })];
      await expect(list(Buffer.concat(archive))).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    },
  );

  it.each([{ size: '-1' }, { size: '1e3' }, { uid: 'x' }, { mtime: 'now' }, { size: '9'.repeat(30) }])(
    'with the PAX value %j is refused',
    async (records) => {
      const archive = Buffer.concat([paxBlock('x', records), encodeTarHeader({ name: 'a' }), tarTrailer]);
      await expect(list(archive)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    },
  );

  it('cannot smuggle an entry by a PAX size before another extension header', async () => {
    const longName = Buffer.from('real-name\0');
    const archive = Buffer.concat([
      paxBlock('x', { size: '3' }),
      rawHeader('L', longName.length),
      longName,
      tarPadding(longName.length),
      encodeTarHeader({ name: 'short', size: 3 }),
      Buffer.from('abc'),
      tarPadding(3),
      tarTrailer,
    ]);
    expect((await list(archive)).map(({ header, text }) => [header.name, text])).toEqual([['real-name', 'abc']]);
  });

  it('never makes the reader fail in another way than it says', async () => {
    const archive = await bytesOf(writeTar([{ header: { name: 'ä', size: 600 }, body: Buffer.alloc(600) }]));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1 }),
        async (changes) => {
          const broken = Buffer.from(archive);
          for (const [at, byte] of changes) broken[at] = byte;
          for (let at = 0; at + 512 <= broken.length; at += 512) restoreChecksum(broken.subarray(at, at + 512));
          await list(broken).catch((error: unknown) => expect(error).toMatchObject({ code: 'INVALID_ARCHIVE' }));
        },
      ),
      { numRuns: 200 },
    );
  });
});
