import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collect } from './bytes.ts';
import { compressing } from './compression.ts';
import { gunzipping, gzipping } from './gzip.ts';

const megabyte = 1024 * 1024;

describe('gzipping', () => {
  it('gives the same bytes however the input is cut and however many blocks are compressed at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.integer(),
          size: fc.oneof(fc.nat(5000), fc.integer({ min: megabyte - 2, max: 2 * megabyte + 2 })),
          level: fc.integer({ min: 1, max: 9 }),
          cuts: fc.array(fc.integer({ min: 1, max: 700_000 }), { minLength: 1, maxLength: 5 }),
          concurrency: fc.integer({ min: 1, max: 8 }),
        }),
        async ({ seed, size, level, cuts, concurrency }) => {
          const data = text(seed, size);
          const whole = await collect(gzipping({ level })(cut(data, [size + 1])), 2 * size + 1000);
          const parts = await collect(gzipping({ level, concurrency })(cut(data, cuts)), 2 * size + 1000);
          expect(Buffer.from(parts).equals(whole)).toBe(true);
          expect(gunzipSync(whole).equals(data)).toBe(true);
        },
      ),
      { numRuns: 8 },
    );
  });

  it('is one member that other programs take', async () => {
    const data = text(7, 3 * megabyte + 17);
    const packed = await collect(gzipping({ level: 6 })(cut(data, [70_000])), 2 * data.length);
    execFileSync('gzip', ['-t'], { input: packed });
    expect(execFileSync('gunzip', ['-c'], { input: packed, maxBuffer: 10 * megabyte }).equals(data)).toBe(true);
    // Node goes on to further members; here nothing may be left after the first.
    expect(Buffer.from(packed).indexOf(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), 1)).toBe(-1);
  });

  it('compresses nearly as well as one stream does', async () => {
    const data = text(3, 4 * megabyte);
    const packed = await collect(gzipping({ level: 6 })(cut(data, [megabyte])), 2 * data.length);
    const alone = execFileSync('gzip', ['-6nc'], { input: data, maxBuffer: 10 * megabyte });
    expect(packed.length).toBeLessThan(alone.length * 1.005);
  });

  it('stores what was compressed before, between what was not, and other programs take it', async () => {
    const random = randomBytes(3 * megabyte + 5);
    const data = Buffer.concat([text(1, megabyte), random, text(2, 2 * megabyte)]);
    const packed = await collect(gzipping({ level: 1 })(cut(data, [300_000])), 2 * data.length);
    expect(execFileSync('gunzip', ['-c'], { input: packed, maxBuffer: 10 * megabyte }).equals(data)).toBe(true);
    const stored = await collect(gzipping()(cut(random, [megabyte])), 2 * random.length);
    expect(stored.length).toBeLessThan(random.length * 1.001);
  });

  it('compresses what repeats itself, however random it looks', async () => {
    const piece = randomBytes(20_000);
    const data = Buffer.concat(Array.from({ length: 150 }, () => piece));
    const packed = await collect(gzipping()(cut(data, [megabyte])), 2 * data.length);
    expect(packed.length).toBeLessThan(data.length / 20);
  });

  it('reads ahead no more than the blocks it works on', async () => {
    let given = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; given < 64; given++) yield Buffer.alloc(megabyte, given);
    }
    const chunks = gzipping({ concurrency: 2 })(source());
    for (let i = 0; i < 3; i++) await chunks.next();
    expect(given).toBeLessThanOrEqual(6);
    await chunks.return();
  });

  it('passes on the failure of its source, and releases it when it is given up', async () => {
    let released = false;
    async function* source(fail: boolean): AsyncGenerator<Uint8Array> {
      try {
        for (let i = 0; i < 3; i++) yield Buffer.alloc(megabyte);
        if (fail) throw new Error('line cut');
        for (;;) yield Buffer.alloc(megabyte);
      } finally {
        released = true;
      }
    }
    await expect(collect(gzipping()(source(true)), 100 * megabyte)).rejects.toThrow('line cut');
    released = false;
    let chunks = 0;
    for await (const _ of gzipping()(source(false))) if (++chunks === 2) break;
    expect(released).toBe(true);
  });
});

describe('compressing', () => {
  it('does what it is told', async () => {
    const data = text(1, 10_000);
    const packed = await collect(compressing({ kind: 'gzip', level: 9 })(cut(data, [100])), 20_000);
    expect(packed[8]).toBe(2);
    expect(data.equals(await collect(gunzipping()(cut(packed, [100])), 20_000))).toBe(true);
    expect(data.equals(await collect(compressing({ kind: 'none' })(cut(data, [100])), 20_000))).toBe(true);
  });

  it.each([
    { kind: 'gzip', level: 10 },
    { kind: 'gzip', level: 1.5 },
    { kind: 'zstd', level: 0 },
    { kind: 'zstd', level: 23 },
    { kind: 'none', level: 1 },
  ] as const)('refuses the level of $kind $level', (compression) => {
    expect(() => compressing(compression)).toThrow(RangeError);
  });
});

async function* cut(data: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < data.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield data.subarray(at, at + size);
    at += size;
  }
}

/** Words in random order; beyond 64 KiB they come again, with a number between. */
function text(seed: number, size: number): Buffer {
  const words = ['layer', 'image', 'manifest', ' ', '\n', 'sha256:', 'blob', 'index', '/usr/lib/', '0', '1', '2'];
  const piece = Buffer.alloc(64 * 1024);
  let state = seed;
  for (let at = 0; at < piece.length;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    at += piece.write(words[(state >>> 16) % words.length] ?? ' ', at);
  }
  const data = Buffer.alloc(size).fill(piece);
  for (let at = 0; at < size; at += piece.length + 1) data.write(String(at), at);
  return data;
}
