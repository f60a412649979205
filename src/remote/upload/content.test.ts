import { array, assert, asyncProperty, integer, nat, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blobOf, noise, piecesOf, WatchedStream } from '../../../test/conformance/samples.ts';
import { type ByteSource, chunksOf, collect } from '../../content/bytes.ts';
import { VerifiedStream } from '../../content/verify.ts';
import type { RequestBody } from '../transport/exchange.ts';
import { contentOf, RecentContent, type UploadContent } from './content.ts';
import { ContentReader } from './content-reader.ts';

const { target, bytes } = blobOf(noise(5000));
/** Too large to be collected before it is sent. */
const wide = blobOf(noise(200_000));

describe('a stream that can be read once', () => {
  it('is opened again wherever its latest bytes reach back to', async () => {
    const content = recent(new WatchedStream(piecesOf(bytes, 100)), 1000);
    await take(content, 0, 3000);
    expect([3000, 2000, 1999, 0, 3001].map((start) => content.canOpen?.(start))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(Buffer.compare(await collect(await content.open(2000), 5000), bytes.subarray(2000))).toBe(0);
    await expect(content.open(0)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
  });

  it('keeps no more than its window, and the chunk at its edge', async () => {
    const content = recent(new WatchedStream(piecesOf(bytes, 300)), 1000);
    await take(content, 0, 4800);
    expect(content.canOpen?.(4800 - 1200)).toBe(true);
    expect(content.canOpen?.(4800 - 1201)).toBe(false);
  });
});

describe('a reader of content', () => {
  it('reads pieces that follow each other from one stream, and opens another one to go back', async () => {
    const opened: number[] = [];
    const reader = new ContentReader(counting(opened), target, undefined);
    reader.prepare(0);
    expect(await bodyOf(reader.piece(0, 1500, () => {}))).toEqual(Buffer.from(bytes.subarray(0, 1500)));
    expect(await bodyOf(reader.piece(1500, 4000, () => {}))).toEqual(Buffer.from(bytes.subarray(1500, 4000)));
    expect(opened).toEqual([0]);
    expect(await bodyOf(reader.piece(1700, 5000, () => {}))).toEqual(Buffer.from(bytes.subarray(1700)));
    expect(opened).toEqual([0, 1700]);
    await reader.close();
  });

  it('gives any pieces in any order, whatever the chunks', async () => {
    await assert(
      asyncProperty(
        array(tuple(nat(199_999), integer({ min: 1, max: 200_000 }), nat(3)), { maxLength: 6 }),
        integer({ min: 500, max: 90_000 }),
        async (pieces, chunk) => {
          const source = (start: number): WatchedStream =>
            new WatchedStream(piecesOf(wide.bytes.subarray(start), chunk));
          const reader = new ContentReader({ open: async (start) => source(start) }, wide.target, undefined);
          for (const [start, length, leftAfter] of pieces) {
            const end = Math.min(start + length, wide.bytes.length);
            const body = sourceOf(await reader.piece(start, end, () => {}));
            const parts: Uint8Array[] = [];
            for await (const part of chunksOf(body)) {
              parts.push(part);
              // A request that is answered early leaves its body where it is.
              if (parts.length === leftAfter) break;
            }
            const got = Buffer.concat(parts);
            expect(Buffer.compare(got, wide.bytes.subarray(start, start + got.length))).toBe(0);
            if (parts.length !== leftAfter) expect(got.length).toBe(end - start);
          }
          await reader.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ['shorter', bytes.subarray(0, 4000)],
    ['longer', Buffer.concat([bytes, bytes])],
  ])(
    'never completes a piece of content that is %s than its descriptor, also when it was opened later on',
    async (_, other) => {
      const reader = new ContentReader(
        { open: async (start) => new WatchedStream([other.subarray(start)]) },
        target,
        undefined,
      );
      let ended = false;
      await expect(bodyOf(reader.piece(1000, 5000, () => (ended = true)))).rejects.toMatchObject({
        code: 'SIZE_MISMATCH',
      });
      expect(ended).toBe(false);
      expect(reader.failure).toBeDefined();
    },
  );

  it('verifies what comes from the start, though nobody did before', async () => {
    const reader = new ContentReader(counting([], Buffer.alloc(5000)), target, undefined);
    await expect(bodyOf(reader.piece(0, 5000, () => {}))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('writes large chunks in parts', async () => {
    const large = blobOf(noise(3_000_000));
    const reader = new ContentReader(contentOf(large.bytes, large.target), large.target, undefined);
    const lengths: number[] = [];
    const body = sourceOf(await reader.piece(0, 3_000_000, () => {}));
    for await (const part of chunksOf(body)) lengths.push(part.byteLength);
    expect(Math.max(...lengths)).toBe(1024 * 1024);
  });

  it('releases what it opened, also ahead of time', async () => {
    const stream = new WatchedStream([bytes]);
    const reader = new ContentReader({ open: async () => stream }, target, undefined);
    reader.prepare(0);
    await reader.close();
    expect(stream.released).toBe(true);
  });

  it('ends with the reason of an abort when the source hangs', async () => {
    const controller = new AbortController();
    const hanging = new WatchedStream([bytes.subarray(0, 10)], () => new Promise(() => {}));
    const reader = new ContentReader({ open: async () => hanging }, target, controller.signal);
    const reading = bodyOf(reader.piece(0, 5000, () => {}));
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 5);
    await expect(reading).rejects.toBe(reason);
    await reader.close();
  });
});

function recent(stream: WatchedStream, window: number): UploadContent {
  return new RecentContent(VerifiedStream.of(stream, target), target, window);
}

function counting(opened: number[], all: Uint8Array = bytes): UploadContent {
  return {
    open: async (start) => {
      opened.push(start);
      return new WatchedStream(piecesOf(all.subarray(start), 700));
    },
  };
}

async function take(content: UploadContent, start: number, count: number): Promise<void> {
  let got = 0;
  for await (const chunk of await content.open(start)) if ((got += chunk.byteLength) >= count) break;
}

async function bodyOf(piece: Promise<RequestBody>): Promise<Buffer> {
  return Buffer.from(await collect(sourceOf(await piece), 10_000_000));
}

function sourceOf(body: RequestBody): ByteSource {
  return body instanceof Uint8Array ? body : body.open();
}
