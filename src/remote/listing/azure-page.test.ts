import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageOf } from '../../../test/conformance/samples.ts';
import { clientOf, password, seeded, username, users } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import {
  simulateRegistry,
  type SimulatedRegistry,
  type SimulateOptions,
} from '../../../test/simulated-registry/simulate.ts';
import { parseRepository } from '../../oci/reference.ts';
import { RemoteStore } from '../remote-store.ts';
import type { Exchange } from '../transport/exchange.ts';
import { nodeHttp } from '../transport/node-http.ts';
import { isAzureHost, parseAzurePage } from './azure-page.ts';
import { walkRepositories } from './walk-repositories.ts';

const [one, two] = [imageOf('one'), imageOf('two')];
const host = 'team.azurecr.io';

describe('the manifests of a registry of Azure', () => {
  it('are listed, tagged or not, with sizes and the time they came', async () => {
    await using registry = await azure();
    const listing = await storeAt(registry).list();
    expect(listing).toMatchObject({ name: 'app', listsManifests: true, listsChildren: false, tags: ['v1', 'v2'] });
    expect(listing.manifests.get(one.target.digest)).toMatchObject({
      mediaType: one.target.mediaType,
      uploaded: 1_700_000_000_123,
      tags: ['v1', 'v2'],
    });
    expect(listing.manifests.get(two.target.digest)).toMatchObject({ tags: [] });
    expect(Array.from(listing.manifests.keys())).toEqual([one.target.digest, two.target.digest].toSorted());
  });

  it('come together from pages', async () => {
    await using registry = await azure({ tags: { azure: 'all', page: 1 } });
    expect((await storeAt(registry).list()).manifests.size).toBe(2);
    expect(registry.log.filter((line) => line.includes('/acr/v1/app/_manifests?'))).toHaveLength(2);
  });

  it('are asked for with the right that lets list, and no other', async () => {
    await using registry = await azure({ users, anonymous: {} });
    const store = storeAt(registry, { username, password });
    expect((await store.list()).manifests.size).toBe(2);
    const scopes = registry.tokenServer.requests.flatMap(({ query }) => query.getAll('scope'));
    expect(scopes).toEqual(['repository:app:metadata_read']);
  });

  it('stay unknown to those who may only pull: they see tags, and why', async () => {
    await using registry = await azure({ users, anonymous: {}, tags: { azure: 'nobody' } });
    const listing = await storeAt(registry, { username, password }).list();
    expect(listing).toMatchObject({ listsManifests: false, tags: ['v1', 'v2'], manifests: new Map() });
    expect(listing.refusal?.message).toContain(`list the manifests of ${host}/app`);
  });

  it('stay unknown where a gateway does not pass the question on', async () => {
    await using registry = await azure({ tags: {} });
    expect(await storeAt(registry).list()).toMatchObject({ listsManifests: false, tags: ['v1', 'v2'] });
  });

  it('are no excuse for a repository that is not there', async () => {
    await using registry = await azure();
    await expect(storeAt(registry, {}, 'none').list()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('do not tell what lies below: that is in the catalog', async () => {
    await using registry = await azure();
    await seeded(registry, one, 'v1', 'app/deep/er');
    const found: string[] = [];
    const { transport } = clientAt(registry);
    for await (const { repository, listing } of walkRepositories(parseRepository(`${host}/app`), { transport })) {
      found.push(`${repository.repository} ${listing.manifests.size}`);
    }
    expect(found).toEqual(['app 2', 'app/deep/er 1']);
  });
});

describe('a page of Azure’s list', () => {
  it('has nothing malformed in it', () => {
    const [good, bad] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
    const { manifests, count } = read({
      manifests: [
        null,
        7,
        { digest: '../../x' },
        { digest: good, tags: ['v1', '../up', '\u001b[31m', 7], imageSize: -1, createdTime: 'now', mediaType: 7 },
        { digest: bad, createdTime: '2021-05-28T17:15:14.9483587Z', tags: null, imageSize: 1e300 },
      ],
    });
    expect(count).toBe(5);
    expect(manifests).toEqual([
      { digest: good, mediaType: '', imageSize: undefined, uploaded: undefined, tags: ['v1'] },
      { digest: bad, mediaType: '', imageSize: undefined, uploaded: 1_622_222_114_948, tags: [] },
    ]);
  });

  it('may be any JSON', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.record({ manifests: fc.array(fc.jsonValue()) })), (value) => {
        expect(() => read(value)).not.toThrow();
      }),
    );
  });
});

it.each([
  ['team.azurecr.io', true],
  ['team-x.azurecr.cn', true],
  ['team.azurecr.io:5000', false],
  ['azurecr.io.example.com', false],
  ['gcr.io', false],
])('whether %s is one of Azure’s is %s', (name, is) => {
  expect(isAzureHost(parseRepository(`${name}/app`).registry)).toBe(is);
});

function read(value: unknown): ReturnType<typeof parseAzurePage> {
  const bytes = Buffer.from(JSON.stringify(value));
  return parseAzurePage({ bytes, url: new URL(`https://${host}/`), status: 200 } as never);
}

async function azure(options: SimulateOptions = {}): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({ ...profile('acr'), now: () => 1_700_000_000_123, ...options });
  await seeded(registry, one, 'v1');
  await seeded(registry, one, 'v2');
  const content = await registry.content('app');
  for (const { target, bytes } of [...two.blobs, two]) await content.push(target, bytes);
  return registry;
}

function storeAt(
  registry: SimulatedRegistry,
  credential: { readonly username?: string; readonly password?: string } = {},
  name = 'app',
): RemoteStore {
  return new RemoteStore(parseRepository(`${host}/${name}`), clientAt(registry, credential));
}

/** What is sent to Azure arrives at the registry of the test. */
function clientAt(
  registry: SimulatedRegistry,
  credential: { readonly username?: string; readonly password?: string } = {},
): ReturnType<typeof clientOf> {
  const http = nodeHttp({});
  const exchange: Exchange = (request) =>
    http({ ...request, url: new URL(`${request.url.pathname}${request.url.search}`, registry.url) });
  const keychain = async () => (credential.username === undefined ? undefined : { source: 'the test', ...credential });
  return clientOf(registry, {}, { exchange, keychain });
}
