import { describe, expect, it } from 'vitest';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  type ScriptedServer,
  scriptedServer,
} from '../../../test/support/scripted-server.ts';
import { collect } from '../../content/bytes.ts';
import { digestOf } from '../../content/hash.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parseRegistry, type Repository } from '../../oci/reference.ts';
import { remote, type RemoteStore } from '../remote-store.ts';
import type { HostSettings, Mirror } from '../transport/host-settings.ts';
import { createTransport, type Transport } from '../transport/transport.ts';
import type { TransportOptions } from '../transport/transport-options.ts';

const manifest = Buffer.from(
  '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
);
const digest = digestOf(manifest);
const blob = Buffer.alloc(100_000, 'layer');
const layer = { mediaType: mediaTypes.ociLayer, digest: digestOf(blob), size: blob.byteLength };

/** A registry that has everything, under any name. */
function answer({ method, url, headers }: ScriptedRequest): ScriptedAnswer | undefined {
  if (method === 'PUT') return { status: 201 };
  if (url.pathname.includes('/manifests/')) {
    return {
      status: 200,
      headers: { 'content-type': mediaTypes.ociIndex, 'docker-content-digest': digest },
      body: manifest,
    };
  }
  if (url.pathname.includes('/blobs/')) {
    const start = /^bytes=(\d+)-/.exec(headers.range ?? '')?.[1];
    if (start === undefined) return { status: 200, body: blob };
    const rest = blob.subarray(Number(start));
    return {
      status: 206,
      headers: { 'content-range': `bytes ${start}-${blob.length - 1}/${blob.length}` },
      body: rest,
    };
  }
  if (url.pathname.endsWith('/tags/list')) return { status: 200, body: '{"tags":["v1"]}' };
  return undefined;
}

/** Ends the connection without an answer. */
function cut(response: { destroy(): void }): void {
  response.destroy();
}

function server(
  script: (request: ScriptedRequest, count: number) => ScriptedAnswer | undefined = answer,
): Promise<ScriptedServer> {
  return scriptedServer(script);
}

interface Opened {
  readonly store: RemoteStore;
  readonly warnings: string[];
  readonly transport: Transport;
  readonly open: (name: string, access?: 'pull' | 'push') => RemoteStore;
}

function open(
  origin: { readonly registry: string },
  mirrors: readonly (ScriptedServer | Mirror)[],
  more: Partial<TransportOptions> = {},
): Opened {
  const warnings: string[] = [];
  const registry = parseRegistry(origin.registry);
  const settings: HostSettings = {
    mirrors: mirrors.map((mirror) => ('log' in mirror ? { registry: mirror.registry } : mirror)),
  };
  const transport = createTransport({
    userAgent: 'test',
    hosts: (host) => (host === registry ? settings : {}),
    onEvent: (event) => event.type === 'warning' && warnings.push(event.message),
    retry: { baseDelay: 1, maxDelay: 2 },
    ...more,
  });
  const openNamed = (repository: string, access: 'pull' | 'push' = 'pull'): RemoteStore =>
    remote({ registry, repository }, { transport, access });
  return { store: openNamed('app'), warnings, transport, open: openNamed };
}

async function read(store: RemoteStore): Promise<boolean> {
  return blob.equals(await collect(await store.fetch(layer), blob.length, 'The blob'));
}

describe('mirrors', () => {
  it('are asked in their order, with the original registry’s name in ns, and the registry is not asked when they have it', async () => {
    await using origin = await server();
    await using empty = await server(() => ({ status: 404 }));
    await using full = await server();
    const { store } = open(origin, [empty, { registry: full.registry, prefix: 'hub' }]);
    expect(await store.resolve('v1')).toMatchObject({ digest });
    expect((await store.fetchManifest(digest)).bytes).toEqual(manifest);
    expect(await read(store)).toBe(true);
    const ns = `?ns=${encodeURIComponent(origin.registry)}`;
    expect(empty.log).toEqual([
      `HEAD /v2/app/manifests/v1${ns}`,
      `GET /v2/app/manifests/${digest}${ns}`,
      `GET /v2/app/blobs/${layer.digest}${ns}`,
    ]);
    expect(full.log).toEqual(empty.log.map((line) => line.replace('/v2/app', '/v2/hub/app')));
    expect(origin.log).toEqual([]);
  });

  it.each([
    ['404', () => ({ status: 404 })],
    ['401 without a challenge', () => ({ status: 401 })],
    ['403', () => ({ status: 403 })],
    ['429', () => ({ status: 429, headers: { 'retry-after': '3600' } })],
    ['500', () => ({ status: 500 })],
    ['a cut connection', cut],
    ['a login page', () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' })],
  ] as const)('that answer %s are passed over at once', async (_, reply) => {
    await using origin = await server();
    await using mirror = await server(() => (reply === cut ? cut : (reply as () => ScriptedAnswer)()));
    const { store } = open(origin, [mirror]);
    expect((await store.fetchManifest('v1')).descriptor.digest).toBe(digest);
    expect(origin.log).toEqual(['GET /v2/app/manifests/v1']);
    expect(mirror.log.filter((line) => line.startsWith('GET /v2/app/manifests')).length).toBe(1);
  });

  it('that have another manifest under a digest are passed over with a word', async () => {
    await using origin = await server();
    await using mirror = await server(() => ({ status: 200, body: '{"schemaVersion":2}' }));
    const { store } = open(origin, [mirror]);
    expect((await store.fetchManifest(digest)).bytes).toEqual(manifest);
    expect(await open(origin, [mirror]).store.resolve(digest)).toMatchObject({ digest });
    expect(mirror.log.length).toBeGreaterThan(1);
  });

  it('that cannot be reached are not asked again for a while, which is said once', async () => {
    await using origin = await server();
    await using mirror = await server();
    let now = 0;
    const {
      store,
      warnings,
      open: another,
    } = open(origin, [{ registry: parseRegistry('127.0.0.1:1') }, mirror], { now: () => now });
    await store.fetchManifest('v1');
    await another('other').fetchManifest('v1');
    expect(warnings).toEqual([
      expect.stringMatching(/^The mirror 127\.0\.0\.1:1 is not asked for 60 s: Nothing listens/),
    ]);
    expect(mirror.log.length).toBe(2);
    now = 120_000;
    await another('third').fetchManifest('v1');
    expect(origin.log).toEqual([]);
  });

  it('see no credentials but their own', async () => {
    await using origin = await server();
    await using mirror = await server((request) =>
      request.headers.authorization === undefined
        ? { status: 401, headers: { 'www-authenticate': 'Basic realm="mirror"' } }
        : answer(request),
    );
    const asked: string[] = [];
    const { store } = open(origin, [mirror], {
      keychain: async ({ registry }) => {
        asked.push(registry);
        return { source: 'test', username: registry === mirror.registry ? 'm' : 'o', password: 'secret' };
      },
    });
    await store.fetchManifest('v1');
    expect(asked).toEqual([mirror.registry]);
    expect(mirror.requests.at(-1)?.headers.authorization).toBe(`Basic ${Buffer.from('m:secret').toString('base64')}`);
  });

  it('are no place for writes, tag lists, referrers, and for what is still to be pushed', async () => {
    await using origin = await server((request) => (request.method === 'HEAD' ? { status: 404 } : answer(request)));
    await using mirror = await server();
    const { store, open: opened } = open(origin, [mirror]);
    for await (const page of store.tags()) expect(page).toEqual(['v1']);
    expect(await store.stat(layer)).toBeUndefined();
    await store.referrers({ mediaType: mediaTypes.ociIndex, digest }).catch(() => {});
    const target = opened('app', 'push');
    await target.resolve('v1').catch(() => {});
    await target.push({ mediaType: mediaTypes.ociIndex, digest, size: manifest.length }, manifest);
    expect(mirror.log).toEqual([]);
  });

  it('tell of content when the registry itself cannot be reached', async () => {
    await using mirror = await server();
    const { store } = open({ registry: '127.0.0.1:1' }, [mirror]);
    expect(await store.stat(layer)).toMatchObject({ digest: layer.digest });
    expect(await read(store)).toBe(true);
  });

  it.each([
    ['digest', ['GET /v2/app/manifests/v1'], [`GET /v2/app/manifests/${digest}`]],
    ['tag', [`GET /v2/app/manifests/${digest}`], ['GET /v2/app/manifests/v1']],
  ] as const)('for the pull of a %s are asked for nothing else', async (pull, atOrigin, atMirror) => {
    await using origin = await server();
    await using mirror = await server();
    const { open: opened } = open(origin, [{ registry: mirror.registry, pull, namespace: false }]);
    await opened('app').fetchManifest('v1');
    await opened('app').fetchManifest(digest);
    expect(origin.log).toEqual(atOrigin);
    expect(mirror.log).toEqual(atMirror);
  });

  it('whose refusal of a question means something at the registry are not taken for it', async () => {
    await using origin = await server();
    await using mirror = await server(() => ({ status: 403 }));
    const { store } = open(origin, [mirror]);
    expect(await store.resolve('v1')).toMatchObject({ digest });
    expect(origin.log).toEqual(['HEAD /v2/app/manifests/v1']);
  });

  it('that ignore ranges say nothing about the registry', async () => {
    await using origin = await server();
    await using whole = await server(({ url }) =>
      url.pathname.includes('/blobs/') ? { status: 200, body: blob } : undefined,
    );
    const { store, transport } = open(origin, [whole]);
    const part = await collect(await store.fetchRange(layer, 10, 20), 10, 'The part');
    expect([Buffer.from(part).equals(blob.subarray(10, 20)), whole.log.length]).toEqual([true, 1]);
    expect(transport.traitsOf(parseRegistry(origin.registry)).servesRanges).toBeUndefined();
  });

  it('that break off in the middle of a blob are left, and the download goes on elsewhere', async () => {
    await using origin = await server();
    await using broken = await server((request) =>
      request.url.pathname.includes('/blobs/')
        ? (response) => {
            response.writeHead(200, { 'content-length': String(blob.length) });
            response.write(blob.subarray(0, 40_000), () => setTimeout(() => response.destroy(), 20));
          }
        : answer(request),
    );
    const { store } = open(origin, [broken]);
    expect(await read(store)).toBe(true);
    expect(origin.requests[0]?.headers.range).toMatch(/^bytes=40000-/);
  });

  it('that did not help are told of when the registry fails, too', async () => {
    await using origin = await server(() => ({ status: 404 }));
    await using mirror = await server(() => ({ status: 403 }));
    const { store, warnings } = open(origin, [mirror]);
    await expect(store.fetchManifest('v1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(warnings).toEqual([expect.stringContaining(`from its mirror ${mirror.registry}/app`)]);
  });
});

describe('routes', () => {
  it('lead every request of a repository elsewhere', async () => {
    await using elsewhere = await server();
    const moved: Repository = { registry: elsewhere.registry, repository: 'team/app' };
    const transport = createTransport({ userAgent: 'test', routes: () => ({ repository: moved, mirrors: [] }) });
    const store = remote({ registry: parseRegistry('registry.test'), repository: 'app' }, { transport });
    await store.fetchManifest('v1');
    for await (const page of store.tags()) expect(page).toEqual(['v1']);
    expect(elsewhere.log).toEqual([
      'GET /v2/team/app/manifests/v1',
      expect.stringMatching(/^GET \/v2\/team\/app\/tags\/list/),
    ]);
  });

  it('may forbid to read', async () => {
    await using origin = await server();
    const named: Repository = { registry: origin.registry, repository: 'app' };
    const transport = createTransport({
      userAgent: 'test',
      routes: (repository) => ({ repository, mirrors: [], blocked: 'registries.conf' }),
    });
    await expect(remote(named, { transport }).fetchManifest('v1')).rejects.toMatchObject({
      code: 'BLOCKED',
      message: `Could not read manifest "v1" of ${origin.registry}/app: registries.conf forbids it`,
    });
    expect(origin.log).toEqual([]);
  });
});
