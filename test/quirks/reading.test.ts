import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { isOciError, messageOf } from '../../src/errors.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { blobOf, imageOf, noise, type Sample, type SampleImage } from '../conformance/samples.ts';
import { type SimulatedRegistry, type SimulateOptions, simulateRegistry } from '../simulated-registry/simulate.ts';
import { countOf, expectNoLeak, password, seeded, storeOf, users } from './client.ts';

const large = blobOf(noise(600_000), mediaTypes.ociLayer);
const image: SampleImage = imageOf('read', { layers: [large.target] });

describe('what is not there', () => {
  it.each([404, 401, 403, 'UNKNOWN-not-found'] as const)(
    'is missing where that looks like %s (Q-15)',
    async (notFoundAs) => {
      await using registry = await withImage({ notFoundAs });
      expect(await storeOf(registry).stat(imageOf('missing').target)).toBeUndefined();
      expect(await storeOf(registry).stat(image.target)).toEqual(image.target);
    },
  );

  it.each([404, 'UNKNOWN-not-found'] as const)(
    'is called not found where that looks like %s (Q-15)',
    async (notFoundAs) => {
      await using registry = await withImage({ notFoundAs });
      await expect(storeOf(registry).fetchManifest('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(storeOf(registry, 'nobody/has').fetchManifest('v1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );

  it.each([401, 403] as const)(
    'does not keep an image from being pushed where it looks like %i (Q-15)',
    async (notFoundAs) => {
      await using registry = await simulateRegistry({ notFoundAs, users });
      const local = new MemoryStore();
      for (const { target, bytes } of [...image.blobs, large, image]) await local.push(target, bytes);
      await copyGraph(local, storeOf(registry), image.target, { tag: 'v1' });
      expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
    },
  );
});

describe('redirected blobs', () => {
  it.each([301, 302, 303, 307, 308] as const)('come without our credentials after a %i (Q-20)', async (status) => {
    await using registry = await withImage({ users, anonymous: {}, redirectBlobs: { to: 'store', status } });
    await expectRead(registry);
    expectNoLeak(registry, password);
    expect(registry.objectStore.requests.length).toBeGreaterThan(0);
  });

  it('come from where a relative location leads, without a login there (Q-21)', async () => {
    await using registry = await withImage({ users, anonymous: {}, redirectBlobs: { to: 'relative', status: 302 } });
    await expectRead(registry);
  });

  it('are asked for at the registry again after each break, never at a signed URL (Q-22)', async () => {
    await using registry = await withImage({
      redirectBlobs: { to: 'store', ttl: 'once' },
      blobBody: { cutAfter: 100_000 },
    });
    await expectRead(registry);
    expect(countOf(registry, 'GET', '/blobs/')).toBe(registry.objectStore.requests.length);
    const paths = registry.objectStore.requests.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
  });

  it.each([400, 401, 403] as const)(
    'whose URL is always over fail after one more try, and not as a login: %i (Q-22)',
    async (expired) => {
      await using registry = await withImage({ redirectBlobs: { to: 'store', ttl: 0, expired } });
      const failure = await failureOf(read(registry));
      expect(messageOf(failure)).not.toMatch(/credential/);
      expect(isOciError(failure) ? (failure.hint ?? '') : '').not.toMatch(/log in/i);
      expect(countOf(registry, 'GET', '/blobs/')).toBe(2);
    },
  );

  it('whose host asks for a token of its own get one, and nothing else changes (Q-23)', async () => {
    await using registry = await withImage({
      users,
      anonymous: { pull: ['*'] },
      redirectBlobs: { to: 'store', ownChallenge: true },
    });
    const store = storeOf(registry);
    await expectRead(registry, store);
    await expectRead(registry, store);
    await store.fetchManifest('v1');
    for (const { headers } of registry.objectStore.requests)
      expect(headers.authorization ?? 'Bearer ').toMatch(/^Bearer /);
    const forStore = registry.tokenServer.requests.filter(({ query }) => query.get('service') === 'store');
    expect(forStore.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('in circles end (Q-24)', async () => {
    await using registry = await withImage({ redirectBlobs: { to: 'loop' } });
    await expect(read(registry)).rejects.toThrow(/redirected more than 10 times/);
  });

  it('in a network of cloud metadata are refused without going there (Q-24)', async () => {
    await using registry = await withImage({ redirectBlobs: { to: 'private-ip' } });
    await expect(read(registry)).rejects.toThrow(/169\.254\.169\.254.*refused/);
  });

  it('are refused over plain http where the registry speaks https (Q-24)', async () => {
    await using registry = await withImage({ tls: true, redirectBlobs: { to: 'http' } });
    await expect(read(registry)).rejects.toThrow(/from https to plain http/);
    expect(registry.objectStore.requests).toEqual([]);
  });

  it('are found though their URL is signed for GET only (Q-24)', async () => {
    await using registry = await withImage({ redirectBlobs: { to: 'store', getOnly: true } });
    await expectRead(registry);
    const found = await storeOf(registry).stat(large.target);
    expect(found === undefined || found.size === large.target.size).toBe(true);
  });
});

describe('blobs', () => {
  it('go on where a connection broke, as long as something comes (Q-26)', async () => {
    await using registry = await withImage({ blobBody: { cutAfter: 50_000 } });
    await expectRead(registry);
    expect(bytesSent(registry)).toBeLessThan(700_000);
  });

  it('go on where a server stands still (Q-26)', async () => {
    await using registry = await withImage({ blobBody: { stallAfter: 200_000, times: 2 } });
    await expectRead(registry, storeOf(registry, 'app', { timeouts: { idle: 100 } }));
  });

  it.each(['ignore', 'short', 416] as const)(
    'come whole where ranges are answered in the manner of %s (Q-27)',
    async (range) => {
      await using registry = await withImage({ blobBody: { cutAfter: 300_000, times: 1, range } });
      await expectRead(registry);
    },
  );

  it.each(['bad-content-range', 'no-content-range'] as const)(
    'are never put together wrongly: %s (Q-27)',
    async (range) => {
      await using registry = await withImage({ blobBody: { cutAfter: 300_000, times: 1, range } });
      const outcome = await read(registry).catch((error: unknown) => error);
      if (outcome instanceof Uint8Array) expect(Buffer.compare(outcome, large.bytes)).toBe(0);
      else expect(outcome).toMatchObject({ code: 'RESPONSE' });
    },
  );

  it('that a proxy compressed are what their digest says (Q-28)', async () => {
    await using registry = await withImage({ blobBody: { contentEncoding: 'gzip' } });
    await expectRead(registry);
  });

  it('and manifests are asked for as they are (Q-28)', async () => {
    await using registry = await withImage({});
    await expectRead(registry);
    await storeOf(registry).fetchManifest('v1');
    for (const { headers } of registry.requests) expect(headers['accept-encoding']).toBe('identity');
  });

  it.each([403, 405, 'no-length'] as const)('are copied where HEAD is answered with %s', async (blob) => {
    await using registry = await withImage({ head: { blob } });
    const local = new MemoryStore();
    await copyGraph(storeOf(registry), local, image.target);
    await copyGraph(local, storeOf(registry, 'other'), image.target, { tag: 'v1' });
    expect(await (await registry.content('other')).stat(large.target)).toEqual(large.target);
  });

  it('with URLs of their own are asked for there without credentials (Q-32)', async () => {
    await using registry = await simulateRegistry({ users, anonymous: {} });
    const foreign = { ...large.target, mediaType: mediaTypes.ociRestrictedLayer, urls: [`${registry.trap.url}/layer`] };
    const held = imageOf('foreign', { layers: [foreign] });
    await seeded(registry, held);
    const failed = copyGraph(storeOf(registry), new MemoryStore(), held.target, { nonDistributable: true });
    await expect(failed).rejects.toThrow();
    expectNoLeak(registry, password);
  });
});

describe('manifests', () => {
  it.each([401, 403, 405, 'no-digest', 'no-length', 'no-type', 'gzip-length'] as const)(
    'are resolved where HEAD is answered with %s (Q-28, Q-29)',
    async (manifest) => {
      await using registry = await withImage({ head: { manifest } });
      expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
      expect(await storeOf(registry).resolve(image.target.digest)).toEqual(image.target);
    },
  );

  it('take one request to resolve where HEAD says all (Q-29)', async () => {
    await using registry = await withImage({});
    await storeOf(registry).resolve('v1');
    expect(registry.log).toEqual(['HEAD /v2/app/manifests/v1']);
  });

  it.each(['parameters', 'text', 'json', 'schema1', 'none'] as const)(
    'are what they say of themselves where the type is sent as %s (Q-30)',
    async (contentType) => {
      await using registry = await withImage({ manifests: { contentType } });
      expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
      expect((await storeOf(registry).fetchManifest('v1')).descriptor).toEqual(image.target);
    },
  );

  it('without a digest header are resolved by their bytes (Q-30)', async () => {
    await using registry = await withImage({ manifests: { digestHeader: 'none' } });
    expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
  });

  it('with a wrong digest header are read by digest, and by tag with a warning (Q-30)', async () => {
    await using registry = await withImage({ manifests: { digestHeader: 'wrong' } });
    const warnings: string[] = [];
    const store = storeOf(registry, 'app', {
      onEvent: (event) => {
        if (event.type === 'warning') warnings.push(event.message);
      },
    });
    expect((await store.fetchManifest(image.target.digest)).descriptor).toEqual(image.target);
    expect((await store.fetchManifest('v1')).descriptor).toEqual(image.target);
    expect(warnings).toEqual([expect.stringContaining('1'.repeat(64)) as string]);
  });

  it.each(['strict-schema1', '406'] as const)(
    'come as they are where other types are answered with %s (Q-31)',
    async (accept) => {
      await using registry = await withImage({ accept });
      const index = imageIndex(image);
      await (await registry.content('app')).push(index.target, index.bytes);
      for (const { target } of [image, index]) {
        expect((await storeOf(registry).fetchManifest(target.digest)).descriptor).toEqual(target);
        expect(await storeOf(registry).resolve(target.digest)).toEqual(target);
      }
      for (const { headers } of registry.requests) expect(headers.accept).toContain(mediaTypes.ociIndex);
    },
  );

  it('of an index may be no manifests: what has another type is at the other endpoint (Q-33)', async () => {
    await using registry = await withImage({});
    const content = await registry.content('app');
    const note = blobOf('{"note":1}', 'application/x.note+json');
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [image.target, note.target] };
    const index = blobOf(JSON.stringify(document), mediaTypes.ociIndex);
    await content.push({ ...note.target, mediaType: mediaTypes.octetStream }, note.bytes);
    await content.push(index.target, index.bytes);
    const local = new MemoryStore();
    await copyGraph(storeOf(registry), local, index.target, { tag: 'v1' });
    expect(await local.resolve('v1')).toEqual(index.target);
    expect(Buffer.from(await collect(await local.fetch(note.target), 100))).toEqual(Buffer.from(note.bytes));
  });

  it('that were just written are there though the registry is late (Q-53)', async () => {
    await using registry = await simulateRegistry({ manifests: { readAfterWriteLag: 1 } });
    const store = storeOf(registry);
    for (const { target, bytes } of [...image.blobs, large, image]) await store.push(target, bytes);
    expect(await store.resolve(image.target.digest)).toEqual(image.target);
  });
});

async function withImage(options: SimulateOptions): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  await (await registry.content('app')).push(large.target, large.bytes);
  await seeded(registry, image);
  return registry;
}

function imageIndex({ target }: Sample): Sample {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [target] };
  return blobOf(JSON.stringify(document), mediaTypes.ociIndex);
}

async function read(registry: SimulatedRegistry, store = storeOf(registry)): Promise<Uint8Array> {
  return collect(await store.fetch(large.target), large.target.size);
}

async function expectRead(registry: SimulatedRegistry, store = storeOf(registry)): Promise<void> {
  expect(Buffer.compare(await read(registry, store), large.bytes)).toBe(0);
}

async function failureOf(task: Promise<unknown>): Promise<unknown> {
  return task.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function bytesSent({ requests }: SimulatedRegistry): number {
  return requests.reduce((sum, { sent }) => sum + sent, 0);
}
