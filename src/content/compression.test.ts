import { execFileSync } from 'node:child_process';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packZstd } from '../../test/support/pack-zstd.ts';
import { type ByteTransform, collect, isByteStream, pipe, streamOf } from './bytes.ts';
import { compressionOf, decompress, decompressing, detectCompression } from './compression.ts';
import { gunzipping, gzipping } from './gzip.ts';
import { canCompressZstd, unzstding, unzstdPortably, zstding } from './zstd.ts';

const megabytes = 50 * 1024 * 1024;

describe('gzipping', () => {
  it('gives one member with the header that Go writes', async () => {
    const packed = await through(gzipping(), Buffer.from('hello'));
    expect(Array.from(packed.subarray(0, 10))).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
    expect((await through(gzipping({ level: 9 }), Buffer.from('hello')))[8]).toBe(2);
    expect(gunzipSync(packed).toString()).toBe('hello');
  });

  it.each([0, 1, 1024 * 1024, 1024 * 1024 + 1, 3_500_000])('gives back %i bytes', async (size) => {
    const data = noise(size);
    const packed = await through(gzipping(), data);
    expect(gunzipSync(packed).equals(data)).toBe(true);
    expect(execFileSync('gzip', ['-dc'], { input: packed, maxBuffer: megabytes }).equals(data)).toBe(true);
  });

  it('does not depend on how the input is cut', async () => {
    const data = noise(2_500_000);
    const whole = await through(gzipping({ level: 6 }), data);
    for (const size of [1000, 65_536, 1_048_577]) {
      expect(whole.equals(await through(gzipping({ level: 6 }), cut(data, size)))).toBe(true);
    }
  });

  it('refuses a level that is none', () => {
    expect(() => gzipping({ level: 0 })).toThrow(RangeError);
  });
});

describe.each<readonly [string, ByteTransform, (data: Uint8Array) => Buffer, string]>([
  ['gunzipping', gunzipping(), (data) => gzipSync(data), 'gzip'],
  ['unzstding', unzstding(), (data) => packZstd(data), 'zstd'],
  ['the portable zstd decoder', (source) => unzstdPortably(source), (data) => packZstd(data), 'zstd'],
])('%s', (_, transform, pack, format) => {
  it('gives back any data, in several members, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 5000 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 200 }),
        async (parts, size) => {
          const packed = Buffer.concat(parts.map((part) => pack(part)));
          expect((await through(transform, cut(packed, size))).equals(Buffer.concat(parts))).toBe(true);
        },
      ),
      { numRuns: 8 },
    );
    const data = noise(3_000_000);
    expect((await through(transform, pack(data))).equals(data)).toBe(true);
  });

  it('says when the data is cut', async () => {
    const packed = pack(noise(300_000));
    for (const size of [0, 5, 1000, packed.length - 1]) {
      await expect(through(transform, packed.subarray(0, size)), String(size)).rejects.toMatchObject({
        code: 'INVALID_ARCHIVE',
        message: `The ${format} data is cut short`,
      });
    }
  });

  it('says when it is something else, or when something else follows', async () => {
    const packed = pack(Buffer.from('data'));
    for (const data of [
      Buffer.from('nothing of the kind, but long enough'),
      Buffer.concat([packed, Buffer.from('and more, of another kind')]),
      Buffer.concat([packed, Buffer.alloc(100)]),
    ]) {
      for (const source of [data, cut(data, packed.length)]) {
        await expect(through(transform, source)).rejects.toMatchObject({
          code: 'INVALID_ARCHIVE',
          message: expect.stringContaining(`The ${format} data is malformed`) as string,
        });
      }
    }
  });

  it('ends early and passes on the failure of its source', async () => {
    const packed = pack(noise(2_000_000));
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (let at = 0; ; at += 10_000) yield packed.subarray(at, at + 10_000);
      } finally {
        closed = true;
      }
    }
    for await (const chunk of transform(source())) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(closed).toBe(true);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield packed.subarray(0, 50_000);
      throw new Error('line cut');
    }
    await expect(through(transform, failing())).rejects.toThrow('line cut');
  });
});

it.each([
  ['gzip', gzipSync(Buffer.alloc(megabytes))],
  ['zstd', packZstd(Buffer.alloc(megabytes))],
])('stops a %s bomb at the limit', async (format, bomb) => {
  await expect(through(decompressing({ limit: 1_000_000 }), bomb)).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: `The ${format} data is larger than the limit of 1000000 bytes when decompressed`,
  });
  if (format === 'zstd') {
    await expect(through((source) => unzstdPortably(source, { limit: 1_000_000 }), bomb)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  }
});

describe('zstding', () => {
  it('compresses where the runtime can, and says so where it cannot', async () => {
    const data = noise(300_000);
    const packed = through(zstding(), data);
    if (await canCompressZstd()) expect((await through(unzstding(), await packed)).equals(data)).toBe(true);
    else await expect(packed).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

describe('detectCompression', () => {
  const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);

  it.each([
    ['gzip', gzipSync('x')],
    ['zstd', packZstd(Buffer.from('x'))],
    ['zstd', Buffer.concat([skippable, packZstd(Buffer.from('x'))])],
    ['none', Buffer.from('x')],
    ['none', Buffer.alloc(0)],
    ['none', Buffer.from([0x1f])],
    ['none', Buffer.from([0x28, 0xb5, 0x2f])],
  ])('finds %s and loses no byte', async (expected, data) => {
    expect(compressionOf(data)).toBe(expected);
    for (const source of [data, cut(data, 1), streamOf(data)]) {
      const { compression, stream } = await detectCompression(source);
      expect(compression).toBe(expected);
      expect((await bytesOf(stream)).equals(data)).toBe(true);
    }
    const { stream } = await decompress(cut(data, 3));
    expect((await bytesOf(stream)).toString()).toBe(expected === 'none' ? data.toString() : 'x');
  });

  it('gives a stream whose cancelling reaches the source', async () => {
    let cancelled = 0;
    const source = Object.assign(cut(Buffer.alloc(100), 10), {
      cancel: async () => {
        cancelled++;
      },
    });
    expect(isByteStream(source)).toBe(true);
    await (await decompress(source)).stream.cancel();
    expect(cancelled).toBe(1);
  });
});

async function through(transform: ByteTransform, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  return bytesOf(
    pipe(
      source instanceof Uint8Array
        ? streamOf(source)
        : { ...streamOf(Buffer.alloc(0)), [Symbol.asyncIterator]: () => source[Symbol.asyncIterator]() },
      transform,
    ),
  );
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.from(await collect(source, megabytes));
}

async function* cut(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

/** Data that compresses, but not to nothing. */
function noise(size: number): Buffer {
  const data = Buffer.alloc(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    data[i] = (state >>> 16) & (i % 64 < 40 ? 0x0f : 0xff);
  }
  return data;
}
