import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { OciError } from '../../src/errors.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { remote } from '../../src/remote/remote-store.ts';
import { blobOf, noise, piecesOf, WatchedStream } from '../conformance/samples.ts';
import type { UploadQuirks } from '../simulated-registry/quirks.ts';
import { simulateRegistry } from '../simulated-registry/simulate.ts';
import { clientOf, countOf, expectNoLeak, password, storeOf, users } from './client.ts';
import { blob, held, large, mebibyte, methods, openSessions, pieces, reopenable, sent } from './upload-samples.ts';

/** Larger than the largest piece. */
const larger = blobOf(noise(40 * mebibyte + 7, 9), mediaTypes.ociLayer);

describe('the place an upload goes to (Q-40)', () => {
  it.each([
    'abs',
    'path',
    'relative',
    'schemeless',
    'http-downgrade',
    'other-host',
    'no-port',
    'query-state',
    'singular',
  ] as const)('may be written %s, in every answer', async (location) => {
    for (const upload of [{}, { maxPut: 200_000 }]) {
      const tls = location === 'http-downgrade';
      await using registry = await simulateRegistry({ users, anonymous: {}, location, upload, tls });
      await sent(registry, blob);
      expectNoLeak(registry, password);
    }
  });

  it.each(['trap', 'private-ip'] as const)('is not gone to with credentials, or at all: %s', async (location) => {
    await using registry = await simulateRegistry({ users, anonymous: {}, location });
    await storeOf(registry)
      .push(blob.target, blob.bytes)
      .catch(() => {});
    expectNoLeak(registry, password);
    expect(await held(registry, blob)).toBe(false);
  });

  it.each(['no-location', 'junk-location'] as const)('has to be somewhere: %s', async (upload) => {
    await using registry = await simulateRegistry({ hostile: { upload } });
    await expect(storeOf(registry).push(blob.target, blob.bytes)).rejects.toBeInstanceOf(OciError);
    expect(registry.requests.length).toBeLessThan(15);
  });
});

describe('the statuses of answers (Q-41)', () => {
  it.each<UploadQuirks>([
    { post: 200, put: 200 },
    { post: 204, put: 204 },
    { put: 202 },
    { patch: 201, maxPut: 200_000 },
    { patch: 204, maxPut: 200_000 },
  ])('may be others than the specification says: %j', async (upload) => {
    await using registry = await simulateRegistry({ upload });
    await sent(registry, blob);
  });
});

describe('the Range of answers (Q-42)', () => {
  it.each(['exact', 'missing', 'stuck', 'off-by-one', 'bytes-prefix', 'partial'] as const)(
    '%s: pieces arrive, and go on after a break',
    async (range) => {
      for (const fault of [undefined, { cutRequestAfter: 3 * mebibyte }] as const) {
        await using registry = await simulateRegistry({ upload: { range, partialAbove: mebibyte } });
        let patches = 0;
        registry.fault = ({ method }) => (method === 'PATCH' && ++patches === 2 ? fault : undefined);
        await sent(registry, large, { chunkSize: 5 * mebibyte });
        expect(registry.requests.length).toBeLessThan(40);
      }
    },
  );
});

describe('the least that a piece may have (Q-43)', () => {
  it('is heeded when the registry states it', async () => {
    const least = 20 * mebibyte;
    await using registry = await simulateRegistry({ upload: { minChunk: least, chunkMinHeader: String(least) } });
    await sent(registry, larger, { chunkSize: mebibyte });
    expect(pieces(registry)).toEqual([least, least, 7]);
  });

  it.each(['9223372036854775808', '1e99', '-5', 'much'])('takes no memory when it is absurd: %s', async (header) => {
    await using registry = await simulateRegistry({ upload: { chunkMinHeader: header, maxPut: 1000 } });
    await sent(registry, blob);
  });
});

describe('the most that a request may have (Q-44)', () => {
  it('makes pieces of a whole that is refused, and spares the next blob of that size the refusal', async () => {
    await using registry = await simulateRegistry({ upload: { maxPut: 10 * mebibyte } });
    const store = storeOf(registry);
    await store.push(large.target, large.bytes);
    await store.push(larger.target, larger.bytes);
    await store.push(blob.target, blob.bytes);
    expect(countOf(registry, 'PUT', '/uploads/')).toBe(4);
    expect(await Promise.all([large, larger, blob].map((one) => held(registry, one)))).toEqual([true, true, true]);
    expect(pieces(registry)).toEqual([16 * mebibyte, mebibyte + 5, 16 * mebibyte, 16 * mebibyte, 8 * mebibyte + 7]);
  });

  it.each([413, 416] as const)('halves pieces that are refused with %i, and remembers the size', async (status) => {
    await using registry = await simulateRegistry({
      upload: { maxPut: mebibyte, maxPatch: 4 * mebibyte, maxPatchStatus: status },
    });
    const store = storeOf(registry);
    await store.push(large.target, large.bytes);
    const before = registry.requests.length;
    await store.push(larger.target, larger.bytes);
    expect(await held(registry, larger)).toBe(true);
    expect(registry.requests.slice(before).filter((one) => one.status >= 400)).toEqual([]);
  });

  it('is heeded when the registry states it, before anything is refused', async () => {
    const most = 6 * mebibyte;
    await using registry = await simulateRegistry({
      upload: { maxPut: most, maxPatch: most, chunkMaxHeader: String(most) },
    });
    await sent(registry, large);
    expect(registry.requests.filter(({ status }) => status >= 400)).toEqual([]);
    expect(pieces(registry)).toEqual([most, most, 5 * mebibyte + 5]);
  });

  it.each(['1', '0', 'none'])('is not believed when it is absurd: %s', async (chunkMaxHeader) => {
    await using registry = await simulateRegistry({ upload: { chunkMaxHeader } });
    await sent(registry, blob);
    expect(registry.requests).toHaveLength(2);
  });

  it('is what the settings of the host say, for wholes and for pieces', async () => {
    await using registry = await simulateRegistry();
    await sent(registry, large, { chunkSize: 6 * mebibyte });
    expect(pieces(registry)).toEqual([6 * mebibyte, 6 * mebibyte, 5 * mebibyte + 5]);
    registry.requests.length = 0;
    await sent(registry, blob, { chunkSize: 6 * mebibyte });
    expect(methods(registry)).toEqual(['POST', 'PUT']);
  });

  it('is found out with a stream that can be read once, too', async () => {
    await using registry = await simulateRegistry({ upload: { maxPut: mebibyte, maxPatch: 8 * mebibyte } });
    await storeOf(registry).push(large.target, new WatchedStream(piecesOf(large.bytes, 65_536)));
    expect(await held(registry, large)).toBe(true);
  });
});

it('states the length of every body (Q-45)', async () => {
  for (const te of ['reject', 'stall'] as const) {
    await using registry = await simulateRegistry({ upload: { te, maxPut: 16 * mebibyte } });
    const store = storeOf(registry);
    await store.push(blob.target, new WatchedStream(piecesOf(blob.bytes, 999)));
    await store.pushFrom(large.target, reopenable(large));
    expect(registry.requests.every(({ headers }) => headers['transfer-encoding'] === undefined)).toBe(true);
  }
});

describe('pieces that are not for this registry (Q-46)', () => {
  it.each([400, 404, 405] as const)('refused with %i: the whole is sent once more after a break', async (noPatch) => {
    await using registry = await simulateRegistry({ upload: { noPatch } });
    let puts = 0;
    registry.fault = ({ method }) => (method === 'PUT' && ++puts === 1 ? { cutRequestAfter: mebibyte } : undefined);
    await sent(registry, large);
  });

  it('may be stated in the one form that all understand', async () => {
    await using registry = await simulateRegistry({ upload: { contentRange: 'strict', maxPut: mebibyte } });
    await sent(registry, large);
  });

  it('nor wholes: the first refusal is reported, and no session is left', async () => {
    await using registry = await simulateRegistry({ upload: { noPatch: 405, maxPut: 1000 } });
    await expect(storeOf(registry).push(blob.target, blob.bytes)).rejects.toMatchObject({ status: 413 });
    expect(openSessions(registry)).toEqual([]);
  });
});

describe('repositories that are not there (Q-49)', () => {
  it('are said to be missing, and the source is released', async () => {
    await using registry = await simulateRegistry({ upload: { needRepo: 'NAME_UNKNOWN' } });
    const stream = new WatchedStream([blob.bytes]);
    await expect(storeOf(registry).push(blob.target, stream)).rejects.toThrow(/NAME_UNKNOWN/);
    expect(stream.released).toBe(true);
  });

  it('may be why the connection is closed', async () => {
    await using registry = await simulateRegistry({ upload: { needRepo: 'reset' } });
    await expect(storeOf(registry).push(blob.target, blob.bytes)).rejects.toMatchObject({
      hint: expect.stringContaining('may not exist') as string,
    });
  });
});

describe('a mount (Q-50)', () => {
  it.each([202, 401, 403, 404, 400, 405, 'source-401', 'only-if-referenced', 'requires-from'] as const)(
    'that is answered so is no failure: %s',
    async (mount) => {
      await using registry = await simulateRegistry({ users, anonymous: {}, mount });
      await (await registry.content('base')).push(blob.target, blob.bytes);
      const client = clientOf(registry);
      const store = remote(registry.repository('app'), client);
      const mounted = await store.mount(blob.target, remote(registry.repository('base'), client));
      if (!mounted) await store.push(blob.target, blob.bytes);
      expect(await held(registry, blob)).toBe(true);
      expect(openSessions(registry)).toEqual([]);
      // The session a 202 opens is the one that is used.
      const posts = registry.requests.filter(({ method, status }) => method === 'POST' && status === 202);
      if (mount === 202) expect(posts).toHaveLength(1);
    },
  );

  it.each([
    [403, false],
    [503, true],
    [429, true],
    ['cut', true],
  ] as const)('that is answered %s once says of the next one: %s', async (fault, mayMount) => {
    await using registry = await simulateRegistry({});
    await (await registry.content('base')).push(blob.target, blob.bytes);
    const client = clientOf(registry);
    const [store, base] = [remote(registry.repository('app'), client), remote(registry.repository('base'), client)];
    registry.fault = () => fault;
    expect(await store.mount(blob.target, base)).toBe(false);
    registry.fault = undefined;
    expect([store.canMountFrom(base), await store.mount(blob.target, base)]).toEqual([mayMount, mayMount]);
  });

  it('asks for a token that may also pull from the source', async () => {
    await using registry = await simulateRegistry({ users, anonymous: {}, mount: 'needs-scope' });
    await (await registry.content('base')).push(blob.target, blob.bytes);
    const client = clientOf(registry);
    const store = remote(registry.repository('app'), client);
    expect(await store.mount(blob.target, remote(registry.repository('base'), client))).toBe(true);
  });

  it('always names its source (Q-51)', async () => {
    await using registry = await simulateRegistry({ mount: 'anonymous' });
    const client = clientOf(registry);
    const store = remote(registry.repository('app'), client);
    await store.mount(blob.target, remote(registry.repository('base'), client));
    await store.push(blob.target, blob.bytes);
    const mounts = registry.requests.filter(({ query }) => query.has('mount'));
    expect(mounts.map(({ query }) => query.get('from'))).toEqual(['base']);
  });
});

it('sends a blob once, however many want it at the same time (Q-57)', async () => {
  await using registry = await simulateRegistry({ upload: { maxParallel: 1 } });
  const store = storeOf(registry);
  await Promise.all(Array.from({ length: 5 }, () => store.push(blob.target, blob.bytes)));
  expect(methods(registry)).toEqual(['POST', 'PUT']);
});

it('uploads blobs with other hashes, whole and in pieces (Q-87)', async () => {
  const digest = `sha512:${createHash('sha512').update(large.bytes).digest('hex')}` as Descriptor['digest'];
  const target = { ...large.target, digest };
  for (const upload of [{}, { maxPut: mebibyte, dieOnError: true }]) {
    await using registry = await simulateRegistry({ upload });
    await storeOf(registry).push(target, large.bytes);
    expect(await (await registry.content('app')).stat(target)).toEqual(target);
    const posts = registry.requests.filter(({ method }) => method === 'POST');
    expect(posts.every(({ query }) => query.get('digest-algorithm') === 'sha512')).toBe(true);
  }
});
