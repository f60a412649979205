import { describe, expect, it } from 'vitest';
import { noise, piecesOf, WatchedStream } from '../../test/conformance/samples.ts';
import {
  type ByteTransform,
  chunksOf,
  collect,
  discard,
  isByteStream,
  pipe,
  streamOf,
  toReadableStream,
} from './bytes.ts';

const bytes = noise(100);

const doubling: ByteTransform = async function* doubling(source) {
  for await (const chunk of source) {
    yield chunk;
    yield chunk;
  }
};

describe('a pipe', () => {
  it('runs the transform', async () => {
    const stream = pipe(new WatchedStream(piecesOf(bytes, 30)), doubling);
    expect(await collect(stream, 200)).toHaveLength(200);
  });

  it('releases its source when it is cancelled before anything was read', async () => {
    const source = new WatchedStream([bytes]);
    await pipe(pipe(source, doubling), doubling).cancel();
    expect(source).toMatchObject({ released: true, reads: 0 });
  });

  it('releases its source when the consumer or the transform stops early', async () => {
    const left = new WatchedStream(piecesOf(bytes, 10));
    for await (const _ of pipe(left, doubling)) break;
    expect(left).toMatchObject({ released: true, reads: 1 });
    const broken = new WatchedStream(piecesOf(bytes, 10));
    const failing: ByteTransform = async function* failing(source) {
      for await (const chunk of source) {
        if (chunk[0] === bytes[10]) throw new Error('no');
        yield chunk;
      }
    };
    await expect(collect(pipe(broken, failing), 100)).rejects.toThrow('no');
    expect(broken.released).toBe(true);
  });
});

describe('collecting', () => {
  it('joins the chunks', async () => {
    expect(Buffer.from(await collect(new WatchedStream(piecesOf(bytes, 7)), 100))).toEqual(Buffer.from(bytes));
    expect(await collect(new WatchedStream([]), 0)).toHaveLength(0);
  });

  it('copies nothing that came in one piece', async () => {
    expect(await collect(bytes, 100)).toBe(bytes);
  });

  it('stops as soon as there is more than the limit, and releases the source', async () => {
    const source = new WatchedStream(piecesOf(bytes, 10));
    await expect(collect(source, 25, 'The thing')).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: 'The thing is larger than the limit of 25 bytes',
    });
    expect(source).toMatchObject({ released: true, reads: 3 });
  });
});

describe("the web's form of a stream", () => {
  it('has the same bytes', async () => {
    const body = new Response(toReadableStream(new WatchedStream(piecesOf(bytes, 9)))).arrayBuffer();
    expect(Buffer.from(await body)).toEqual(Buffer.from(bytes));
  });

  it('reads nothing ahead and passes on cancel', async () => {
    const source = new WatchedStream(piecesOf(bytes, 9));
    const stream = toReadableStream(source);
    await Promise.resolve();
    expect(source.reads).toBe(0);
    await stream.cancel();
    expect(source.released).toBe(true);
  });

  it('passes on failures', async () => {
    const source = new WatchedStream([bytes], () => Promise.reject(new Error('cut')));
    await expect(new Response(toReadableStream(source)).arrayBuffer()).rejects.toThrow('cut');
  });

  it('is the stream itself where it has that form', () => {
    const stream = toReadableStream(streamOf(bytes));
    expect(toReadableStream(stream)).toBe(stream);
  });
});

it('discards what can be cancelled', async () => {
  const source = new WatchedStream([bytes]);
  await discard(source);
  expect(source.released).toBe(true);
  await discard(bytes);
  expect(isByteStream(source)).toBe(true);
  expect(isByteStream(bytes)).toBe(false);
  expect(isByteStream(piecesAsync())).toBe(false);
  expect(Array.from(chunksOf(bytes) as Iterable<Uint8Array>)).toEqual([bytes]);
});

async function* piecesAsync(): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
