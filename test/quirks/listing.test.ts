import { describe, expect, it } from 'vitest';
import { catalog } from '../../src/remote/catalog.ts';
import { imageOf } from '../conformance/samples.ts';
import type { ListQuirks } from '../simulated-registry/quirks.ts';
import { type SimulatedRegistry, simulateRegistry } from '../simulated-registry/simulate.ts';
import { clientOf, countOf, expectNoLeak, password, seeded, storeOf, users } from './client.ts';

const image = imageOf('listed');
const tags = ['v1', 'v2', 'V3', 'latest', '1.0', '1.0-alpine', 'z', 'a', '_x'];
const links = [
  'rel',
  'abs',
  'wrong-path',
  'other-host',
  'no-brackets',
  'unquoted',
  'several',
  'always',
  'empty-page',
  'trap',
] as const;

describe('lists of tags', () => {
  it.each(links)('are complete where the next page is named in the form "%s" (Q-60)', async (link) => {
    await using registry = await withTags({ page: 2, link });
    expect(await listed(registry)).toEqual([...tags].sort());
    expect(registry.requests.every(({ server }) => server === 'registry')).toBe(true);
  });

  it.each(links)('are complete with pages of our own size and the form "%s" (Q-60)', async (link) => {
    await using registry = await withTags({ link });
    expect(await listed(registry, 4)).toEqual([...tags].sort());
    expect(registry.requests.length).toBeLessThan(8);
  });

  it('end where a link leads back to the page it came from (Q-60)', async () => {
    await using registry = await withTags({ page: 3, link: 'loop' });
    expect((await listed(registry, 3)).length).toBeGreaterThanOrEqual(3);
    expect(registry.requests.length).toBeLessThan(5);
  });

  it('are complete where a full page is the only sign that there is another (Q-61)', async () => {
    await using registry = await withTags({ link: 'none' });
    expect(await listed(registry, 3)).toEqual([...tags].sort());
    expect(await listed(registry, tags.length)).toEqual([...tags].sort());
  });

  it.each([400, 405, 'clamp'] as const)(
    'are complete where too large pages are answered with %s (Q-62)',
    async (onExceed) => {
      await using registry = await withTags({ maxN: 4, onExceed });
      expect(await listed(registry, 1000)).toEqual([...tags].sort());
    },
  );

  it.each(['oldest', 'random'] as const)('keep the order of the registry, be it %s first (Q-63)', async (order) => {
    await using registry = await withTags({ order, page: 2 });
    const found = await listed(registry, 2, false);
    expect([...found].sort()).toEqual([...tags].sort());
    expect(found).not.toEqual([...found].sort());
  });

  it('go on by the token that a registry names its pages with (Q-63)', async () => {
    await using registry = await withTags({ opaque: true, page: 2, maxN: 2 });
    expect(await listed(registry)).toEqual([...tags].sort());
    expect(registry.requests.some(({ query }) => query.has('last'))).toBe(false);
  });

  it('have no null, no empty text, no digest and no number in them (Q-64)', async () => {
    await using registry = await withTags({ junk: true });
    expect(await listed(registry)).toEqual([...tags].sort());
  });

  it.each(['null', 'list'] as const)('are empty where the registry sends %s for no tags (Q-64)', async (empty) => {
    await using registry = await simulateRegistry({ tags: { empty } });
    const { target, bytes } = image.blobs[0] ?? image;
    await (await registry.content('app')).push(target, bytes);
    expect(await listed(registry)).toEqual([]);
  });

  it('fail where the registry says 404 of a repository without tags (Q-64)', async () => {
    await using registry = await simulateRegistry({ tags: { empty: 404 } });
    const { target, bytes } = image.blobs[0] ?? image;
    await (await registry.content('app')).push(target, bytes);
    await expect(listed(registry)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are not followed to another host with a login (Q-60)', async () => {
    await using registry = await simulateRegistry({
      users,
      challenge: 'basic',
      anonymous: {},
      tags: { page: 2, link: 'trap' },
    });
    for (const tag of tags) await seeded(registry, image, tag);
    expect(await listed(registry)).toEqual([...tags].sort());
    expectNoLeak(registry, password);
    expect(registry.trap.requests).toEqual([]);
  });
});

describe('the catalog', () => {
  it.each([404, 405] as const)(
    'is said not to be there where it is answered with %i, with what to do instead (Q-65)',
    async (answer) => {
      await using registry = await simulateRegistry({ catalog: answer });
      await expect(repositories(registry)).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('does not list its repositories') as string,
        hint: expect.stringContaining('crane ls') as string,
      });
    },
  );

  it.each([
    [401, 'UNAUTHORIZED'],
    [403, 'DENIED'],
  ] as const)('is said not to be for everybody where it is answered with %i (Q-65)', async (answer, code) => {
    await using registry = await simulateRegistry({ catalog: answer });
    await expect(repositories(registry)).rejects.toMatchObject({ code });
  });

  it('is complete where every page has a link, also the last one (Q-60, Q-65)', async () => {
    await using registry = await simulateRegistry({ tags: { page: 2, link: 'always' } });
    for (const name of ['a', 'b/c', 'd', 'e', 'f']) await seeded(registry, image, 'v1', name);
    expect(await repositories(registry)).toEqual(['a', 'b/c', 'd', 'e', 'f']);
    expect(countOf(registry, 'GET', '_catalog')).toBeLessThan(6);
  });
});

async function withTags(quirks: ListQuirks): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({ tags: quirks });
  const store = storeOf(registry);
  // Through the registry, which notes in which order they came.
  for (const blob of image.blobs) await store.push(blob.target, blob.bytes);
  for (const tag of tags) await store.pushTagged(image.target, image.bytes, tag);
  registry.requests.length = 0;
  return registry;
}

async function listed(registry: SimulatedRegistry, pageSize?: number, isSorted = true): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const page of storeOf(registry).tags({ pageSize })) found.push(...page);
  expect(new Set(found).size).toBe(found.length);
  return isSorted ? found.sort() : found;
}

async function repositories(registry: SimulatedRegistry): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of catalog(registry.name, clientOf(registry))) names.push(...page);
  return names;
}
