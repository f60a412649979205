import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { fixedKeychain } from '../../src/remote/auth/credential.ts';
import { remote, type RemoteStore } from '../../src/remote/remote-store.ts';
import { nodeHttp } from '../../src/remote/transport/node-http.ts';
import { createTransport } from '../../src/remote/transport/transport.ts';
import { imageOf, pushImage } from '../conformance/samples.ts';
import { randomFaults } from './faults.ts';
import { type SimulatedRegistry, simulateRegistry } from './simulate.ts';

const image = imageOf('simulated');
const users = { joe: { password: 'secret' } };
const joe = fixedKeychain({ source: 'the test', username: 'joe', password: 'secret' });

describe('a simulated registry', () => {
  it('without quirks is a registry', async () => {
    await using registry = await simulateRegistry();
    const store = open(registry);
    await pushImage(store, image, 'v1');
    expect(await store.resolve('v1')).toEqual(image.target);
    expect(registry.requests.every(({ server }) => server === 'registry')).toBe(true);
    expect(registry.requests.find(({ method }) => method === 'PUT')).toMatchObject({ status: 201 });
  });

  it('has several habits at once, as its page shows', async () => {
    await using registry = await strictRegistry();
    const store = remote(registry.repository('team/app'), {
      transport: createTransport({ userAgent: 'test', keychain: joe }),
      access: 'push',
    });
    await pushImage(store, image, 'v1');
    expect(await store.resolve('v1')).toEqual(image.target);
    await expect(pushImage(open(registry, { keychain: joe }), image, 'v1')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
  });

  it('issues tokens and looks at what they are good for', async () => {
    await using registry = await simulateRegistry({ users });
    await pushImage(open(registry, { keychain: joe }), image, 'v1');
    await expect(pushImage(open(registry), image, 'v2')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(await open(registry).resolve('v1')).toEqual(image.target);
    expect(registry.tokenServer.requests.length).toBeGreaterThan(2);
  });

  it('speaks TLS with a certificate of its own authority', async () => {
    await using registry = await simulateRegistry({ tls: true, users, redirectBlobs: { to: 'store' } });
    const exchange = nodeHttp({ ca: registry.ca });
    const store = open(registry, { keychain: joe, exchange });
    await pushImage(store, image, 'v1');
    const [, layer] = image.blobs;
    const { target, bytes } = layer ?? image;
    expect(await collect(await store.fetch(target), 1000)).toEqual(Buffer.from(bytes));
    expect(registry.objectStore.requests).toHaveLength(1);
    expect(registry.objectStore.requests[0]?.headers.authorization).toBeUndefined();
    exchange.close?.();
  });

  it('makes the same faults for the same seed', async () => {
    const request = { method: 'GET' } as Parameters<ReturnType<typeof randomFaults>>[0];
    const faults = (seed: number): unknown[] => {
      const source = randomFaults(seed);
      return Array.from({ length: 100 }, () => source(request));
    };
    expect(faults(1)).toEqual(faults(1));
    expect(faults(1)).not.toEqual(faults(2));
  });

  it('cuts, loses and refuses as its fault source says', async () => {
    await using registry = await simulateRegistry();
    registry.fault = ({ method }) => (method === 'PUT' ? 'lost' : undefined);
    await expect(pushImage(open(registry, { retry: { retries: 0 } }), image, 'v1')).rejects.toMatchObject({
      code: 'NETWORK',
    });
    registry.fault = () => 418;
    await expect(open(registry).resolve('v1')).rejects.toMatchObject({ status: 418 });
  });
});

/** A registry with a login, small pieces, and signed URLs that serve once. */
async function strictRegistry(): Promise<SimulatedRegistry> {
  return simulateRegistry({
    users: { joe: { password: 'secret', pull: ['*'], push: ['team/*'] } },
    upload: { maxPatch: 4 * 1024 * 1024, maxPut: 4 * 1024 * 1024 },
    redirectBlobs: { to: 'store', ttl: 'once' },
  });
}

function open(registry: SimulatedRegistry, options: Partial<Parameters<typeof createTransport>[0]> = {}): RemoteStore {
  const transport = createTransport({ userAgent: 'test', ...options });
  return remote(registry.repository('app'), { transport });
}
