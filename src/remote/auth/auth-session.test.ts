import { describe, expect, it } from 'vitest';
import { scriptedServer } from '../../../test/support/scripted-server.ts';
import {
  answer,
  basic,
  failureOf,
  faked,
  get,
  make,
  me,
  ok,
  remoteRequest,
  request,
  tokenRequests,
  tokenServer,
  unauthorized,
} from '../../../test/support/transport-requests.ts';
import { OciError } from '../../errors.ts';
import { parseRegistry } from '../../oci/reference.ts';
import type { TransportEvent } from '../transport/events.ts';

describe('Transport, authorization', () => {
  it('sends no credentials before it is asked and no ping', async () => {
    await using server = await scriptedServer(() => ok);
    await get(server, { keychain: async () => me });
    expect(server.log).toEqual(['GET /v2/app/x']);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('meets a Basic challenge, and remembers it for the next request', async () => {
    await using server = await scriptedServer(({ headers }) =>
      headers.authorization === basic('me:secret') ? ok : unauthorized('Basic realm="r"'),
    );
    const transport = make({ keychain: async () => me });
    await transport.perform(request(server));
    await transport.perform(request(server));
    expect(server.log).toHaveLength(3);
  });

  it('gets one token for requests that go out together, and none for later ones', async () => {
    await using server = await tokenServer();
    const transport = make();
    await Promise.all([1, 2, 3].map(async () => transport.perform(request(server))));
    await transport.perform(request(server));
    expect(server.log.filter((line) => line.includes('/token'))).toEqual([
      'GET /token?scope=repository%3Aapp%3Apull&service=s',
    ]);
    expect(server.log.at(-1)).toBe('GET /v2/app/x');
  });

  it('takes access_token before token and asks again when a short life is over', async () => {
    let now = 0;
    await using server = await tokenServer({ token: { token: 'old', access_token: 'T', expires_in: 1 } });
    const transport = make({ now: () => now });
    await transport.perform(request(server));
    now = 40_000;
    await transport.perform(request(server));
    expect(tokenRequests(server)).toHaveLength(1);
    now = 61_000;
    await transport.perform(request(server));
    expect(tokenRequests(server)).toHaveLength(2);
  });

  it('starts no upload with a token that is half over, which would do for a question (Q-16)', async () => {
    let now = 0;
    await using server = await tokenServer({ token: { token: 'T', expires_in: 1000 } });
    const transport = make({ now: () => now });
    await transport.perform(request(server));
    now = 600_000;
    await transport.perform(request(server));
    expect(tokenRequests(server)).toHaveLength(1);
    const replayable = { size: 100, replayable: true, open: () => Buffer.alloc(100) };
    await transport.perform({ ...request(server), method: 'PUT', body: replayable });
    expect(tokenRequests(server)).toHaveLength(2);
  });

  it('exchanges an identity token by POST, and shows the refresh token it got the next time', async () => {
    let now = 0;
    await using server = await tokenServer({ token: { access_token: 'T', refresh_token: 'R2' } });
    const identity = { source: 'file', username: '<token>', identityToken: 'R1' };
    const transport = make({ keychain: async () => identity, now: () => now });
    await transport.perform(request(server));
    now = 100_000;
    await transport.perform(request(server));
    expect(tokenRequests(server).map(({ method, body }) => `${method} ${body.toString()}`)).toEqual([
      'POST client_id=crane-oci&grant_type=refresh_token&refresh_token=R1&scope=repository%3Aapp%3Apull&service=s',
      'POST client_id=crane-oci&grant_type=refresh_token&refresh_token=R2&scope=repository%3Aapp%3Apull&service=s',
    ]);
  });

  it.each([400, 401, 404, 405])('asks by GET when POST is answered with %i', async (status) => {
    await using server = await tokenServer({ post: { status } });
    await get(server, { keychain: async () => ({ ...me, identityToken: 'R1' }) });
    expect(tokenRequests(server).map(({ method }) => method)).toEqual(['POST', 'GET']);
    expect(tokenRequests(server)[1]?.headers.authorization).toBe(basic('me:secret'));
  });

  it('uses a registry token as it is', async () => {
    await using server = await tokenServer();
    await get(server, { keychain: async () => ({ source: 'file', registryToken: 'T' }) });
    expect(tokenRequests(server)).toEqual([]);
  });

  it('asks the root for a challenge when a 401 has none', async () => {
    await using server = await scriptedServer(({ url, headers }) => {
      if (headers.authorization === basic('me:secret')) return ok;
      return url.pathname === '/v2/' ? unauthorized('Basic realm="r"') : { status: 401 };
    });
    await get(server, { keychain: async () => me });
    expect(server.log).toEqual(['GET /v2/app/x', 'GET /v2/', 'GET /v2/app/x']);
  });

  it('puts a scope the registry asks for in front', async () => {
    await using server = await scriptedServer(({ url, headers }) => {
      if (url.pathname === '/token')
        return { status: 200, body: JSON.stringify({ token: url.searchParams.getAll('scope').join(' ') }) };
      if (headers.authorization?.startsWith('Bearer repository:app:delete') === true) return ok;
      return unauthorized(
        `Bearer realm="/token",scope="${headers.authorization === undefined ? '' : 'repository:app:delete'}"`,
      );
    });
    await get(server);
    expect(tokenRequests(server).map(({ url }) => url.searchParams.getAll('scope'))).toEqual([
      ['repository:app:pull'],
      ['repository:app:delete', 'repository:app:pull'],
    ]);
  });

  it('renews a token the registry has forgotten', async () => {
    let valid = 'T1';
    await using server = await scriptedServer(({ url, headers }) => {
      if (url.pathname === '/token') return { status: 200, body: JSON.stringify({ token: valid, expires_in: 9999 }) };
      return headers.authorization === `Bearer ${valid}` ? ok : unauthorized('Bearer realm="/token"');
    });
    let now = 0;
    const transport = make({ now: () => now++ });
    await transport.perform(request(server));
    valid = 'T2';
    await transport.perform(request(server));
    expect(tokenRequests(server)).toHaveLength(2);
  });

  it.each([
    { bad: 5, requests: 7, tokens: 6, outcome: 'ok' },
    { bad: 1000, requests: 7, tokens: 6, outcome: 'UNAUTHORIZED' },
  ])('renews tokens that are refused one after the other, not for ever: $bad bad ones', async (expected) => {
    const { bad, requests, tokens, outcome } = expected;
    let issued = 0;
    await using server = await scriptedServer(({ url, headers }) => {
      if (url.pathname === '/token') return { status: 200, body: JSON.stringify({ token: `T${++issued}` }) };
      if (headers.authorization === `Bearer T${bad + 1}`) return ok;
      return unauthorized('Bearer realm="/token",error="invalid_token"');
    });
    expect(await codeOf(get(server))).toBe(outcome);
    expect([server.log.length - issued, issued]).toEqual([requests, tokens]);
  });

  it('tells of the refusal when the body it comes after cannot be sent again', async () => {
    let left = 1;
    await using server = await scriptedServer(({ url }) =>
      url.pathname === '/token' ? { status: 200, body: '{"token":"T"}' } : unauthorized('Bearer realm="/token"'),
    );
    const body = {
      size: 3,
      get replayable() {
        return left > 0;
      },
      open: () => {
        if (left-- === 0) throw new Error('The body was opened again');
        return Buffer.from('abc');
      },
    };
    expect(await codeOf(get(server, {}, { method: 'PUT', body }))).toBe('UNAUTHORIZED');
  });

  it('ends when nothing helps, naming the credentials but not the password', async () => {
    await using server = await scriptedServer(() => unauthorized('Basic realm="r"'));
    const failure = await failureOf(get(server, { keychain: async () => me }, { method: 'POST' }));
    expect(failure).toMatchObject({
      code: 'UNAUTHORIZED',
      hint: `Log in with: crane auth login ${server.registry}`,
      message: `Could not try: ${server.registry} refused the credentials from /home/me/.docker/config.json, 401 Unauthorized`,
    });
    expect(server.log).toHaveLength(2);
    expect(JSON.stringify(failure)).not.toContain('secret');
  });

  it('says that there are no credentials', async () => {
    await using server = await scriptedServer(() => unauthorized('Basic realm="r"'));
    await expect(get(server)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('none were found') as string,
    });
    expect(server.log).toHaveLength(1);
  });

  it('reads public content without credentials that are refused, and warns where they come from', async () => {
    await using server = await tokenServer({ refuse: basic('me:secret') });
    const events: TransportEvent[] = [];
    const transport = make({ keychain: async () => me, onEvent: (event) => events.push(event) });
    await transport.perform(request(server));
    await transport.perform(request(server));
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      { type: 'warning', message: expect.stringContaining(me.source) as string },
    ]);
    await expect(transport.perform({ ...request(server), method: 'POST' })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
  });

  it('tells of the credentials that a token server refused when it has nothing for nobody either', async () => {
    await using server = await scriptedServer(({ url, headers }) => {
      if (url.pathname !== '/token') return unauthorized('Bearer realm="/token",service="s"');
      return { status: headers.authorization === undefined ? 403 : 401 };
    });
    expect(await failureOf(get(server, { keychain: async () => me }))).toMatchObject({
      code: 'UNAUTHORIZED',
      status: 401,
      message: expect.stringContaining(`refused the credentials from ${me.source}, 401`) as string,
    });
    expect(tokenRequests(server)).toHaveLength(2);
  });

  it('shows refused credentials no second time for what can be read without', async () => {
    await using server = await scriptedServer(({ headers }) =>
      headers.authorization === undefined && server.log.length > 1 ? ok : unauthorized('Basic realm="r"'),
    );
    const transport = make({ keychain: async () => me });
    await transport.perform(request(server));
    await transport.perform(request(server));
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      basic('me:secret'),
      undefined,
      undefined,
    ]);
  });

  it('goes on without credentials when a helper is broken, and tells why if the registry needs some', async () => {
    const broken = async (): Promise<never> => Promise.reject(new OciError('CREDENTIALS', 'The helper is broken'));
    await using open = await tokenServer();
    const events: TransportEvent[] = [];
    await get(open, { keychain: broken, onEvent: (event) => events.push(event) });
    expect(events).toContainEqual({
      type: 'warning',
      message: expect.stringContaining('The helper is broken') as string,
    });
    await using closed = await scriptedServer(() => unauthorized('Basic realm="r"'));
    await expect(get(closed, { keychain: broken })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('the helper is broken') as string,
    });
  });

  it('does not ask the keychain where nothing is demanded', async () => {
    await using server = await scriptedServer(() => ok);
    await get(server, { keychain: async () => Promise.reject(new Error('asked')) });
  });

  it.each(['http://169.254.169.254/latest', 'https://10.0.0.1/token', 'ftp://registry.example/token', 'http://['])(
    'refuses the token server %s',
    async (realm) => {
      await using server = await scriptedServer(() => unauthorized(`Bearer realm="${realm}"`));
      await expect(get(server)).rejects.toMatchObject({ code: 'RESPONSE' });
      expect(server.log).toHaveLength(1);
    },
  );

  it.each([
    ['10.0.0.5', 'https://10.0.0.9/token', true],
    ['10.0.0.5', 'https://auth.example/token', true],
    ['10.0.0.5', 'https://127.0.0.1/token', false],
    ['10.0.0.5', 'https://169.254.169.254/token', false],
    ['registry.example', 'https://10.0.0.9/token', false],
    ['registry.example', 'https://[::ffff:10.0.0.9]/token', false],
    ['registry.example:8443', 'https://registry.example/token', true],
  ])('lets %s name the token server %s: %s (demand-and-quirks reference, Q-06)', async (name, realm, allowed) => {
    const { transport, sent } = faked(({ url, headers }) => {
      if (url.pathname === '/token') return answer(200, {}, '{"token":"T"}');
      return headers['authorization'] === undefined
        ? answer(401, { 'www-authenticate': `Bearer realm="${realm}"` })
        : answer(200);
    });
    const call = transport.perform({ ...remoteRequest(), registry: parseRegistry(name) });
    if (allowed) await call;
    else await expect(call).rejects.toMatchObject({ code: 'RESPONSE' });
    expect(sent).toHaveLength(allowed ? 3 : 1);
  });

  it.each([false, true])(
    'refuses a plain http token server of an https registry, insecure or not: %s',
    async (insecure) => {
      const realm = 'Bearer realm="http://auth.example/token"';
      const { transport, sent } = faked(async () => answer(401, { 'www-authenticate': realm }), { insecure });
      await expect(transport.perform(remoteRequest())).rejects.toMatchObject({ code: 'RESPONSE', hint: undefined });
      expect(sent).toHaveLength(1);
    },
  );

  it('follows no token server of an https registry to plain http', async () => {
    const realm = 'Bearer realm="https://auth.example/token"';
    const { transport, sent } = faked(
      async ({ url }) =>
        url.pathname === '/token'
          ? answer(307, { location: 'http://auth.example/token2' })
          : answer(401, { 'www-authenticate': realm }),
      { insecure: true },
    );
    await expect(transport.perform(remoteRequest())).rejects.toMatchObject({ code: 'RESPONSE' });
    expect(sent.map(({ url }) => url.host)).toEqual(['registry.example', 'auth.example']);
  });

  it('does not send credentials over plain http beyond this machine', async () => {
    const { transport, sent } = faked(
      ({ url }) => {
        if (url.protocol === 'https:') throw new Error('never');
        return answer(401, { 'www-authenticate': 'Basic realm="r"' });
      },
      { keychain: async () => me },
      'http-only',
    );
    await expect(
      transport.perform({ ...remoteRequest(), registry: parseRegistry('10.0.0.5:5000') }),
    ).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      hint: expect.stringContaining('--insecure') as string,
    });
    expect(sent.every(({ headers }) => headers['authorization'] === undefined)).toBe(true);
  });
});

async function codeOf(task: Promise<void>): Promise<string> {
  try {
    await task;
    return 'ok';
  } catch (error) {
    return error instanceof OciError ? error.code : String(error);
  }
}
