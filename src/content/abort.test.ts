import { expect, it } from 'vitest';
import { noise, piecesOf, WatchedStream } from '../../test/conformance/samples.ts';
import { untilAborted } from './abort.ts';
import { collect } from './bytes.ts';

const bytes = noise(1000);
const reason = new Error('enough');

it('hands on all bytes, and the source itself where there is nothing to wait for', async () => {
  const { signal } = new AbortController();
  const source = new WatchedStream(piecesOf(bytes, 7));
  expect(Buffer.from(await collect(untilAborted(source, signal), 1000))).toEqual(Buffer.from(bytes));
  expect(untilAborted(source, undefined)).toBe(source);
  expect(untilAborted(bytes, signal)).toBe(bytes);
});

it('ends the wait for a source that hangs, and cancels it', async () => {
  const controller = new AbortController();
  const source = new WatchedStream([bytes], () => {
    controller.abort(reason);
    return new Promise(() => {});
  });
  await expect(collect(untilAborted(source, controller.signal), 1000)).rejects.toBe(reason);
  expect(source.released).toBe(true);
});

it('reads nothing when it is aborted before', async () => {
  const source = new WatchedStream([bytes]);
  await expect(collect(untilAborted(source, AbortSignal.abort(reason)), 1000)).rejects.toBe(reason);
  expect(source).toMatchObject({ reads: 0, released: true });
});

it('passes on failures of the source and an early end of the consumer', async () => {
  const { signal } = new AbortController();
  const broken = new WatchedStream([bytes], () => Promise.reject(new Error('cut')));
  await expect(collect(untilAborted(broken, signal), 1000)).rejects.toThrow('cut');
  const left = new WatchedStream(piecesOf(bytes, 10));
  const stream = untilAborted(left, signal);
  if (!(stream instanceof Uint8Array)) for await (const _ of stream) break;
  expect(left).toMatchObject({ released: true, reads: 1 });
});
