import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { OciError } from '../../src/errors.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { remote, type RemoteStore } from '../../src/remote/remote-store.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { blobOf, imageOf, noise, type Sample } from '../conformance/samples.ts';
import type { UploadQuirks } from '../simulated-registry/quirks.ts';
import { type SimulatedRegistry, simulateRegistry } from '../simulated-registry/simulate.ts';
import { clientOf, countOf, expectNoLeak, password, seeded, storeOf, username, users } from './client.ts';

// Habits for which the cure of one is the illness of another. Demand-and-quirks reference, end of C4.

const mebibyte = 1024 * 1024;
const large = blobOf(noise(17 * mebibyte + 5), mediaTypes.ociLayer);
const image = imageOf('pairs');

describe('chunks that must not be too small, and not too large (Q-43, Q-44)', () => {
  it('are not made where the whole blob is taken, as GHCR does', async () => {
    await using registry = await uploaded({ maxPatch: 4 * mebibyte });
    expect(countOf(registry, 'PATCH', '/uploads/')).toBe(0);
  });

  it('are at most what GHCR takes, where a proxy in front of it takes no whole blobs', async () => {
    await using registry = await uploaded({ maxPatch: 4 * mebibyte, maxPut: 4 * mebibyte });
    expect(chunks(registry).every((length) => length <= 4 * mebibyte)).toBe(true);
  });

  it('are at least what an object store takes, of which nobody was told', async () => {
    await using registry = await uploaded({ minChunk: 5 * mebibyte, maxPut: 6 * mebibyte });
    expect(
      chunks(registry)
        .slice(0, -1)
        .every((length) => length >= 5 * mebibyte),
    ).toBe(true);
  });

  it('are just as large as both headers say, if there is only one size', async () => {
    const size = 5 * mebibyte;
    const headers = { chunkMinHeader: String(size), chunkMaxHeader: String(size) };
    await using registry = await uploaded({ minChunk: size, maxPatch: size, maxPut: size, ...headers });
    expect(
      chunks(registry)
        .slice(0, -1)
        .every((length) => length === size),
    ).toBe(true);
  });

  it('that cannot be both fail, and leave no session behind', async () => {
    const upload = { minChunk: 5 * mebibyte, maxPatch: 4 * mebibyte, maxPut: mebibyte, dieOnError: true };
    await using registry = await simulateRegistry({ upload });
    await expect(storeOf(registry).push(large.target, large.bytes)).rejects.toBeInstanceOf(OciError);
    expect(registry.requests.length).toBeLessThan(60);
  });
});

describe('a Range that stands still, and sessions that die (Q-42, Q-47)', () => {
  it.each([
    ['stuck', { range: 'stuck' }],
    ['stuck, and a failure ends the session', { range: 'stuck', dieOnError: true }],
    ['missing, and a failure ends the session', { range: 'missing', dieOnError: true }],
    ['off by one, and nothing can be asked', { range: 'off-by-one', status: 404, dieOnError: true }],
    ['only half of what was sent', { range: 'partial', partialAbove: 3 * mebibyte }],
  ] as const)('%s: the blob arrives', async (_, upload) => {
    await using registry = await uploaded({ maxPut: 2 * mebibyte, maxPatch: 8 * mebibyte, ...upload });
    expect(registry.requests.length).toBeLessThan(60);
  });

  it('the blob arrives where also the answer to a chunk is lost', async () => {
    await using registry = await uploaded({ maxPut: 2 * mebibyte, range: 'stuck', lostAck: 'patch' });
    expect(registry.requests.length).toBeLessThan(60);
  });
});

describe('token servers in private networks (Q-06)', () => {
  it.each(['own-host', 'same-host'] as const)('are asked by those in the same network: %s', async (realm) => {
    await using registry = await simulateRegistry({ users, anonymous: {}, realm });
    await seeded(registry, image);
    expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
  });

  it.each(['http://169.254.169.254/token', 'http://10.255.255.1/token'])(
    'are not asked where the registry is in none of the kind: %s',
    async (realm) => {
      await using registry = await simulateRegistry({ users, anonymous: {}, realm });
      await expect(storeOf(registry).resolve('v1')).rejects.toThrow(/refused/);
    },
  );
});

describe('credentials that stay behind, and redirects that come back (Q-16, Q-20)', () => {
  it.each(['relative', 'back', 'store'] as const)(
    'a blob comes over a way that leads %s, with tokens that expire all the time',
    async (to) => {
      await using registry = await simulateRegistry({
        users,
        anonymous: {},
        redirectBlobs: { to },
        blobBody: { cutAfter: 4 * mebibyte },
      });
      await (await registry.content('app')).push(large.target, large.bytes);
      const store = storeOf(registry);
      await store.stat(large.target);
      let count = 0;
      registry.fault = ({ path }) => (path.includes('/blobs/') && ++count % 2 === 1 ? 'expire-tokens' : undefined);
      expect(Buffer.compare(await collect(await store.fetch(large.target), large.target.size), large.bytes)).toBe(0);
      expectNoLeak(registry, password);
      if (to !== 'back') return;
      const returned = registry.requests.filter(({ path }) => path.startsWith('/artifacts-downloads/'));
      expect(returned.length).toBeGreaterThan(0);
      for (const { headers } of returned) expect(headers.authorization).toBeUndefined();
    },
  );
});

describe('the right to delete (Q-11)', () => {
  it('is asked for by a name that Quay does not know and ICR insists on, in one process', async () => {
    await using quay = await simulateRegistry({
      users,
      anonymous: {},
      token: { scopeActions: /^(?:push|pull|\*)$/ },
      del: { scope: 'none' },
    });
    await using icr = await simulateRegistry({ users, anonymous: {}, del: { scope: 'delete' } });
    const { transport, close } = clientOf(
      quay,
      {},
      {
        keychain: async () => ({ source: 'the test', username, password }),
      },
    );
    for (const registry of [quay, icr, quay, icr]) {
      await seeded(registry, image, 'old');
      await remote(registry.repository('app'), { transport }).deleteTag('old');
      await expect((await registry.content('app')).resolve('old')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    close();
  });
});

describe('referrers that are listed late or not at all, and pushed together (Q-66, Q-68)', () => {
  it.each([
    ['the API is not there', { referrers: 404 }],
    ['the API is said to be there and is not', { referrers: 404, ociSubject: 'lies' }],
    ['the API is there and not said to be', { ociSubject: 'never' }],
    ['the API is there for subjects it knows', { referrers: 'unknown-subject-400', ociSubject: 'never' }],
  ] as const)('none is lost where %s', async (_, quirks) => {
    await using registry = await simulateRegistry(quirks);
    await seeded(registry, image);
    const store = storeOf(registry);
    const pushed = ['one', 'two', 'three', 'four', 'five'].map((name) => imageOf(name, { subject: image.target }));
    await Promise.all(pushed.map(async (referrer) => pushWhole(store, referrer, referrer.blobs)));
    const found = await storeOf(registry).referrers(image.target);
    expect(found.map(({ digest }) => digest).sort()).toEqual(pushed.map(({ target }) => target.digest).sort());
  });
});

describe('links to the next page that are mended (Q-60)', () => {
  it.each(['trap', 'other-host', 'wrong-path'] as const)('never lead to where they point: %s', async (link) => {
    await using registry = await simulateRegistry({ users, anonymous: {}, tls: true, tags: { page: 1, link } });
    for (const tag of ['a', 'b', 'c']) await seeded(registry, image, tag);
    const tags: string[] = [];
    for await (const page of storeOf(registry).tags()) tags.push(...page);
    expect(tags.sort()).toEqual(['a', 'b', 'c']);
    expect(registry.trap.requests).toEqual([]);
    expectNoLeak(registry, password);
  });
});

describe('places that are waited for, while those who hold them wait for others (Q-17, Q-26)', () => {
  it.each([1, 2, 8])('%i at a time: broken blobs, slow credentials and expiring tokens end', async (concurrency) => {
    await using from = await simulateRegistry({
      users,
      anonymous: {},
      token: { validFor: 40 },
      blobBody: { cutAfter: 20_000 },
    });
    await using to = await simulateRegistry({
      users,
      anonymous: {},
      limit: { after: 30, times: 3, retryAfter: 'zero' },
    });
    const layers = Array.from({ length: 24 }, (_, i) => blobOf(noise(50_000, i + 1), mediaTypes.ociLayer));
    const many = imageOf('many', { layers: layers.map(({ target }) => target) });
    const content = await from.content('app');
    for (const { target, bytes } of layers) await content.push(target, bytes);
    await seeded(from, many);
    const { transport, close } = clientOf(
      from,
      {},
      {
        keychain: async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return { source: 'the test', username, password };
        },
      },
    );
    const [source, target] = [from, to].map((registry) =>
      remote(registry.repository('app'), { transport, access: 'push' }),
    );
    if (source === undefined || target === undefined) throw new Error('There are two');
    await copyGraph(source, target, many.target, { tag: 'v1', concurrency });
    expect(await (await to.content('app')).resolve('v1')).toEqual(many.target);
    close();
  });
});

describe('types that a registry refuses, and digests that have to stay (Q-54)', () => {
  it('are named, and nothing is converted behind our back', async () => {
    await using registry = await simulateRegistry({ manifests: { rejectDockerTypes: 415 } });
    const config = blobOf('{}', mediaTypes.dockerConfig);
    const document = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config: config.target, layers: [] };
    const docker = blobOf(JSON.stringify(document), mediaTypes.dockerManifest);
    const local = new MemoryStore();
    await pushWhole(local, docker, [config]);
    const failed = copyGraph(local, storeOf(registry), docker.target, { tag: 'v1' });
    await expect(failed).rejects.toThrow(mediaTypes.dockerManifest);
    const puts = registry.requests.filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/'));
    expect(puts.every(({ headers }) => headers['content-type'] === mediaTypes.dockerManifest)).toBe(true);
    await expect((await registry.content('app')).resolve('v1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

/** A registry that took a large blob, whole and once. */
async function uploaded(upload: UploadQuirks): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({ upload });
  await storeOf(registry).push(large.target, large.bytes);
  expect(await (await registry.content('app')).stat(large.target)).toEqual(large.target);
  return registry;
}

/** The lengths of the chunks that were taken. */
function chunks({ requests }: SimulatedRegistry): readonly number[] {
  const taken = requests.filter(
    ({ method, status, bodyLength }) => method !== 'POST' && status >= 200 && status < 300 && bodyLength > 0,
  );
  expect(taken.length).toBeGreaterThan(1);
  return taken.map(({ bodyLength }) => bodyLength);
}

async function pushWhole(
  store: RemoteStore | MemoryStore,
  { target, bytes }: Sample,
  blobs: readonly Sample[],
): Promise<void> {
  for (const blob of blobs) await store.push(blob.target, blob.bytes);
  await store.push(target, bytes);
}
