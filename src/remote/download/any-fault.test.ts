import { array, assert, asyncProperty, constant, constantFrom, integer, oneof, type Arbitrary } from 'fast-check';
import { expect, it } from 'vitest';
import { contentOf, isContent, VirtualNetwork, type VirtualAnswer } from '../../../test/support/virtual-network.ts';
import { linkedAbort } from '../../async/linked-abort.ts';
import { ByteBudget } from '../../async/byte-budget.ts';
import { describeBytes } from '../../content/hash.ts';
import { isOciError } from '../../errors.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parseRepository } from '../../oci/reference.ts';
import { RepositoryClient } from '../repository-client.ts';
import { remote } from '../remote-store.ts';
import { createTransport, type Transport } from '../transport/transport.ts';
import { adaptiveBody } from './adaptive-body.ts';
import { BlobSource } from './blob-source.ts';
import { Pace } from './pace.ts';

const size = 2_000_000;
const target = describeBytes(contentOf({ start: 0, end: size }), mediaTypes.ociLayer);

const bytes = integer({ min: 0, max: size });
const fault: Arbitrary<VirtualAnswer | undefined> = oneof(
  { weight: 3, arbitrary: constant(undefined) },
  { weight: 4, arbitrary: bytes.map((cutAfter) => ({ cutAfter })) },
  bytes.map((stallAfter) => ({ stallAfter })),
  bytes.map((endAfter) => ({ endAfter, headers: { 'content-length': undefined } })),
  bytes.map((start) => ({ headers: { 'content-range': `bytes ${start}-${size - 1}/${size}` } })),
  bytes.map((length) => ({
    status: 206,
    body: Buffer.alloc(length, 'wrong'),
    headers: { 'content-length': undefined },
  })),
  bytes.map((length) => ({ status: 200, body: Buffer.alloc(length, 'wrong') })),
  constantFrom<VirtualAnswer>(
    { status: 200 },
    { status: 416 },
    { status: 429 },
    { status: 500 },
    { status: 503, headers: { 'retry-after': '1' } },
    { status: 404 },
    { reset: true },
    { headers: { 'content-range': undefined } },
    { headers: { 'content-encoding': 'gzip' } },
    { headers: { 'content-encoding': 'gzip', 'content-length': undefined } },
  ),
);

it('whatever a server does, a blob is right or its download fails with words', async () => {
  await assert(
    asyncProperty(array(fault, { maxLength: 12 }), async (faults) => {
      const network = new VirtualNetwork(size, {}, (_, count) => faults[count - 1]);
      const store = remote(parseRepository('registry.test/app'), { transport: transportOf(network) });
      const outcome = await read(async () => store.fetch(target));
      expect(outcome === size || isOciError(outcome)).toBe(true);
      expect(network.open).toBe(0);
    }),
    { numRuns: 200 },
  );
});

it('over several connections, too, and nothing is kept', async () => {
  await assert(
    asyncProperty(array(fault, { maxLength: 30 }), integer({ min: 2, max: 8 }), async (faults, most) => {
      const network = new VirtualNetwork(size, { perConnection: 500 }, (_, count) => faults[count - 2]);
      const { now } = network;
      const budget = new ByteBudget(800_000);
      const client = new RepositoryClient(transportOf(network), parseRepository('registry.test/app'), 'pull');
      const source = new BlobSource(client, target);
      const life = linkedAbort(undefined);
      const opened = await source.open({ start: 0, end: size }, { signal: life.signal });
      const pace = new Pace({ most, fastEnough: Infinity, period: 100, now });
      const options = { signal: life.signal, pace, budget, partSize: 100_000, leastLeft: 200_000, now };
      const outcome = await read(async () => adaptiveBody(source, { start: 0, end: size }, opened, options), false);
      // Without a digest, wrong bytes that pose as the right part cannot be known.
      expect(outcome === size || outcome === 'wrong bytes' || isOciError(outcome)).toBe(true);
      expect([network.open, budget.free]).toEqual([0, 800_000]);
    }),
    { numRuns: 200 },
  );
});

function transportOf({ exchange, now, sleep }: VirtualNetwork): Transport {
  return createTransport({ userAgent: 'test', exchange, now, sleep, random: () => 0.5 });
}

/** How many right bytes came, or what it failed with. */
async function read(open: () => Promise<AsyncIterable<Uint8Array>>, isVerified = true): Promise<unknown> {
  let offset = 0;
  let isRight = true;
  try {
    for await (const chunk of await open()) {
      isRight &&= isContent(chunk, offset);
      offset += chunk.byteLength;
    }
  } catch (error) {
    return error;
  }
  if (isRight) return offset;
  return isVerified ? new Error('Wrong bytes were verified') : 'wrong bytes';
}
