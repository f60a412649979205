import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blobOf, noise, piecesOf, WatchedStream } from '../../test/conformance/samples.ts';
import { collect, streamOf } from './bytes.ts';
import { digestOf } from './hash.ts';
import { checkDigest, collectVerified, VerifiedStream } from './verify.ts';

const { target, bytes } = blobOf('some content');

describe('a verified stream', () => {
  it('hands on just what came, whatever the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 99 }), async (content, length) => {
        const blob = blobOf(content);
        const stream = new VerifiedStream(new WatchedStream(piecesOf(content, length)), blob.target);
        expect(Buffer.from(await collect(stream, 300))).toEqual(Buffer.from(content));
      }),
    );
  });

  it.each([
    ['too long', 'some content!', 'SIZE_MISMATCH'],
    ['too short', 'some conten', 'SIZE_MISMATCH'],
    ['of another hash', 'SOME CONTENT', 'DIGEST_MISMATCH'],
  ])('fails when the content is %s, and never shows all of it', async (_, content, code) => {
    const pieces = piecesOf(new TextEncoder().encode(content), 5);
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of new VerifiedStream(new WatchedStream(pieces), target)) seen += chunk.byteLength;
    })();
    await expect(reading).rejects.toMatchObject({ code });
    expect(seen).toBeLessThan(target.size);
  });

  it('stops at the first byte too many', async () => {
    const source = new WatchedStream(piecesOf(noise(1000), 10));
    await expect(collect(new VerifiedStream(source, target), 1000)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    expect(source.reads).toBe(2);
    expect(source.released).toBe(true);
  });

  it('checks the digest of nothing', async () => {
    const empty = blobOf('');
    expect(await collect(new VerifiedStream(streamOf(empty.bytes), empty.target), 0)).toHaveLength(0);
    const wrong = { ...empty.target, digest: target.digest };
    await expect(collect(new VerifiedStream(streamOf(empty.bytes), wrong), 0)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });

  it('verifies sha512 too', async () => {
    const expected = { size: bytes.byteLength, digest: digestOf(bytes, 'sha512') };
    expect(await collect(new VerifiedStream(bytes, expected), 100)).toEqual(bytes);
  });

  it('counts bytes for all who watch', async () => {
    const counts: number[] = [];
    const stream = new VerifiedStream(new WatchedStream(piecesOf(bytes, 8)), target)
      .onBytes((count) => counts.push(count))
      .onBytes((count) => counts.push(-count));
    await collect(stream, 100);
    expect(counts).toEqual([8, -8, 4, -4]);
  });

  it('is not wrapped again for the same content, but is for other', () => {
    const stream = new VerifiedStream(bytes, target);
    expect(VerifiedStream.of(stream, target)).toBe(stream);
    expect(VerifiedStream.of(stream, { ...target, size: 3 })).not.toBe(stream);
    expect(VerifiedStream.of(stream, { ...target, digest: digestOf(noise(3)) })).not.toBe(stream);
  });

  it('releases its source when cancelled unread or halfway', async () => {
    const unread = new WatchedStream([bytes]);
    await new VerifiedStream(unread, target).cancel();
    expect(unread).toMatchObject({ released: true, reads: 0 });
    const half = new WatchedStream(piecesOf(bytes, 4));
    const stream = new VerifiedStream(half, target);
    for await (const _ of stream) break;
    expect(half).toMatchObject({ released: true, reads: 1 });
  });
});

describe('collecting verified content', () => {
  it('gives the bytes', async () => {
    expect(await collectVerified(bytes, target, 100)).toEqual(bytes);
  });

  it('reads nothing of what states more than the limit', async () => {
    const source = new WatchedStream([bytes]);
    await expect(collectVerified(source, target, 11)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(source).toMatchObject({ released: true, reads: 0 });
  });
});

it('names both digests when they differ', () => {
  const other = digestOf(noise(1));
  expect(() => checkDigest(target.digest, target.digest)).not.toThrow();
  expect(() => checkDigest(other, target.digest)).toThrow(`expected ${target.digest}, got ${other}`);
});
