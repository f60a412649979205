import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, list, passThrough, restoreChecksum, sha } from '../../../test/support/tar-archives.ts';
import { streamOf } from '../bytes.ts';
import { encodeTarHeader, type TarFields } from './encode-header.ts';
import { type TarEntry, TarReader } from './reader.ts';
import { tarTrailer, writeTar } from './writer.ts';

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

it('stops when its signal aborts', async () => {
  const archive = await bytesOf(writeTar([{ header: { name: 'a' } }]));
  const reason = new Error('enough');
  await expect(list(archive, AbortSignal.abort(reason))).rejects.toBe(reason);
});

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

function withName(name: Uint8Array): Buffer {
  const block = Buffer.from(encodeTarHeader({ name: '' }));
  block.set(name, 0);
  return restoreChecksum(block);
}
