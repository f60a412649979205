import { describe, expect, it } from 'vitest';
import { isContent, VirtualNetwork, type VirtualScript } from '../../../test/support/virtual-network.ts';
import type { ByteStream } from '../../content/bytes.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { parseDigest } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parseRepository } from '../../oci/reference.ts';
import { remote, type RemoteStore } from '../remote-store.ts';
import { HostLimits } from '../transport/host-limits.ts';
import { createTransport } from '../transport/transport.ts';
import type { TransportOptions } from '../transport/transport-options.ts';

const mebibyte = 1024 * 1024;
const size = 200 * mebibyte + 12_345;
/** Never hashed: parts of a blob are not verified. */
const target: Descriptor = {
  mediaType: mediaTypes.ociLayerGzip,
  digest: parseDigest(`sha256:${'0'.repeat(64)}`),
  size,
};
/** Bytes per millisecond. */
const slow = 10_000;

describe('A large blob', () => {
  it('comes over several connections where one is slow, in the right order', async () => {
    const network = new VirtualNetwork(size, { perConnection: slow, latency: 50 });
    await readAll(await open(network));
    expect(network.mostAtOnce).toBe(4);
    expect(network.now()).toBeLessThan(size / slow / 1.8);
    expect(network.open).toBe(0);
  });

  it('comes over one connection where that is fast', async () => {
    const network = new VirtualNetwork(size, { perConnection: 500_000 });
    await readAll(await open(network));
    expect(network.requests).toHaveLength(1);
  });

  it('comes over one connection again when more bring no more', async () => {
    const network = new VirtualNetwork(size, { together: slow });
    await readAll(await open(network));
    expect(network.mostAtOnce).toBe(2);
    expect(network.requests.length).toBeLessThan(12);
    // The last request is for all that was left.
    const [, start = '', end] = /=(\d+)-(\d+)$/.exec(network.requests.at(-1)?.headers['range'] ?? '') ?? [];
    expect([size - Number(start) > size / 2, end]).toEqual([true, String(size - 1)]);
  });

  it('comes over one connection when it is the consumer that is slow', async () => {
    const network = new VirtualNetwork(size, { perConnection: 100_000 });
    await readAll(await open(network), () => network.sleep(50));
    expect(network.requests).toHaveLength(1);
  });

  it.each<[string, Partial<TransportOptions>, VirtualScript]>([
    ['that is all that is allowed', { maxConnectionsPerBlob: 1 }, () => undefined],
    ['that is set for the registry', { hosts: () => ({ maxConnectionsPerBlob: 1 }) }, () => undefined],
    ['the server does not offer ranges', {}, () => ({ headers: { 'accept-ranges': undefined } })],
    ['there is no memory to spare', { limits: new HostLimits({ windowBytes: 7 * mebibyte }) }, () => undefined],
  ])('comes over one connection where %s', async (_, options, script) => {
    const network = new VirtualNetwork(size, { perConnection: slow }, script);
    await readAll(await open(network, options));
    expect(network.requests).toHaveLength(1);
  });

  it('goes on over one connection when a server does not hold to what it offered', async () => {
    const network = new VirtualNetwork(size, { perConnection: slow }, ({ headers }) =>
      headers['range'] === undefined ? undefined : { status: 200 },
    );
    await readAll(await open(network));
    expect(network.open).toBe(0);
  });

  it('goes on over one connection when a part cannot be had', async () => {
    const network: VirtualNetwork = new VirtualNetwork(size, { perConnection: slow }, () =>
      network.open >= 2 ? { status: 403 } : undefined,
    );
    await readAll(await open(network));
    expect(network.open).toBe(0);
  });

  it('takes fewer connections where more are reset', async () => {
    const network: VirtualNetwork = new VirtualNetwork(size, { perConnection: slow }, () => ({
      reset: network.open >= 2,
    }));
    await readAll(await open(network));
    expect(network.mostAtOnce).toBe(2);
  });

  it('goes on within each part where that broke off', async () => {
    let cuts = 0;
    const network = new VirtualNetwork(size, { perConnection: slow }, (_, count) =>
      count % 3 === 0 && ++cuts < 8 ? { cutAfter: 3 * mebibyte } : undefined,
    );
    await readAll(await open(network));
    expect(cuts).toBeGreaterThan(3);
    expect(network.mostAtOnce).toBe(4);
  });

  it.each([['read to its end'], ['left in the middle'], ['cancelled'], ['aborted']])(
    'gives back all it took when it is %s',
    async (how) => {
      const limits = new HostLimits();
      const network = new VirtualNetwork(size, { perConnection: slow });
      const abort = new AbortController();
      const stream = await open(network, { limits }, abort.signal);
      const reason = new Error('enough');
      const reading = readAll(stream, async (offset) => {
        if (offset < 100 * mebibyte) return;
        expect(network.mostAtOnce).toBeGreaterThan(1);
        if (how === 'cancelled') await stream.cancel();
        if (how === 'aborted') abort.abort(reason);
        if (how === 'left in the middle') throw reason;
      });
      if (how === 'aborted' || how === 'left in the middle') await expect(reading).rejects.toBe(reason);
      else expect(await reading).toBeGreaterThan(how === 'read to its end' ? size - 1 : 100 * mebibyte);
      await network.sleep(10_000);
      expect([network.open, limits.windows.free]).toEqual([0, 32 * mebibyte]);
    },
  );

  it('holds no more in memory than its windows when nobody reads, however many blobs there are', async () => {
    const limits = new HostLimits({ windowBytes: 40 * mebibyte });
    const network = new VirtualNetwork(size, { perConnection: slow, latency: 20 });
    const options = { limits, maxConnectionsPerBlob: 8 };
    const store = storeOf(network, options);
    let consumed = 0;
    let most = 0;
    const read = async (): Promise<void> => {
      await readAll(await store.fetchRange(target, 0, size), async (offset, bytes) => {
        consumed += bytes;
        if (offset % (48 * mebibyte) < 512 * 1024) await network.sleep(60_000);
        most = Math.max(most, network.delivered - consumed);
      });
    };
    await Promise.all([read(), read(), read()]);
    expect(network.mostAtOnce).toBeGreaterThan(3);
    // One chunk of each body that nobody waits for may be under way.
    expect(most).toBeLessThanOrEqual(40 * mebibyte + 3 * 2 * 512 * 1024);
    expect([consumed, limits.windows.free]).toEqual([3 * size, 40 * mebibyte]);
  });
});

function storeOf(network: VirtualNetwork, options: Partial<TransportOptions> = {}): RemoteStore {
  const { exchange, now, sleep } = network;
  const transport = createTransport({ userAgent: 'test', exchange, now, sleep, random: () => 0.5, ...options });
  return remote(parseRepository('registry.test/app'), { transport });
}

function open(
  network: VirtualNetwork,
  options: Partial<TransportOptions> = {},
  signal?: AbortSignal,
): Promise<ByteStream> {
  return storeOf(network, options).fetchRange(target, 0, size, { signal });
}

/** @returns how many bytes came, all of which were the right ones */
async function readAll(
  stream: ByteStream,
  onChunk?: (offset: number, bytes: number) => Promise<void>,
): Promise<number> {
  let offset = 0;
  for await (const chunk of stream) {
    if (!isContent(chunk, offset)) throw new Error(`Wrong bytes at ${offset}`);
    offset += chunk.byteLength;
    await onChunk?.(offset, chunk.byteLength);
  }
  return offset;
}
