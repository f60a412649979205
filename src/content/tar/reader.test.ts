import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chunksOf, streamOf } from '../bytes.ts';
import { digestOf } from '../hash.ts';
import { encodeTarHeader, type TarFields } from './encode-header.ts';
import type { TarHeader } from './entry.ts';
import { checksums } from './field.ts';
import { maxExtensionSize } from './header-parser.ts';
import { type TarEntry, TarReader } from './reader.ts';
import { tarPadding, tarTrailer, writeTar } from './writer.ts';

let root: string;
let tree: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tar-reader-'));
  tree = join(root, 'tree');
  await mkdir(join(tree, 'directory'), { recursive: true });
  await writeFile(join(tree, 'directory/small'), 'small file');
  await writeFile(join(tree, 'empty'), '');
  await writeFile(join(tree, `prefix-${'p'.repeat(60)}`), 'x'.repeat(1000));
  await symlink('directory/small', join(tree, 'link'));
  execFileSync('ln', [join(tree, 'empty'), join(tree, 'hard')]);
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

// Other systems' tar has other options.
const isGnu = execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('GNU tar');

describe.skipIf(!isGnu)('archives made by GNU tar', () => {
  it.each(['v7', 'ustar', 'oldgnu', 'gnu', 'pax'])(
    'are passed through byte for byte in the format %s',
    async (format) => {
      const archive = gnuTar(`--format=${format}`, '.');
      expect(sha(await passThrough(archive))).toBe(sha(archive));
      const entries = await list(archive);
      const small = entries.find(({ header }) => header.name === './directory/small');
      expect(small?.text).toBe('small file');
      expect(small?.header.mtime.seconds).toBeGreaterThan(1_500_000_000);
      expect(entries.find(({ header }) => header.name === './link')?.header).toMatchObject({
        type: 'symlink',
        linkname: 'directory/small',
        size: 0,
      });
      expect(entries.filter(({ header }) => header.type === 'hardlink')).toHaveLength(1);
      expect(entries.find(({ header }) => header.name === './directory/')?.header.type).toBe('directory');
    },
  );

  it.each(['gnu', 'pax'])('keep long and non-ASCII names in the format %s', async (format) => {
    const directory = join(tree, '..', `long-${format}`, 'd'.repeat(90), 'ä'.repeat(90));
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'f'), 'deep');
    await symlink(`target/${'t'.repeat(200)}`, join(directory, 'l'));
    const archive = gnuTar(`--format=${format}`, '-C', join(root, `long-${format}`), '.');
    const entries = await list(archive);
    expect(entries.map(({ header }) => header.name)).toContain(`./${'d'.repeat(90)}/${'ä'.repeat(90)}/f`);
    expect(entries.find(({ header }) => header.type === 'symlink')?.header.linkname).toBe(`target/${'t'.repeat(200)}`);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });

  it.each([
    '--format=gnu',
    '--format=pax --sparse-version=0.0',
    '--format=pax --sparse-version=0.1',
    '--format=pax --sparse-version=1.0',
  ])('keep sparse files with many holes: %s', async (flags) => {
    const holes = join(root, 'holes');
    await mkdir(holes, { recursive: true });
    await writeFile(join(holes, 'sparse'), '');
    await truncate(join(holes, 'sparse'), 64 * 1024 * 1024);
    for (let i = 0; i < 30; i++) {
      execFileSync(
        'dd',
        ['if=/dev/zero', `of=${join(holes, 'sparse')}`, 'bs=4096', 'count=1', 'conv=notrunc', `seek=${i * 100}`],
        { stdio: 'ignore' },
      );
    }
    const archive = gnuTar(...flags.split(' '), '--sparse', '-C', holes, 'sparse');
    expect(archive.length).toBeLessThan(1024 * 1024);
    const [entry] = await list(archive);
    expect(entry?.header.name).toBe('sparse');
    expect(entry?.header.sparse?.realSize).toBe(64 * 1024 * 1024);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });

  it('give times with their fraction, numbers in base 256 and PAX records of any kind', async () => {
    await writeFile(join(root, 'one'), '1');
    const pax = await list(
      gnuTar(
        '--format=pax',
        '--mtime=2001-02-03T04:05:06.123456789Z',
        '--pax-option=SCHILY.xattr.user.note:=value,exthdr.name=%d/P/%f',
        '-C',
        root,
        'one',
      ),
    );
    expect(pax[0]?.header.mtime).toEqual({ seconds: 981_173_106, nanoseconds: 123_456_789 });
    expect(pax[0]?.header.pax.get('SCHILY.xattr.user.note')).toBe('value');
    const gnu = await list(
      gnuTar('--format=gnu', '--owner=x:3000000', '--mtime=1901-01-01T00:00:00Z', '-C', root, 'one'),
    );
    expect(gnu[0]?.header).toMatchObject({ uid: 3_000_000, uname: 'x', mtime: { seconds: -2_177_452_800 } });
  });

  it('apply global PAX records to all entries until they are taken back', async () => {
    const archive = Buffer.concat([
      paxBlock('g', { comment: 'all', gid: '77' }),
      encodeTarHeader({ name: 'a' }),
      paxBlock('x', { gid: '' }),
      encodeTarHeader({ name: 'b', gid: 5 }),
      tarTrailer,
    ]);
    const entries = await list(archive);
    expect(entries.map(({ header }) => [header.gid, header.pax.get('comment')])).toEqual([
      [77, 'all'],
      [5, 'all'],
    ]);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });
});

describe('any archive', () => {
  it('comes out as it went in, however it is cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anEntry(), { maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 1500 })),
        async (entries, sizes) => {
          const archive = await bytesOf(writeTar(entries));
          const passed = await passThrough(pieces(archive, sizes));
          expect(sha(passed)).toBe(sha(archive));
          const read = await list(pieces(archive, sizes));
          expect(read.map(({ header, text }) => [header.name, header.linkname, header.size, header.uid, text])).toEqual(
            entries.map(({ header, body }) => [
              header.name,
              header.linkname ?? '',
              header.size,
              header.uid,
              Buffer.from(body).toString('latin1'),
            ]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is passed through with strange padding, and with what follows its end', async () => {
    const entry = Buffer.concat([encodeTarHeader({ name: 'a', size: 3 }), Buffer.from('abc'), Buffer.alloc(509, 'P')]);
    const archive = Buffer.concat([entry, tarTrailer, Buffer.alloc(3000, 'T')]);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });

  it('keeps names apart that are no UTF-8', async () => {
    const names = [Buffer.from([0x61, 0xff]), Buffer.from([0x61, 0xfe]), Buffer.from([0x61, 0xef, 0xbf, 0xbd])];
    const archive = Buffer.concat([...names.map((name) => withName(name)), tarTrailer]);
    const read = (await list(archive)).map(({ header }) => header.name);
    expect(new Set(read).size).toBe(3);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });

  it('gives bodies as views of the chunks it is fed', async () => {
    const archive = Buffer.concat([encodeTarHeader({ name: 'a', size: 4096 }), Buffer.alloc(4096, 1), tarTrailer]);
    for await (const { body } of new TarReader(archive)) {
      for await (const chunk of body) expect(chunk.buffer).toBe(archive.buffer);
    }
  });

  it('may have bodies that are read in part, or not at all', async () => {
    const archive = await bytesOf(
      writeTar(['a', 'b', 'c'].map((name) => ({ header: { name, size: 2000 }, body: Buffer.alloc(2000, name) }))),
    );
    const seen: string[] = [];
    for await (const { header, body } of new TarReader(pieces(archive, [700]))) {
      seen.push(header.name);
      if (header.name === 'a')
        for await (const chunk of body) {
          seen.push(String(chunk.length > 0));
          break;
        }
      if (header.name === 'b') await body.cancel();
    }
    expect(seen).toEqual(['a', 'true', 'b', 'c']);
  });

  it('refuses a body that is read after the next entry was asked for', async () => {
    const archive = await bytesOf(
      writeTar(['a', 'b'].map((name) => ({ header: { name, size: 3 }, body: Buffer.from('abc') }))),
    );
    const kept: TarEntry[] = [];
    for await (const entry of new TarReader(archive)) kept.push(entry);
    await expect(bytesOf(kept[0]?.body ?? [])).rejects.toThrow(TypeError);
  });

  it('gives body and padding at once where they are here, and nothing where they are not or were read', async () => {
    const inputs = ['a', 'b', 'c'].map((name) => ({ header: { name, size: 3 }, body: Buffer.from('abc') }));
    const archive = await bytesOf(writeTar(inputs));
    const found: (string | undefined)[] = [];
    const cut = [archive.subarray(0, 1600), archive.subarray(1600)];
    for await (const entry of new TarReader(streamOf(cut))) {
      if (entry.header.name === 'c') await bytesOf(entry.body);
      const rest = entry.restHere();
      found.push(rest && `${rest.length} ${Buffer.from(rest.subarray(0, 3)).toString()}`, entry.restHere() && 'twice');
    }
    expect(found).toEqual(['512 abc', undefined, undefined, undefined, undefined, undefined]);
  });

  it('closes its source when the consumer stops', async () => {
    const archive = await bytesOf(writeTar([{ header: { name: 'a', size: 3 }, body: Buffer.from('abc') }]));
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield archive;
        yield archive;
      } finally {
        closed = true;
      }
    }
    for await (const { header } of new TarReader(source())) {
      expect(header.name).toBe('a');
      break;
    }
    expect(closed).toBe(true);
  });

  it('may lack its final zero blocks, and may be empty', async () => {
    expect((await list(encodeTarHeader({ name: 'a' }))).map(({ header }) => header.name)).toEqual(['a']);
    expect(await list(new Uint8Array(0))).toEqual([]);
    expect(await list(new Uint8Array(512))).toEqual([]);
  });
});

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

it('stops when its signal aborts', async () => {
  const archive = await bytesOf(writeTar([{ header: { name: 'a' } }]));
  const reason = new Error('enough');
  await expect(list(archive, AbortSignal.abort(reason))).rejects.toBe(reason);
});

interface Listed {
  readonly header: TarHeader;
  readonly text: string;
}

async function list(source: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<readonly Listed[]> {
  const entries: Listed[] = [];
  for await (const { header, body } of new TarReader(source, { signal })) {
    entries.push({ header, text: (await bytesOf(body)).toString('latin1') });
  }
  return entries;
}

async function passThrough(source: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  const reader = new TarReader(source, { keepTrailer: true });
  const chunks: Uint8Array[] = [];
  for await (const entry of reader) for await (const chunk of entry.raw()) chunks.push(chunk);
  for await (const chunk of reader.trailer()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function bytesOf(source: Uint8Array | AsyncIterable<Uint8Array> | readonly Uint8Array[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of Array.isArray(source) ? source : chunksOf(source as Uint8Array))
    chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

async function* pieces(bytes: Uint8Array, sizes: Iterable<number>): AsyncGenerator<Uint8Array> {
  let at = 0;
  let last = 1;
  for (const size of sizes) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
    last = size;
  }
  for (; at < bytes.length; at += last) yield bytes.subarray(at, at + last);
}

function anEntry(): fc.Arbitrary<{ header: TarFields; body: Uint8Array }> {
  const name = fc
    .array(fc.stringMatching(/^[a-zäß漢]{1,90}$/u), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('/'));
  return fc
    .record({
      name,
      linkname: fc.option(name, { nil: undefined }),
      uid: fc.integer({ min: 0, max: 2 ** 40 }),
      body: fc.uint8Array({ maxLength: 1500 }),
      note: fc.option(fc.string(), { nil: undefined }),
    })
    .map(({ name, linkname, uid, body, note }) => ({
      header: {
        name,
        linkname,
        uid,
        size: body.length,
        ...(note === undefined || note === ''
          ? {}
          : { pax: new Map([['SCHILY.xattr.user.note', note.replaceAll(/\p{Cs}/gu, '')]]) }),
      },
      body,
    }));
}

function gnuTar(...args: readonly string[]): Buffer {
  const place = args.includes('-C') ? [] : ['-C', tree];
  return execFileSync('tar', ['-c', '-f', '-', '--sort=name', ...place, ...args], { maxBuffer: 64 * 1024 * 1024 });
}

function paxBlock(type: string, records: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(records).map(([key, value]) => {
    let length = key.length + value.length + 3;
    while (String(length).length + key.length + value.length + 3 !== length)
      length = String(length).length + key.length + value.length + 3;
    return `${length} ${key}=${value}\n`;
  });
  const data = Buffer.from(text.join(''));
  return Buffer.concat([rawHeader(type, data.length), data, tarPadding(data.length)]);
}

function rawHeader(type: string, size: number): Buffer {
  const block = Buffer.from(encodeTarHeader({ name: 'extension', size }));
  block.write(type, 156, 'latin1');
  return restoreChecksum(block);
}

function withName(name: Uint8Array): Buffer {
  const block = Buffer.from(encodeTarHeader({ name: '' }));
  block.set(name, 0);
  return restoreChecksum(block);
}

function restoreChecksum(block: Buffer): Buffer {
  block.write(`${checksums(block).unsigned.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function sha(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${digestOf(bytes)}`;
}
