import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scriptedServer, type ScriptedAnswer, type ScriptedServer } from '../../../test/support/scripted-server.ts';
import { OciError } from '../../errors.ts';
import { parseRegistry } from '../../oci/reference.ts';
import type { Credential } from '../auth/credential.ts';
import type { TransportEvent } from './events.ts';
import type { Exchange, ExchangeRequest } from './exchange.ts';
import { nodeHttp } from './node-http.ts';
import { Transport } from './transport.ts';
import type { RegistryRequest } from './registry-request.ts';
import type { TransportOptions } from './transport-options.ts';

const ok: ScriptedAnswer = { status: 200, body: 'ok' };
const me: Credential = { source: '/home/me/.docker/config.json', username: 'me', password: 'secret' };

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

  it('refuses a plain http token server of an https registry', async () => {
    const { transport, sent } = faked(() =>
      answer(401, { 'www-authenticate': 'Bearer realm="http://auth.example/token"' }),
    );
    await expect(transport.perform(remoteRequest())).rejects.toMatchObject({ code: 'RESPONSE' });
    expect(sent).toHaveLength(1);
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

describe('Transport, redirects', () => {
  it('drops credentials and configured headers at another origin and for the rest of the chain', async () => {
    await using store = await scriptedServer(({ url }) =>
      url.pathname === '/blob' ? { status: 307, headers: { location: back() } } : ok,
    );
    await using server = await scriptedServer(({ url, headers }) => {
      if (url.pathname === '/back') return ok;
      if (headers.authorization === undefined) return unauthorized('Basic realm="r"');
      return { status: 307, headers: { location: `${store.origin}/blob` } };
    });
    const back = (): string => `${server.origin}/back`;
    await get(
      server,
      { keychain: async () => me, headers: { 'X-Meta': 'private' } },
      { headers: { range: 'bytes=0-1' } },
    );
    expect(store.requests[0]?.headers).toMatchObject({ range: 'bytes=0-1' });
    expect(store.requests[0]?.headers.authorization).toBeUndefined();
    expect(store.requests[0]?.headers['x-meta']).toBeUndefined();
    expect(store.requests[0]?.headers.referer).toBeUndefined();
    expect(server.requests.at(-1)?.headers.authorization).toBeUndefined();
    expect(server.requests[0]?.headers['x-meta']).toBe('private');
  });

  it('resolves relative places and keeps credentials at the own origin', async () => {
    await using server = await scriptedServer(({ url, headers }) => {
      if (headers.authorization === undefined) return unauthorized('Basic realm="r"');
      return url.pathname === '/v2/app/x' ? { status: 302, headers: { location: '../y' } } : ok;
    });
    await get(server, { keychain: async () => me });
    expect(server.log.at(-1)).toBe('GET /v2/y');
  });

  it('follows at most ten', async () => {
    await using server = await scriptedServer(() => ({ status: 302, headers: { location: '/v2/app/x' } }));
    await expect(get(server)).rejects.toMatchObject({
      code: 'RESPONSE',
      message: expect.stringContaining('more than 10') as string,
    });
    expect(server.log).toHaveLength(11);
  });

  it.each([
    'http://cdn.example/blob',
    'https://127.0.0.1/blob',
    'https://169.254.169.254/',
    'file:///etc/passwd',
    'https://[',
  ])('refuses to be led from a public registry to %s', async (location) => {
    const { transport, sent } = faked(() => answer(307, { location }));
    await expect(transport.perform(remoteRequest())).rejects.toMatchObject({ code: 'RESPONSE' });
    expect(sent).toHaveLength(1);
  });

  it('turns into GET after 303', async () => {
    await using server = await scriptedServer(({ url }) =>
      url.pathname === '/z' ? ok : { status: 303, headers: { location: '/z' } },
    );
    await get(server, {}, { method: 'POST', body: Buffer.from('x') });
    expect(server.log).toEqual(['POST /v2/app/x', 'GET /z']);
  });

  it('asks the registry again when a signed URL has expired', async () => {
    await using store = await scriptedServer((_, count) => (count === 1 ? { status: 403 } : ok));
    await using server = await scriptedServer(() => ({ status: 307, headers: { location: `${store.origin}/blob` } }));
    await get(server);
    expect(server.log).toHaveLength(2);
  });
});

describe('Transport, token servers that lead elsewhere', () => {
  it('get no identity token to another origin, neither by POST nor by the GET after it', async () => {
    await using thief = await scriptedServer(() => ({ status: 200, body: '{"token":"T"}' }));
    for (const status of [302, 307, 308]) {
      await using server = await scriptedServer(({ url }) =>
        url.pathname === '/token'
          ? { status, headers: { location: `${thief.origin}/token` } }
          : unauthorized('Bearer realm="/token"'),
      );
      const identity = { source: 'file', username: '<token>', identityToken: 'R1' };
      expect(await failureOf(get(server, { keychain: async () => identity }))).toMatchObject({ code: 'RESPONSE' });
    }
    expect(thief.log).toEqual([]);
  });

  it('give no token that a header cannot hold', async () => {
    await using server = await tokenServer({ token: { token: '\u65e5\u672c' } });
    expect(await failureOf(get(server))).toMatchObject({ code: 'RESPONSE' });
  });
});

describe('Transport, documents', () => {
  it('are unpacked where a proxy has compressed them unasked, and may not be larger for that', async () => {
    const document = Buffer.alloc(100_000, '[]');
    await using server = await scriptedServer(({ url }) => ({
      status: 200,
      headers: { 'content-encoding': 'gzip' },
      body: url.pathname.endsWith('x') ? gzipSync(document) : document,
    }));
    const transport = make();
    for (const target of ['/v2/app/x', '/v2/app/plain']) {
      const { bytes } = await transport.read({ ...request(server), target }, document.length);
      expect(document.equals(bytes)).toBe(true);
    }
    const small = transport.read(request(server), document.length - 1);
    expect(await failureOf(small)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('Transport, retries', () => {
  it('are not multiplied by tasks within tasks', async () => {
    await using server = await scriptedServer(() => ({ status: 503 }));
    const transport = make();
    const inner = async (): Promise<unknown> => transport.perform(request(server));
    expect(await failureOf(transport.retrying(inner, undefined))).toMatchObject({ status: 503 });
    expect(server.log).toHaveLength(5);
  });

  it('of a token are not multiplied by those of the request that wants it', async () => {
    await using server = await scriptedServer(({ url }) =>
      url.pathname === '/token' ? { status: 503 } : unauthorized('Bearer realm="/token"'),
    );
    expect(await failureOf(get(server))).toMatchObject({ status: 503 });
    expect(tokenRequests(server)).toHaveLength(5);
  });

  it.each([408, 429, 499, 500, 502, 503, 504, 520, 522, 524])('tries again after %i', async (status) => {
    await using server = await scriptedServer((_, count) => (count < 3 ? { status } : ok));
    await get(server);
    expect(server.log).toHaveLength(3);
  });

  it.each([400, 403, 404, 501, 505])('does not try again after %i', async (status) => {
    await using server = await scriptedServer(() => ({ status }));
    await failureOf(get(server));
    expect(server.log).toHaveLength(1);
  });

  it('gives up after four more tries and does not announce a fifth', async () => {
    await using server = await scriptedServer(() => ({ status: 503 }));
    const events: TransportEvent[] = [];
    await expect(get(server, { onEvent: (event) => events.push(event) })).rejects.toMatchObject({ status: 503 });
    expect(server.log).toHaveLength(5);
    expect(events.filter(({ type }) => type === 'retry')).toHaveLength(4);
  });

  it('waits as long as the server asks, longer and longer where it does not', async () => {
    const waits: number[] = [];
    await using server = await scriptedServer((_, count) => ({
      status: 429,
      headers: count === 1 ? { 'retry-after': '7' } : {},
    }));
    await failureOf(get(server, { random: () => 1, sleep: async (milliseconds) => void waits.push(milliseconds) }));
    // The first is what is left of a pause that the host's gate keeps.
    expect(waits.map((wait) => Math.round(wait / 100) * 100)).toEqual([7000, 500, 1000, 2000, 4000]);
  });

  it('fails at once when the server asks for more than is bearable', async () => {
    await using server = await scriptedServer(() => ({ status: 429, headers: { 'retry-after': '21600' } }));
    await expect(get(server)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfter: 21_600_000,
      hint: expect.stringContaining('6 hours') as string,
    });
    expect(server.log).toHaveLength(1);
  });

  it('takes a disguised rate limit for one', async () => {
    await using server = await scriptedServer(() => ({
      status: 403,
      body: 'You have exceeded a secondary rate limit',
    }));
    await expect(get(server)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('tries again when the connection breaks before and in the answer', async () => {
    await using server = await scriptedServer((_, count) => {
      if (count === 1) return (response) => void response.destroy();
      if (count > 2) return ok;
      return (response) => {
        response
          .writeHead(200, { 'content-length': '100' })
          .write('half', () => setTimeout(() => response.destroy(), 5));
      };
    });
    const { bytes } = await make().read(request(server), 1000);
    expect(Buffer.from(bytes).toString()).toBe('ok');
  });

  it('fails at once, in clear words, where nothing listens and where a name is unknown', async () => {
    const free = await freePort();
    const nobody = { ...remoteRequest(), registry: parseRegistry(`127.0.0.1:${free}`) };
    await expect(make().perform(nobody)).rejects.toMatchObject({
      code: 'NETWORK',
      message: `Nothing listens at 127.0.0.1:${free}: connection refused`,
    });
    const unknown = { ...remoteRequest(), registry: parseRegistry('does-not-exist.invalid') };
    await expect(make().perform(unknown)).rejects.toMatchObject({
      code: 'NETWORK',
      message: 'The name of does-not-exist.invalid cannot be resolved',
    });
  });

  it('ends a pause when it is cancelled', async () => {
    await using server = await scriptedServer(() => ({ status: 503, headers: { 'retry-after': '50' } }));
    const controller = new AbortController();
    const transport = new Transport({
      userAgent: 'test',
      onEvent: ({ type }) => type === 'retry' && controller.abort(new Error('enough')),
    });
    await expect(transport.perform({ ...request(server), signal: controller.signal })).rejects.toThrow('enough');
  });

  it('gives up a server that does not answer', async () => {
    await using server = await scriptedServer(() => () => {});
    await expect(get(server, { timeouts: { response: 30 } })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('Transport, schemes', () => {
  it('finds a TLS registry on this machine, and remembers it', async () => {
    await using server = await scriptedServer(() => ok, { tls: certificate() });
    const transport = make({ exchange: nodeHttp({ ca: certificate().cert }) });
    await transport.perform(request(server));
    await transport.perform(request(server));
    expect(server.log).toHaveLength(2);
    expect(transport.originOf(server.registry).protocol).toBe('https:');
  });

  it('says that a certificate is not trusted, and takes it when told to', async () => {
    await using server = await scriptedServer(() => ok, { tls: certificate() });
    await expect(get(server)).rejects.toMatchObject({ code: 'NETWORK' });
    await get(server, { insecure: true });
  });

  it('reads the refusal a TLS server sends to plain http', async () => {
    const { transport, sent } = faked(({ url }) =>
      url.protocol === 'http:' ? answer(400, {}, 'Client sent an HTTP request to an HTTPS server.') : answer(200),
    );
    await transport.perform({ ...remoteRequest(), registry: parseRegistry('localhost:5000') });
    expect(sent.map(({ url }) => url.protocol)).toEqual(['http:', 'https:']);
  });

  it('goes over to TLS where plain http only leads there, and then sends credentials', async () => {
    const { transport, sent } = faked(
      ({ url, headers }) => {
        if (url.protocol === 'http:') return answer(308, { location: `https://localhost${url.pathname}` });
        if (headers['authorization'] !== undefined) return answer(200);
        return answer(401, { 'www-authenticate': 'Basic realm="r"' });
      },
      { keychain: async () => me },
    );
    await transport.perform({ ...remoteRequest(), registry: parseRegistry('localhost') });
    expect(sent.at(-1)?.url.href).toBe('https://localhost/v2/app/x');
  });

  it('never tries plain http with a public registry', async () => {
    const { transport, sent } = faked(() => answer(200), {}, 'http-only');
    await expect(transport.perform(remoteRequest())).rejects.toMatchObject({ code: 'NETWORK' });
    expect(sent.every(({ url }) => url.protocol === 'https:')).toBe(true);
  });

  it('falls back to plain http with --insecure', async () => {
    const { transport, sent } = faked(() => answer(200), { insecure: true }, 'http-only');
    await transport.perform(remoteRequest());
    expect(sent.map(({ url }) => url.protocol)).toEqual(['https:', 'http:']);
  });
});

describe('Transport, messages', () => {
  it('tells warnings of a registry once', async () => {
    await using server = await scriptedServer(() => ({ status: 200, headers: { warning: '299 - "Renew your plan"' } }));
    const events: TransportEvent[] = [];
    const transport = make({ onEvent: (event) => events.push(event) });
    await transport.perform(request(server));
    await transport.perform(request(server));
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      { type: 'warning', message: `${server.registry}: Renew your plan` },
    ]);
  });

  it('traces requests without secrets', async () => {
    await using server = await scriptedServer(({ headers }) =>
      headers.authorization === undefined ? unauthorized('Basic realm="r"') : ok,
    );
    const events: TransportEvent[] = [];
    const options = {
      keychain: async () => me,
      headers: { 'X-Key': 'hidden' },
      onEvent: (event: TransportEvent) => void events.push(event),
    };
    await get(server, options, { target: '/v2/app/x?sig=hidden&digest=shown' });
    const text = JSON.stringify(events);
    expect(text).toContain('digest=shown');
    expect(text).not.toContain('hidden');
    expect(text).not.toContain(Buffer.from('me:secret').toString('base64'));
  });

  it('bounds what it repeats of an answer', async () => {
    await using server = await scriptedServer(() => ({ status: 400, body: 'x'.repeat(1_000_000) }));
    const failure = await failureOf(get(server));
    expect((failure as Error).message.length).toBeLessThan(500);
  });
});

type Script = (request: ExchangeRequest) => ReturnType<Exchange>;

function make(options: Partial<TransportOptions> = {}): Transport {
  return new Transport({ userAgent: 'crane-oci/test', sleep: async () => {}, ...options });
}

function request(server: ScriptedServer): RegistryRequest {
  return { ...remoteRequest(), registry: server.registry };
}

function remoteRequest(): RegistryRequest {
  return {
    registry: parseRegistry('registry.example'),
    method: 'GET',
    target: '/v2/app/x',
    repository: 'app',
    scopes: ['repository:app:pull'],
    purpose: 'try',
    expect: [200],
  };
}

async function get(
  server: ScriptedServer,
  options: Partial<TransportOptions> = {},
  more: Partial<RegistryRequest> = {},
): Promise<void> {
  await make(options).perform({ ...request(server), ...more });
}

/** Hosts that cannot exist on a test machine are played by the exchange itself. */
function faked(
  script: Script,
  options: Partial<TransportOptions> = {},
  mode: 'any' | 'http-only' = 'any',
): { readonly transport: Transport; readonly sent: readonly ExchangeRequest[] } {
  const sent: ExchangeRequest[] = [];
  const real = nodeHttp();
  const exchange: Exchange = async (sentRequest) => {
    sent.push(sentRequest);
    if (mode === 'http-only' && sentRequest.url.protocol === 'https:') {
      await using plain = await notTls();
      return await real({ ...sentRequest, url: new URL(`https://127.0.0.1:${plain.port}/`) });
    }
    return script(sentRequest);
  };
  return { transport: make({ exchange, ...options }), sent };
}

async function answer(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): ReturnType<Exchange> {
  return {
    status,
    headers: {
      get: (name) => headers[name],
      getAll: (name) => (headers[name] === undefined ? [] : [headers[name]]),
      entries: () => Object.entries(headers),
    },
    body: {
      async *[Symbol.asyncIterator]() {
        yield Buffer.from(body);
      },
      cancel: async () => {},
    },
  };
}

function unauthorized(challenge: string): ScriptedAnswer {
  return { status: 401, headers: { 'www-authenticate': challenge } };
}

function basic(user: string): string {
  return `Basic ${Buffer.from(user).toString('base64')}`;
}

interface TokenScript {
  readonly token?: object;
  readonly post?: ScriptedAnswer;
  /** An authorization the token server refuses. */
  readonly refuse?: string;
}

async function tokenServer({ token = { token: 'T' }, post, refuse }: TokenScript = {}): Promise<ScriptedServer> {
  return scriptedServer(({ url, method, headers }) => {
    if (url.pathname === '/token') {
      if (refuse !== undefined && headers.authorization === refuse) return { status: 401 };
      return method === 'POST' && post !== undefined ? post : { status: 200, body: JSON.stringify(token) };
    }
    return headers.authorization === 'Bearer T' ? ok : unauthorized('Bearer realm="/token",service="s"');
  });
}

function tokenRequests(server: ScriptedServer): ScriptedServer['requests'] {
  return server.requests.filter(({ url }) => url.pathname === '/token');
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail');
}

async function freePort(): Promise<number> {
  await using server = await notTls();
  return server.port;
}

async function notTls(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createTcpServer(
    (socket) =>
      void socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

let made: { readonly key: string; readonly cert: string } | undefined;

function certificate(): { readonly key: string; readonly cert: string } {
  if (made !== undefined) return made;
  const directory = mkdtempSync(join(tmpdir(), 'crane-oci-tls-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  made = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  return made;
}
