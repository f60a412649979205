import { describe, expect, it } from 'vitest';
import { isOciError } from '../../src/errors.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { RemoteStore } from '../../src/remote/remote-store.ts';
import { blobOf, imageOf, type Sample } from '../conformance/samples.ts';
import type { Quirks } from '../simulated-registry/quirks.ts';
import { type SimulatedRegistry, simulateRegistry } from '../simulated-registry/simulate.ts';
import { countOf, expectNoLeak, password, seeded, storeOf, users } from './client.ts';

const subject = imageOf('subject');
const tag = subject.target.digest.replace(':', '-');
const config = blobOf('{}', mediaTypes.ociEmpty);

describe('referrers', () => {
  it.each([404, 405, 406, '303-html', 'html-200'] as const)(
    'are kept and found under the tag where the API answers %s (Q-25, Q-66)',
    async (referrers) => {
      await using registry = await withSubject({ referrers });
      const store = storeOf(registry);
      const pushed = [await push(store, 'one'), await push(store, 'two')];
      expect(digests(await store.referrers(subject.target))).toEqual(pushed);
      expect(digests(await storeOf(registry).referrers(subject.target))).toEqual(pushed);
      expect((await (await registry.content('app')).resolve(tag)).mediaType).toBe(mediaTypes.ociIndex);
      expect(registry.objectStore.requests).toEqual([]);
    },
  );

  it.each([404, 405, 406, '303-html', 'html-200'] as const)(
    'are not asked for a second time where the API answers %s (Q-66)',
    async (referrers) => {
      await using registry = await withSubject({ referrers });
      const store = storeOf(registry);
      await store.referrers(subject.target);
      await store.referrers(subject.target);
      expect(countOf(registry, 'GET', '/referrers/')).toBe(1);
    },
  );

  it('of a missing repository say nothing of the API (Q-66)', async () => {
    await using registry = await simulateRegistry({ referrers: '404-name-unknown' });
    const store = storeOf(registry);
    expect(await store.referrers(subject.target)).toEqual([]);
    await seeded(registry, subject);
    const pushed = await push(store, 'one');
    expect(digests(await store.referrers(subject.target))).toEqual([pushed]);
    expect(await (await registry.content('app')).resolve(tag).catch(() => undefined)).toBeUndefined();
  });

  it('of a subject that is not there are none where that is an error (Q-66)', async () => {
    await using registry = await simulateRegistry({ referrers: 'unknown-subject-400' });
    const store = storeOf(registry);
    expect(await store.referrers(subject.target)).toEqual([]);
    await seeded(registry, subject);
    const pushed = await push(store, 'one');
    expect(digests(await store.referrers(subject.target))).toEqual([pushed]);
    expect(await (await registry.content('app')).resolve(tag).catch(() => undefined)).toBeUndefined();
  });

  it('fail where the registry fails, instead of being none (Q-66)', async () => {
    await using registry = await withSubject({ referrers: 500 });
    await expect(storeOf(registry).referrers(subject.target)).rejects.toMatchObject({ status: 500 });
    expect(countOf(registry, 'GET', '/manifests/')).toBe(0);
  });

  it('fail where the registry has enough of us, instead of being none (Q-66, Q-80)', async () => {
    await using registry = await withSubject({ limit: { after: 0, times: 99, retryAfter: 'huge' } });
    await expect(storeOf(registry).referrers(subject.target)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('come from all pages, each once (Q-67)', async () => {
    await using registry = await withSubject({ referrers: 'paged' });
    const store = storeOf(registry);
    const pushed = [];
    for (const name of ['one', 'two', 'three', 'four']) pushed.push(await push(store, name));
    expect([...digests(await store.referrers(subject.target))].sort()).toEqual(pushed.sort());
  });

  it.each(['ok', 'filter-annotation', 404] as const)(
    'are filtered where the API is %s: by the registry or by us (Q-67)',
    async (referrers) => {
      await using registry = await withSubject({ referrers });
      const store = storeOf(registry);
      const [one] = [await push(store, 'one'), await push(store, 'two')];
      const found = await store.referrers(subject.target, { artifactType: 'application/x.one' });
      expect(digests(found)).toEqual([one]);
    },
  );

  it('are written under the tag where OCI-Subject is sent and nothing is listed (Q-68)', async () => {
    await using registry = await withSubject({ referrers: 404, ociSubject: 'lies' });
    const pushed = await push(storeOf(registry), 'one');
    expect(digests(await storeOf(registry).referrers(subject.target))).toEqual([pushed]);
  });

  it('leave no tag where they are listed though OCI-Subject is not sent (Q-68)', async () => {
    await using registry = await withSubject({ ociSubject: 'never' });
    const store = storeOf(registry);
    const pushed = await push(store, 'one');
    expect(digests(await store.referrers(subject.target))).toEqual([pushed]);
    expect(await (await registry.content('app')).resolve(tag).catch(() => undefined)).toBeUndefined();
  });

  it('under one tag survive two programs that write at the same moment (Q-68)', async () => {
    await using registry = await withSubject({ referrers: 404, manifests: { ifMatch: true } });
    const names = ['one', 'two', 'three', 'four'];
    const pushed = await Promise.all(names.map(async (name) => push(storeOf(registry), name)));
    expect([...digests(await storeOf(registry).referrers(subject.target))].sort()).toEqual(pushed.sort());
  });

  it('under one tag survive two programs without conditional requests, too (Q-68)', async () => {
    await using registry = await withSubject({ referrers: 404 });
    const pushed = await Promise.all(['one', 'two'].map(async (name) => push(storeOf(registry), name)));
    expect([...digests(await storeOf(registry).referrers(subject.target))].sort()).toEqual(pushed.sort());
  });

  it('wait for each other under one tag no longer than who pushes them wants to', async () => {
    await using registry = await withSubject({ referrers: 404 });
    const store = storeOf(registry);
    const controller = new AbortController();
    let isHeld: () => void = () => {};
    const held = new Promise<void>((resolve) => (isHeld = resolve));
    registry.fault = ({ method, path }) => {
      if (method !== 'PUT' || !path.endsWith(tag)) return undefined;
      isHeld();
      return { delay: 1000 };
    };
    const first = push(store, 'one');
    await held;
    const second = push(store, 'two', controller.signal);
    while (countOf(registry, 'PUT', '/manifests/') < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort(new Error('enough'));
    await expect(Promise.race([second, first])).rejects.toThrow('enough');
    expect(digests(await store.referrers(subject.target))).toEqual([await first]);
  });

  it('leave the list under the tag when they are deleted', async () => {
    await using registry = await withSubject({ referrers: 404 });
    const store = storeOf(registry);
    const [one, two] = [await push(store, 'one'), await push(store, 'two')];
    await store.deleteManifest(one);
    expect(digests(await store.referrers(subject.target))).toEqual([two]);
  });

  it('are refused in words where their subject has to be there first (Q-69)', async () => {
    await using registry = await simulateRegistry({ subjectMustExist: true });
    await expect(push(storeOf(registry), 'one')).rejects.toThrow(/subject is not there/);
  });

  it('send no credentials to where a registry leads instead of answering (Q-25)', async () => {
    await using registry = await withSubject({ users, challenge: 'basic', anonymous: {}, referrers: '303-html' });
    await storeOf(registry).referrers(subject.target);
    expectNoLeak(registry, password);
  });

  it('fail as what they are where the tag holds an image', async () => {
    await using registry = await withSubject({ referrers: 404 });
    await (await registry.content('app')).tag(subject.target, tag);
    const failed = push(storeOf(registry), 'one');
    await expect(failed).rejects.toSatisfy((error) => isOciError(error, 'CONFLICT'));
  });
});

async function withSubject(quirks: Quirks & { users?: typeof users; anonymous?: object }): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(quirks);
  await seeded(registry, subject);
  return registry;
}

async function push(store: RemoteStore, name: string, signal?: AbortSignal): Promise<Descriptor['digest']> {
  const referrer = referrerOf(name);
  await store.push(config.target, config.bytes);
  await store.push(referrer.target, referrer.bytes, { signal });
  return referrer.target.digest;
}

function referrerOf(name: string): Sample {
  const artifactType = `application/x.${name}`;
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: config.target,
    layers: [],
  };
  return blobOf(JSON.stringify({ ...document, subject: subject.target }), mediaTypes.ociManifest);
}

function digests(found: readonly Descriptor[]): readonly string[] {
  return found.map(({ digest }) => digest);
}
