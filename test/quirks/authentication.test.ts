import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { OciError } from '../../src/errors.ts';
import type { Credential } from '../../src/remote/auth/credential.ts';
import { authorizationFor } from '../../src/remote/authorization.ts';
import { remote, type RemoteStore } from '../../src/remote/remote-store.ts';
import type { TransportEvent } from '../../src/remote/transport/events.ts';
import type { TransportOptions } from '../../src/remote/transport/transport-options.ts';
import { imageOf } from '../conformance/samples.ts';
import { type SimulatedRegistry, type SimulateOptions, simulateRegistry } from '../simulated-registry/simulate.ts';
import { clientOf, expectNoLeak, password, seeded, username, users } from './client.ts';

const image = imageOf('guarded');
const [config, layer] = image.blobs as [(typeof image.blobs)[0], (typeof image.blobs)[0]];
/** Nobody may do anything without a login. */
const closed: SimulateOptions = { users, anonymous: {} };

describe('a registry that challenges at its root only (Q-01)', () => {
  it('is asked there once', async () => {
    await using registry = await withImage({ ...closed, challenge: 'ping-only' });
    const { open } = clientFor(registry);
    await open().resolve('v1');
    await open('other').resolve('v1');
    expect(registry.log.filter((line) => line === 'GET /v2/')).toHaveLength(1);
  });

  it('refuses as itself where its root is out of reach', async () => {
    await using registry = await withImage({ ...closed, challenge: 'ping-only', ping: 'close' });
    await expect(clientFor(registry).open().resolve('v1')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });
});

describe('a registry whose root tells nothing (Q-02)', () => {
  it.each([200, 403, 404, 'close'] as const)('answering %s there is never asked there', async (ping) => {
    await using registry = await withImage({ ...closed, ping });
    await clientFor(registry).open().resolve('v1');
    expect(registry.log).not.toContain('GET /v2/');
  });

  it.each([200, 403, 404] as const)('answering %s there still says what tokens it wants', async (ping) => {
    await using registry = await withImage({ ...closed, ping });
    const { transport } = clientFor(registry);
    await expect(authorizationFor(registry.repository('app'), { transport })).resolves.toMatchObject({
      scheme: 'bearer',
    });
  });
});

describe('challenges', () => {
  it.each(['multi-header', 'joined', 'unquoted'] as const)(
    'are understood in the form %s (Q-03)',
    async (challenge) => {
      await using registry = await withImage({ ...closed, challenge });
      await clientFor(registry).open().resolve('v1');
      expect(registry.tokenServer.requests).toHaveLength(1);
    },
  );

  it('for user and password are no addresses of token servers (Q-04)', async () => {
    await using registry = await withImage({ ...closed, challenge: 'basic' });
    registry.quirks.basicRealm = registry.trap.url;
    await clientFor(registry).open().resolve('v1');
    expect(registry.trap.requests).toEqual([]);
    expect(registry.tokenServer.requests).toEqual([]);
  });

  it('may name a token server by its path (Q-05)', async () => {
    await using registry = await withImage({ ...closed, challenge: 'relative-realm', realm: 'same-host' });
    await clientFor(registry).open().resolve('v1');
    expect(registry.tokenServer.requests).toHaveLength(1);
  });

  it.each(['star', 'none', 'wrong'] as const)('may have a scope that is %s (Q-11)', async (challengeScope) => {
    await using registry = await withImage({ ...closed, challengeScope });
    const store = clientFor(registry).open();
    await store.resolve('v1');
    await store.push(layer.target, layer.bytes);
  });
});

describe('a token server (Q-06)', () => {
  it.each([
    'http://169.254.169.254/latest',
    'https://169.254.169.254/',
    'http://10.0.0.1/token',
    'https://192.168.0.1/',
  ])('at %s is not asked', async (realm) => {
    await using registry = await withImage({ ...closed, realm });
    await expect(clientFor(registry).open().resolve('v1')).rejects.toMatchObject({
      code: 'RESPONSE',
      message: expect.stringContaining('token server') as string,
    });
  });

  it.each(['same-host', 'own-host'] as const)(
    'of a registry in a private network may be there, too: %s',
    async (realm) => {
      await using registry = await withImage({ ...closed, realm });
      await clientFor(registry).open().resolve('v1');
      expect(registry.tokenServer.requests).toHaveLength(1);
    },
  );
});

describe('tokens (Q-07)', () => {
  it.each([
    { field: 'token' },
    { field: 'access_token' },
    { issuedAt: 'skew' },
    { issuedAt: 'absent', expiresIn: 'absent' },
    { expiresIn: 1, validFor: 60_000 },
  ] as const)('are good as %j', async (token) => {
    await using registry = await withImage({ ...closed, token });
    const { open } = clientFor(registry);
    await open().resolve('v1');
    await open().resolve('v1');
    expect(registry.tokenServer.requests).toHaveLength(1);
  });

  it('are renewed before they end, by the clock of who holds them, and asked for once by many', async () => {
    const clocks = { registry: Date.now(), client: Date.now() - 3_600_000 };
    await using registry = await withImage({ ...closed, now: () => clocks.registry });
    const { open } = clientFor(registry, {}, { now: () => clocks.client });
    await Promise.all(Array.from({ length: 8 }, async () => open().resolve('v1')));
    expect(registry.tokenServer.requests).toHaveLength(1);
    const refused = registry.requests.filter(({ status }) => status === 401).length;
    for (const seconds of [250, 260]) {
      clocks.registry += seconds * 1000;
      clocks.client += seconds * 1000;
      await open().resolve('v1');
    }
    expect(registry.tokenServer.requests).toHaveLength(2);
    expect(registry.requests.filter(({ status }) => status === 401)).toHaveLength(refused);
  });
});

describe('identity tokens', () => {
  const identified = { [username]: { password, identityToken: 'the-identity' } };

  it.each([400, 401, 404, 405] as const)('give way to the password where POST is %i (Q-08)', async (post) => {
    await using registry = await withImage({ ...closed, users: identified, token: { post } });
    await clientFor(registry, { identityToken: 'the-identity' }).open().resolve('v1');
    expect(registry.tokenServer.requests.map(({ method }) => method)).toEqual(
      post === 400 ? ['POST'] : ['POST', 'GET'],
    );
  });

  it.each([
    { username: '<token>', password: undefined, identityToken: 'the-identity' },
    { username: '00000000-0000-0000-0000-000000000000', password: '', identityToken: 'the-identity' },
    { username: '00000000-0000-0000-0000-000000000000', password: 'the-identity' },
  ])('are exchanged by POST: %j (Q-09)', async (credential) => {
    await using registry = await withImage({ ...closed, users: identified, token: { field: 'access_token' } });
    await clientFor(registry, credential).open().resolve('v1');
    expect(registry.tokenServer.requests.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['POST', undefined],
    ]);
  });
});

describe('several scopes (Q-10)', () => {
  it.each(['all', 'first', 'last', 'reject-multi'] as const)(
    'do not stop a copy within a registry whose token server takes %s, and are tried once',
    async (scopes) => {
      await using registry = await withImage({ ...closed, token: { scopes } });
      const { open } = clientFor(registry);
      const [source, target] = [open(), open('copy')];
      for (const { target: blob, bytes } of image.blobs) {
        if (!(await target.mount(blob, source))) await target.push(blob, bytes);
      }
      expect(await target.stat(layer.target)).toBeDefined();
      const several = registry.tokenServer.requests.filter(({ query }) => query.getAll('scope').length > 1);
      expect(several).toHaveLength(1);
      expect(several[0]?.query.getAll('scope')[0]).toBe('repository:copy:push,pull');
    },
  );

  it('are given up where the source is not for the user, and the blob is sent', async () => {
    const limited = { [username]: { password, pull: ['copy'], push: ['copy'] } };
    await using registry = await withImage({ ...closed, users: limited, token: { strictReadOnly: true } });
    const { open } = clientFor(registry);
    const target = open('copy');
    if (!(await target.mount(layer.target, open()))) await target.push(layer.target, layer.bytes);
    expect(await target.stat(layer.target)).toBeDefined();
  });
});

describe('deleting', () => {
  // What helps one of them is what the other refuses.
  it.each([
    ['Quay', { del: { scope: '*' }, token: { scopeActions: /^(?:pull|push|\*)$/ } }, ['push,pull,delete', '*']],
    ['ICR', { del: { scope: 'delete' } }, ['push,pull,delete']],
    ['a registry that wants all rights', { del: { scope: '*' } }, ['push,pull,delete', '*']],
  ] as const)('finds the words of %s and keeps to them (Q-11)', async (_, quirks, asked) => {
    await using registry = await withImage({ ...closed, ...quirks });
    const { open } = clientFor(registry);
    await open('app', 'delete').deleteTag('v1');
    const actions = registry.tokenServer.requests.flatMap(({ query }) => query.getAll('scope')[0]?.split(':')[2]);
    expect(actions).toEqual(asked);
    registry.tokenServer.expireAll();
    registry.requests.length = 0;
    await open('other', 'delete').deleteTag('v1');
    expect(registry.tokenServer.requests.filter(({ status }) => status !== 200)).toEqual([]);
  });

  it('that nobody is let to do ends soon', async () => {
    const reader = { [username]: { password, pull: ['*'], push: ['*'], delete: [] } };
    await using registry = await withImage({ ...closed, users: reader });
    await expect(clientFor(registry).open('app', 'delete').deleteTag('v1')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
    expect(registry.requests.length).toBeLessThan(10);
  });
});

describe('a user who may only read', () => {
  const reader = { [username]: { password, pull: ['*'] } };

  it('learns at the upload that a token was not worth it, and which credentials were used (Q-12)', async () => {
    await using registry = await withImage({ ...closed, users: reader });
    const failure = clientFor(registry).open('app', 'push').push(config.target, config.bytes);
    await expect(failure).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('the test') as string,
    });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining(password) as string });
  });

  it('reads also where more is asked for than the token server gives, and writes for nobody else (Q-13)', async () => {
    await using registry = await withImage({ users: reader, token: { strictReadOnly: true } });
    const store = clientFor(registry).open('app', 'push');
    await store.resolve('v1');
    await store.resolve('v1');
    expect(scopesOf(registry)).toEqual(['repository:app:push,pull', 'repository:app:pull']);
    await expect(store.push(config.target, config.bytes)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(registry.tokenServer.requests.filter(({ headers }) => headers.authorization === undefined)).toEqual([]);
  });

  it('is not asked for more than reading takes (Q-13)', async () => {
    await using registry = await withImage({ ...closed, users: reader, token: { strictReadOnly: true } });
    await collect(await clientFor(registry).open('app', 'pull').fetch(layer.target), 1000);
    expect(scopesOf(registry)).toEqual(['repository:app:pull']);
  });
});

describe('credentials that are no good any more (Q-14)', () => {
  const wrong: readonly (readonly [string, Partial<Credential>, SimulateOptions])[] = [
    ['password at the token server', { password: 'old' }, {}],
    ['password at the registry', { password: 'old' }, { challenge: 'basic' }],
    ['identity token', { username: '<token>', password: undefined, identityToken: 'old' }, {}],
    ['registry token', { username: undefined, registryToken: 'old' }, {}],
  ];

  it.each(wrong)('do not keep from public content: %s', async (_, credential, quirks) => {
    await using registry = await withImage({ users, anonymous: { pull: ['app'] }, ...quirks });
    const { open, warnings } = clientFor(registry, credential);
    // After this the registry is known to ask, so what follows is sent with credentials.
    await expect(open('other').resolve('v1')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await open().resolve('v1');
    await open().resolve('v1');
    expect(warnings).toEqual([expect.stringContaining('credentials from the test')]);
  });

  it.each(wrong)('are said to be the reason where nothing is public: %s', async (_, credential, quirks) => {
    await using registry = await withImage({ ...closed, ...quirks });
    await expect(clientFor(registry, credential).open().resolve('v1')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('credentials from the test') as string,
    });
  });

  it('do not keep from public content when it is their helper that fails', async () => {
    await using registry = await withImage({ users });
    const keychain = async (): Promise<never> => Promise.reject(new OciError('CREDENTIALS', 'The helper is broken'));
    const { open, warnings } = clientFor(registry, {}, { keychain });
    await open().resolve('v1');
    expect(warnings).toEqual([expect.stringContaining('The helper is broken')]);
  });

  it('never have a write go out in nobody’s name', async () => {
    await using registry = await withImage({ users, anonymous: { pull: ['*'], push: ['*'] } });
    const store = clientFor(registry, { password: 'old' }).open('app', 'push');
    await expect(store.push(config.target, config.bytes)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(registry.tokenServer.requests.filter(({ headers }) => headers.authorization === undefined)).toEqual([]);
  });
});

describe('a token that ends in the middle (Q-16)', () => {
  it('is replaced between the requests of an upload', async () => {
    await using registry = await withImage(closed);
    const expired = new Set<string>();
    registry.fault = ({ method, server }) => {
      if (server !== 'registry' || expired.has(method)) return undefined;
      expired.add(method);
      return 'expire-tokens';
    };
    const store = clientFor(registry).open('copy', 'push');
    await store.push(layer.target, layer.bytes);
    expect(await store.stat(layer.target)).toEqual(layer.target);
  });

  it('does not become one for the store that blobs are sent from (with Q-20)', async () => {
    await using registry = await withImage({ ...closed, redirectBlobs: { to: 'store', ttl: 'once' } });
    const store = clientFor(registry).open();
    for (let i = 0; i < 3; i++) {
      await collect(await store.fetch(layer.target), 1000);
      registry.tokenServer.expireAll();
    }
    expect(registry.objectStore.requests.map(({ status }) => status)).toEqual([200, 200, 200]);
    expectNoLeak(registry, password);
  });

  it('is shown again where a redirect stays at the registry (with Q-20)', async () => {
    await using registry = await withImage({ ...closed, redirectBlobs: { to: 'relative' } });
    const store = clientFor(registry).open();
    await store.resolve('v1');
    registry.tokenServer.expireAll();
    await collect(await store.fetch(layer.target), 1000);
    expect(registry.requests.at(-1)?.headers.authorization).toMatch(/^Bearer /);
  });
});

describe('a store that asks for a token of its own (Q-23)', () => {
  it('gets one for nobody, and the registry keeps its own', async () => {
    await using registry = await withImage({ users, redirectBlobs: { to: 'store', ownChallenge: true } });
    const store = clientFor(registry).open();
    for (const { target } of [...image.blobs, ...image.blobs]) await collect(await store.fetch(target), 1000);
    await store.resolve('v1');
    const asked = registry.tokenServer.requests.map(({ query, headers }) => [
      query.get('service'),
      headers.authorization?.split(' ')[0],
    ]);
    expect(asked).toEqual([
      ['simulated', 'Basic'],
      ['store', undefined],
    ]);
    for (const { headers } of registry.objectStore.requests) {
      expect(headers.authorization ?? 'Bearer x').toMatch(/^Bearer /);
      expect(headers.authorization).not.toBe(registry.requests.at(-1)?.headers.authorization);
    }
  });

  it('that lets nobody in is what the message is about', async () => {
    await using registry = await withImage({
      ...closed,
      token: { anonymous: false },
      redirectBlobs: { to: 'store', ownChallenge: true },
    });
    await expect(clientFor(registry).open().fetch(layer.target)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining(new URL(registry.objectStore.url).host) as string,
    });
  });
});

interface TestClient extends ReturnType<typeof clientOf> {
  readonly warnings: readonly string[];
  readonly open: (name?: string, access?: 'pull' | 'push' | 'delete') => RemoteStore;
}

/** A client whose stores have seen nothing yet. */
function clientFor(
  registry: SimulatedRegistry,
  credential: Partial<Credential> = {},
  options: Partial<TransportOptions> = {},
): TestClient {
  const warnings: string[] = [];
  const onEvent = (event: TransportEvent): void => void (event.type === 'warning' && warnings.push(event.message));
  const client = clientOf(registry, credential, { onEvent, ...options });
  return {
    ...client,
    warnings,
    open: (name = 'app', access = 'pull') => remote(registry.repository(name), { transport: client.transport, access }),
  };
}

async function withImage(options: SimulateOptions): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  await seeded(registry, image);
  await seeded(registry, image, 'v1', 'other');
  return registry;
}

function scopesOf(registry: SimulatedRegistry): readonly string[] {
  return registry.tokenServer.requests.flatMap(({ query }) => query.getAll('scope'));
}
