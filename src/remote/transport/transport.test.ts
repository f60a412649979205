import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scriptedServer } from '../../../test/support/scripted-server.ts';
import {
  answer,
  failureOf,
  faked,
  get,
  make,
  me,
  notTls,
  ok,
  remoteRequest,
  request,
  tokenRequests,
  unauthorized,
} from '../../../test/support/transport-requests.ts';
import { parseRegistry } from '../../oci/reference.ts';
import type { TransportEvent } from './events.ts';
import { HostLimits } from './host-limits.ts';
import { nodeHttp } from './node-http.ts';
import { Transport } from './transport.ts';

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

  it('shows client certificates and configured headers to the registry only, whatever it leads to or names', async () => {
    const options = { headers: { 'x-meta': 'private' } };
    const { transport, sent } = faked(async ({ url }) => {
      if (url.host === 'registry.example' && url.pathname === '/v2/app/x')
        return answer(307, { location: 'https://cdn.example/blob' });
      return url.host === 'cdn.example' ? answer(307, { location: 'https://registry.example/y' }) : answer(200);
    }, options);
    await transport.perform(remoteRequest());
    await transport.perform({ ...remoteRequest(), target: new URL('https://uploads.example/1'), method: 'PUT' });
    await transport.perform({ ...remoteRequest(), target: new URL('https://registry.example/1'), method: 'PUT' });
    expect(sent.map(({ url, clientCertificate, headers }) => [url.href, clientCertificate, headers['x-meta']])).toEqual(
      [
        ['https://registry.example/v2/app/x', true, 'private'],
        ['https://cdn.example/blob', false, undefined],
        ['https://registry.example/y', false, undefined],
        ['https://uploads.example/1', false, undefined],
        ['https://registry.example/1', true, 'private'],
      ],
    );
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

  it('of a token are made when its server has answered before, and only now stands still', async () => {
    let asked = 0;
    await using server = await scriptedServer(({ url, headers }) => {
      if (url.pathname === '/token') return ++asked === 2 ? () => {} : { status: 200, body: `{"token":"T${asked}"}` };
      return headers.authorization === `Bearer T${asked}` && asked !== 2 ? ok : unauthorized('Bearer realm="/token"');
    });
    let now = 0;
    const transport = make({ timeouts: { response: 200 }, now: () => now });
    await transport.perform(request(server));
    now = 100_000;
    await transport.perform(request(server));
    expect(asked).toBe(3);
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

  it('adds up the waits a server asks for, and has only so much patience', async () => {
    await using server = await scriptedServer(() => ({ status: 429, headers: { 'retry-after': '40' } }));
    await expect(get(server, { retry: { maxRetryAfter: 100_000 } })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(server.log).toHaveLength(3);
  });

  it('leaves no place at the host taken after a request that broke', async () => {
    await using server = await scriptedServer(({ url }) =>
      url.pathname === '/v2/app/x' ? (response) => void response.destroy() : ok,
    );
    const transport = make({ limits: new HostLimits({ requests: 1 }), retry: { retries: 0 } });
    for (let i = 0; i < 3; i++)
      expect(await failureOf(transport.perform(request(server)))).toMatchObject({ fault: 'reset' });
    await transport.perform({ ...request(server), target: '/v2/app/y', signal: AbortSignal.timeout(5000) });
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

async function freePort(): Promise<number> {
  await using server = await notTls();
  return server.port;
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
  rmSync(directory, { recursive: true });
  return made;
}
