import { describe, expect, it } from 'vitest';
import { imageOf } from '../../../test/conformance/samples.ts';
import { clientOf, seeded, storeOf } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../../../test/simulated-registry/simulate.ts';
import { type WalkOptions, walkRepositories } from './walk-repositories.ts';

const image = imageOf('listed');
const other = imageOf('another');

describe('what a registry tells about a repository', () => {
  it('is, of one of Google’s, its manifests by digest, tagged or not, and what lies below', async () => {
    await using registry = await simulateRegistry({ ...profile('gar'), now: () => 1_700_000_000_000 });
    await seeded(registry, image, 'v1', 'project/app');
    await seeded(registry, image, 'v2', 'project/app');
    await seeded(registry, other, 'v3', 'project/app');
    await (await registry.content('project/app')).tag(image.target, 'v3');
    await seeded(registry, other, 'v1', 'project/app/deep/er');
    const listing = await storeOf(registry, 'project/app').list();
    expect(listing).toMatchObject({ name: 'project/app', listsManifests: true, children: ['deep'] });
    expect(listing.tags).toEqual(['v1', 'v2', 'v3']);
    expect(Array.from(listing.manifests.keys())).toEqual([image.target.digest, other.target.digest].toSorted());
    expect(listing.manifests.get(image.target.digest)).toMatchObject({
      mediaType: image.target.mediaType,
      uploaded: 1_700_000_000_000,
      created: 0,
      tags: ['v1', 'v2', 'v3'],
    });
    expect(listing.manifests.get(other.target.digest)).toMatchObject({ tags: [] });
  });

  it('comes together from pages', async () => {
    await using registry = await simulateRegistry({ tags: { google: true, page: 2 } });
    for (const tag of ['a', 'b', 'c', 'd', 'e']) await seeded(registry, tag < 'c' ? image : other, tag);
    const { tags, manifests } = await storeOf(registry).list();
    expect(tags).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(manifests.get(image.target.digest)?.tags).toEqual(['a', 'b']);
    expect(manifests.get(other.target.digest)?.tags).toEqual(['c', 'd', 'e']);
    expect(registry.requests.length).toBe(3);
  });

  it('has nothing in it that could lead elsewhere', async () => {
    await using registry = await simulateRegistry({ tags: { google: true, junk: true } });
    await seeded(registry, image);
    const { children, manifests } = await storeOf(registry).list();
    expect(children).toEqual([]);
    expect(manifests.get(`sha256:${'0'.repeat(64)}` as never)).toMatchObject({ mediaType: '', tags: [] });
    expect(manifests.size).toBe(2);
  });

  it.each(['endless', 'endless-pages', 'not-json'] as const)('is bounded, and JSON (%s)', async (tags) => {
    await using registry = await simulateRegistry({ hostile: { tags } });
    await seeded(registry, image);
    await expect(storeOf(registry).list()).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:LIMIT_EXCEEDED|RESPONSE)$/) as string,
    });
  });

  it('is, of others, its tags', async () => {
    await using registry = await simulateRegistry({ tags: { page: 1 } });
    await seeded(registry, image, 'v1');
    await seeded(registry, image, 'v2');
    expect(await storeOf(registry).list({ pageSize: 1 })).toEqual({
      name: 'app',
      listsManifests: false,
      listsChildren: false,
      children: [],
      tags: ['v1', 'v2'],
      manifests: new Map(),
    });
  });
});

describe('a walk over repositories', () => {
  it.each([
    ['by the children that Google names', { google: true }],
    ['by the catalog of others', {}],
  ])('finds what lies below, %s', async (_, tags) => {
    await using registry = await simulateRegistry({ tags });
    for (const name of ['p/a', 'p/a/x/y', 'p/b', 'pa', 'p']) await seeded(registry, image, 'v1', name);
    const found = await names(registry, 'p');
    expect(found.filter((name) => name !== 'p/a/x')).toEqual(['p', 'p/a', 'p/a/x/y', 'p/b']);
  });

  it.each([{ google: true }, {}])('starts below a root that is only a prefix (%o)', async (tags) => {
    await using registry = await simulateRegistry({ tags });
    await seeded(registry, image, 'v1', 'p/a');
    expect((await names(registry, 'p')).filter((name) => name !== 'p')).toEqual(['p/a']);
  });

  it.each([{ google: true }, {}])('fails where there is nothing at all (%o)', async (tags) => {
    await using registry = await simulateRegistry({ tags });
    await seeded(registry, image, 'v1', 'other');
    await expect(names(registry, 'p')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each([404, 405, 401, 403] as const)('says so where the catalog is not to be had (%i)', async (catalog) => {
    await using registry = await simulateRegistry({ catalog });
    await seeded(registry, image, 'v1', 'p');
    await expect(names(registry, 'p')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(`Cannot list the repositories below ${registry.host}/p`) as string,
      hint: expect.stringContaining('--recursive') as string,
    });
  });

  it('takes all that the catalog names where the root has no name', async () => {
    await using registry = await simulateRegistry();
    for (const name of ['p/a', 'q']) await seeded(registry, image, 'v1', name);
    expect(await names(registry, '')).toEqual(['p/a', 'q']);
    registry.quirks.catalog = 404;
    await expect(names(registry, '')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: `Cannot list the repositories below ${registry.host}: ${registry.host} does not list its repositories`,
    });
  });

  it('leaves out what is to be skipped, with all below', async () => {
    await using registry = await simulateRegistry({ tags: { google: true } });
    for (const name of ['p/a/x', 'p/b/y']) await seeded(registry, image, 'v1', name);
    const found = await names(registry, 'p', { skip: ({ repository }) => repository === 'p/a' });
    expect(found).toEqual(['p', 'p/b', 'p/b/y']);
  });

  it('ends with a repository that cannot be listed, or tells of it and goes on', async () => {
    await using registry = await simulateRegistry({ tags: { google: true } });
    for (const name of ['p/a', 'p/b']) await seeded(registry, image, 'v1', name);
    registry.fault = ({ path }) => (path.includes('p/a') ? 418 : undefined);
    await expect(names(registry, 'p')).rejects.toMatchObject({ status: 418 });
    const errors: string[] = [];
    const onError = ({ repository }: { readonly repository: string }) => void errors.push(repository);
    expect(await names(registry, 'p', { onError })).toEqual(['p', 'p/b']);
    expect(errors).toEqual(['p/a']);
  });

  it('ends where a registry invents repositories', async () => {
    await using registry = await simulateRegistry({ tags: { google: true } });
    for (const name of ['p/a', 'p/b', 'p/c']) await seeded(registry, image, 'v1', name);
    const onError = (): void => {};
    await expect(names(registry, 'p', { maxRepositories: 3, onError })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});

async function names(
  registry: SimulatedRegistry,
  root: string,
  options: Partial<WalkOptions> = {},
): Promise<readonly string[]> {
  const { transport } = clientOf(registry, {}, { retry: { retries: 0 } });
  const found: string[] = [];
  for await (const { repository } of walkRepositories(
    { ...registry.repository('p'), repository: root },
    { transport, ...options },
  )) {
    found.push(repository.repository);
  }
  return found;
}
