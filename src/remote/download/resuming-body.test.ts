import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  contentOf,
  VirtualNetwork,
  type VirtualAnswer,
  type VirtualScript,
} from '../../../test/support/virtual-network.ts';
import { collect } from '../../content/bytes.ts';
import { describeBytes } from '../../content/hash.ts';
import { isOciError, messageOf } from '../../errors.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parseRepository } from '../../oci/reference.ts';
import type { ProgressEvent } from '../../store/progress.ts';
import { remote, type RemoteStore } from '../remote-store.ts';
import { createTransport } from '../transport/transport.ts';
import type { TransportOptions } from '../transport/transport-options.ts';

const size = 3_000_000;
const content = Buffer.from(contentOf({ start: 0, end: size }));
const target = describeBytes(content, mediaTypes.ociLayer);

describe('A download that breaks', () => {
  it.each<[string, VirtualAnswer]>([
    ['is cut', { cutAfter: 700_000 }],
    ['stands still', { stallAfter: 700_000 }],
    ['ends early', { endAfter: 700_000, headers: { 'content-length': undefined } }],
  ])('goes on where it broke when an answer %s', async (_, answer) => {
    const network = new VirtualNetwork(size, {}, (_request, count) => (count < 4 ? answer : undefined));
    await expectWhole(network);
    expect(rangesOf(network)).toEqual(['', '700000-', '1400000-', '2100000-'].map(toEnd));
    expect([network.open, network.delivered]).toEqual([0, size]);
  });

  it.each<[string, VirtualAnswer]>([
    ['503', { status: 503 }],
    ['429', { status: 429 }],
    ['a reset', { reset: true }],
    ['another page', { status: 200, body: Buffer.from('<html>log in</html>') }],
  ])('is tried again when going on meets %s', async (_, answer) => {
    const network = new VirtualNetwork(size, {}, (_request, count) =>
      count === 1 ? { cutAfter: 1_000_000 } : count < 5 ? answer : undefined,
    );
    const events: ProgressEvent[] = [];
    await expectWhole(network, { onProgress: (event) => events.push(event) });
    expect(events.map(({ type }) => type)).toEqual(Array.from({ length: 4 }, () => 'retry'));
    expect(events[3]).toMatchObject({ target, attempt: 4, delayMs: 3000 });
  });

  it('fails when nothing more comes, and says what broke, how far it came and how often it was tried', async () => {
    const network = new VirtualNetwork(size, {}, (_request, count) => ({ cutAfter: count === 1 ? 1_200_000 : 0 }));
    const failure = await failureOf(network);
    expect(failure).toMatchObject({ code: 'NETWORK' });
    expect(messageOf(failure)).toBe(
      `Blob ${target.digest} of registry.test/app broke off after 1200000 of 3000000 bytes, tried 5 times: The virtual line broke`,
    );
    expect([network.requests.length, network.open]).toEqual([5, 0]);
  });

  it('fails at once for what will not pass', async () => {
    const network = new VirtualNetwork(size, {}, (_request, count) =>
      count === 1 ? { cutAfter: 1_200_000 } : { status: 404 },
    );
    const failure = await failureOf(network);
    expect(failure).toMatchObject({ code: 'NOT_FOUND' });
    expect(messageOf(failure)).toContain('after 1200000 of 3000000 bytes, tried 2 times: Could not read blob');
    expect(network.requests).toHaveLength(2);
  });

  it('ends though each answer brings a few bytes only, as soon as that is too little', async () => {
    const network = new VirtualNetwork(size, {}, () => ({ cutAfter: 100 }));
    await expect(failureOf(network)).resolves.toMatchObject({ code: 'NETWORK' });
    expect(network.requests).toHaveLength(5);
  });

  it('goes on with a few bytes at a time where each takes long', async () => {
    const network = new VirtualNetwork(size, { perConnection: 1 }, () => ({ cutAfter: 90_000 }));
    await expectWhole(network);
  });

  it('is done when the line breaks after the last byte', async () => {
    const headers = { 'content-length': undefined };
    const network = new VirtualNetwork(size, {}, () => ({ cutAfter: size, headers }));
    await expectWhole(network);
    expect(network.requests).toHaveLength(1);
  });

  it('ends at once when it is cancelled during a pause', async () => {
    const network = new VirtualNetwork(size, {}, () => ({ cutAfter: 100_000 }));
    const stream = await storeOf(network, { sleep: (_, signal) => aborted(signal) }).fetchRange(target, 0, size);
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    const waiting = chunks.next();
    await stream.cancel();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(network.open).toBe(0);
  });
});

describe('Ranges', () => {
  const { length } = content;
  it.each<[string, VirtualAnswer]>([
    ['ignored', { status: 200 }],
    ['answered with 416', { status: 416 }],
    ['answered without Content-Range', { headers: { 'content-range': undefined } }],
    ['answered with others', { headers: { 'content-range': `bytes 7-${length - 1}/${length}` } }],
    ['answered with more bytes than stated', { body: content }],
    ['answered of another blob', { headers: { 'content-range': `bytes 1000000-${length - 1}/${length + 1}` } }],
  ])('that are %s are done without, from the start and leaving out what is there', async (_, answer) => {
    const network = new VirtualNetwork(size, {}, ({ headers }, count) => {
      if (headers['range'] !== undefined) return answer;
      return count === 1 ? { cutAfter: 1_000_000 } : undefined;
    });
    await expectWhole(network);
    expect(network.requests.length).toBeLessThanOrEqual(3);
    expect(network.open).toBe(0);
  });

  it('of which less is sent, as it says, are asked for again without a pause', async () => {
    const network = new VirtualNetwork(size, {}, ({ headers }, _count, { start, end }) => {
      if (headers['range'] === undefined) return { cutAfter: 500_000 };
      const half = Math.min(end, start + 600_000);
      const range = `bytes ${start}-${half - 1}/${size}`;
      return { headers: { 'content-range': range, 'content-length': String(half - start) }, endAfter: half - start };
    });
    const events: ProgressEvent[] = [];
    await expectWhole(network, { onProgress: (event) => events.push(event) });
    expect([network.requests.length, events.length]).toEqual([6, 1]);
  });

  it('are read, resumed and cut to measure like the whole', async () => {
    const script: VirtualScript = (_request, count) => (count < 4 ? { cutAfter: 300_000 } : undefined);
    const network = new VirtualNetwork(size, {}, script);
    const part = await collect(await storeOf(network).fetchRange(target, 1_000_000, 2_500_000), size);
    expect(content.subarray(1_000_000, 2_500_000).equals(part)).toBe(true);
    expect(rangesOf(network).at(-1)).toBe('1900000-2499999');
    const whole = new VirtualNetwork(size, {}, () => ({ status: 200 }));
    const start = await collect(await storeOf(whole).fetchRange(target, 5, 15), size);
    expect(content.subarray(5, 15).equals(start)).toBe(true);
    expect(whole.open).toBe(0);
  });

  it('beyond the end of the blob are refused', async () => {
    const headers = { 'content-length': undefined };
    const network = new VirtualNetwork(size, {}, () => ({ body: Buffer.alloc(size), headers }));
    const stream = await storeOf(network).fetchRange(target, 100, size);
    await expect(collect(stream, 2 * size)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
  });
});

describe('A blob with a Content-Encoding', () => {
  const encoded = gzipSync(content, { level: 1 });
  const gzip = { 'content-encoding': 'gzip' };
  const layer = gzipSync(content.subarray(0, 500_000));
  const layerTarget = describeBytes(layer, mediaTypes.ociLayerGzip);

  it.each([
    ['states its length', 1],
    ['does not state its length', 2],
  ])('that was put on the way is decoded where it %s', async (_, requests) => {
    const headers = { ...gzip, ...(requests === 1 ? {} : { 'content-length': undefined }) };
    const network = new VirtualNetwork(size, {}, () => ({ body: encoded, headers }));
    await expectWhole(network);
    expect([network.requests.length, network.open]).toEqual([requests, 0]);
  });

  it('goes on from the start where it broke, leaving out what is there', async () => {
    const network = new VirtualNetwork(size, {}, (_request, count) => ({
      status: 200,
      body: encoded,
      headers: gzip,
      ...(count < 4 ? { cutAfter: (count * encoded.byteLength) >> 2 } : {}),
    }));
    await expectWhole(network);
    expect(network.open).toBe(0);
  });

  it.each([
    ['states its length', 1],
    ['does not state its length', 2],
  ])('that names its own compression is taken as it is where it %s', async (_, requests) => {
    const headers = { ...gzip, ...(requests === 1 ? {} : { 'content-length': undefined }) };
    const network = new VirtualNetwork(layer.byteLength, {}, () => ({ body: layer, headers }));
    const read = await collect(await storeOf(network).fetch(layerTarget), size);
    expect([layer.equals(read), network.requests.length]).toEqual([true, requests]);
  });

  it('that is neither fails', async () => {
    const headers = { ...gzip, 'content-length': undefined };
    const network = new VirtualNetwork(size, {}, () => ({ body: layer, headers }));
    await expect(failureOf(network)).resolves.toMatchObject({
      code: expect.stringMatching(/_MISMATCH|NETWORK/) as string,
    });
    expect(network.open).toBe(0);
  });
});

interface ReadOptions {
  readonly onProgress?: (event: ProgressEvent) => void;
}

async function expectWhole(network: VirtualNetwork, options: ReadOptions = {}): Promise<void> {
  const read = await collect(await storeOf(network).fetch(target, options), size);
  expect(content.equals(read)).toBe(true);
}

async function failureOf(network: VirtualNetwork): Promise<unknown> {
  try {
    await collect(await storeOf(network).fetch(target), size);
  } catch (error) {
    if (isOciError(error)) return error;
    throw error;
  }
  throw new Error('It did not fail');
}

function storeOf(network: VirtualNetwork, options: Partial<TransportOptions> = {}): RemoteStore {
  const { exchange, now, sleep } = network;
  const transport = createTransport({ userAgent: 'test', exchange, now, sleep, random: () => 0.5, ...options });
  return remote(parseRepository('registry.test/app'), { transport });
}

function rangesOf(network: VirtualNetwork): readonly string[] {
  return network.requests.map(({ headers }) => (headers['range'] ?? '').replace('bytes=', ''));
}

function toEnd(start: string): string {
  return start === '' ? '' : `${start}${size - 1}`;
}

async function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
}
