import { describe, expect, it } from 'vitest';
import { imageOf } from '../conformance/samples.ts';
import { type SimulatedRegistry, type SimulateOptions, simulateRegistry } from '../simulated-registry/simulate.ts';
import { countOf, seeded, storeOf, users } from './client.ts';

const image = imageOf('deleted');
const { digest } = image.target;

describe('deleting', () => {
  it.each([200, 202, 204] as const)('is done where it is answered with %i (Q-70)', async (status) => {
    await using registry = await withImage({ del: { tag: status, digest: status } });
    const store = storeOf(registry);
    await store.deleteTag('v1');
    expect(await store.stat(image.target)).toEqual(image.target);
    await store.deleteManifest(digest);
    expect(await storeOf(registry).stat(image.target)).toBeUndefined();
  });

  it.each([400, 404, 405] as const)(
    'a tag that a registry answers with %i is said not to be possible (Q-70)',
    async (tag) => {
      await using registry = await withImage({ del: { tag } });
      await expect(storeOf(registry).deleteTag('v1')).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        hint: expect.stringContaining('by digest') as string,
      });
      expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
    },
  );

  it.each([400, 404, 405] as const)(
    'a manifest that a registry answers with %i is said not to be possible (Q-70)',
    async (status) => {
      await using registry = await withImage({ del: { digest: status } });
      await expect(storeOf(registry).deleteManifest(digest)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    },
  );

  it('what is not there is said not to be there (Q-70)', async () => {
    await using registry = await withImage({});
    await expect(storeOf(registry).deleteTag('v2')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const other = imageOf('other').target.digest;
    await expect(storeOf(registry).deleteManifest(other)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each(['tag', 'manifest', 'blob'] as const)(
    'a %s is done when the answer got lost and the next try finds nothing (Q-81)',
    async (what) => {
      await using registry = await withImage({});
      const [layer] = image.blobs;
      const store = storeOf(registry);
      registry.fault = ({ method }) =>
        method === 'DELETE' && countOf(registry, method, '/') === 1 ? 'lost' : undefined;
      if (what === 'tag') await store.deleteTag('v1');
      else if (what === 'manifest') await store.deleteManifest(digest);
      else await store.deleteBlob((layer ?? image).target.digest);
      expect(countOf(registry, 'DELETE', '/')).toBe(2);
      const again = what === 'tag' ? store.deleteTag('v1') : store.deleteManifest(imageOf('other').target.digest);
      await expect(again).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );

  it('a manifest that tags still name says so, and works when they are gone (Q-70)', async () => {
    await using registry = await withImage({ del: { digest: 'dangling-tag' } });
    const store = storeOf(registry);
    await expect(store.deleteManifest(digest)).rejects.toMatchObject({
      message: expect.stringContaining('still referenced by tag') as string,
    });
    await store.deleteTag('v1');
    await store.deleteManifest(digest);
  });

  it.each([
    [404, 'NOT_FOUND'],
    [405, 'UNSUPPORTED'],
  ] as const)('a blob that a registry answers with %i fails as %s (Q-70)', async (blob, code) => {
    await using registry = await withImage({ del: { blob } });
    const [layer] = image.blobs;
    await expect(storeOf(registry).deleteBlob((layer ?? image).target.digest)).rejects.toMatchObject({ code });
  });

  it.each(['delete', '*', 'none'] as const)(
    'gets a token where the action it needs is "%s" (Q-11, Q-70)',
    async (scope) => {
      await using registry = await withImage({ users, del: { scope } });
      const store = storeOf(registry);
      await store.deleteTag('v1');
      await store.deleteManifest(digest);
      expect(countOf(registry, 'DELETE', '/manifests/')).toBeGreaterThanOrEqual(2);
    },
  );
});

async function withImage(options: SimulateOptions): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  await seeded(registry, image);
  return registry;
}
