import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collect, streamOf } from '../../content/bytes.ts';
import { OciError } from '../../errors.ts';
import { testCertificates } from '../../../test/support/certificates.ts';
import { proxyServer } from '../../../test/support/proxy-server.ts';
import { scriptedServer } from '../../../test/support/scripted-server.ts';
import { defaultTimeouts, type Exchange, type ExchangeRequest, type StreamBody } from './exchange.ts';
import { type NodeHttpOptions, nodeHttp } from './node-http.ts';

function open(options: NodeHttpOptions): Exchange {
  const exchange = nodeHttp(options);
  onTestFinished(() => exchange.close?.());
  return exchange;
}

function requestTo(url: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  const timeouts = { ...defaultTimeouts, connect: 2000, response: 2000, idle: 2000 };
  return { method: 'GET', url: new URL(url), headers: {}, insecure: false, timeouts, ...more };
}

async function bodyOf(exchange: Exchange, url: string, more: Partial<ExchangeRequest> = {}): Promise<string> {
  const { body } = await exchange(requestTo(url, more));
  return Buffer.from(await collect(body, 32 * 1024 * 1024, 'The answer')).toString();
}

it('closes quietly after certificates could not be read', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const exchange = nodeHttp({ ca: () => Promise.reject(new OciError('INVALID_SETTINGS', 'no such file')) });
  await expect(exchange(requestTo('https://127.0.0.1:1/'))).rejects.toMatchObject({ code: 'INVALID_SETTINGS' });
  exchange.close?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

describe('certificates', () => {
  it('of a host are trusted for it beside those of the exchange', async () => {
    const tls = testCertificates();
    await using server = await scriptedServer(() => ({ status: 200, body: 'ok' }), { tls });
    const exchange = open({});
    await expect(bodyOf(exchange, server.origin)).rejects.toMatchObject({ fault: 'certificate' });
    expect(await bodyOf(exchange, server.origin, { tls: { ca: [tls.ca] } })).toBe('ok');
    expect(await bodyOf(exchange, server.origin, { tls: async () => ({ ca: [tls.ca] }) })).toBe('ok');
    await expect(bodyOf(exchange, server.origin)).rejects.toMatchObject({ fault: 'certificate' });
    expect(await bodyOf(open({ ca: tls.ca }), server.origin, { tls: async () => undefined })).toBe('ok');
  });

  it('of the system are read only when a server has one that is not trusted without them, and once', async () => {
    const tls = testCertificates();
    await using plain = await scriptedServer(() => ({ status: 200, body: 'plain' }));
    await using server = await scriptedServer(() => ({ status: 200, body: 'ok' }), { tls });
    let reads = 0;
    const exchange = open({
      moreCa: async () => {
        reads++;
        return [tls.ca];
      },
    });
    expect(await bodyOf(exchange, plain.origin)).toBe('plain');
    expect(reads).toBe(0);
    expect(await Promise.all(Array.from({ length: 5 }, () => bodyOf(exchange, server.origin)))).toEqual(
      Array.from({ length: 5 }, () => 'ok'),
    );
    expect(await bodyOf(exchange, server.origin)).toBe('ok');
    expect(reads).toBe(1);
  });

  it('that the system has not either are refused with the first reason', async () => {
    await using server = await scriptedServer(() => ({ status: 200 }), { tls: testCertificates() });
    const exchange = open({ moreCa: async () => [] });
    await expect(bodyOf(exchange, server.origin)).rejects.toMatchObject({ code: 'NETWORK', fault: 'certificate' });
  });

  it('do not cost a body that can be sent only once', async () => {
    const tls = testCertificates();
    await using server = await scriptedServer(({ body }) => ({ status: 200, body }), { tls });
    const exchange = open({ moreCa: async () => [tls.ca] });
    const body = onceOnly('12345');
    expect(await bodyOf(exchange, server.origin, { method: 'PUT', body })).toBe('12345');
  });

  it('of the client are shown where that is wanted, and by connections that serve nobody else', async () => {
    const { ca, key, cert, client } = testCertificates();
    const shown: string[] = [];
    const server = createServer(
      { key, cert, ca, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const peer = (request.socket as TLSSocket).getPeerCertificate();
        shown.push(String(peer.subject?.CN ?? 'nobody'));
        response.end('ok');
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => server.close().closeAllConnections());
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const tls = { cert: readFileSync(client.certFile, 'utf8'), key: readFileSync(client.keyFile, 'utf8') };
    const exchange = open({ ca });
    await bodyOf(exchange, origin, { tls });
    await bodyOf(exchange, origin);
    await bodyOf(exchange, origin, { tls, clientCertificate: false });
    await bodyOf(exchange, origin, { tls });
    expect(shown).toEqual(['client', 'nobody', 'nobody', 'client']);
  });
});

describe('a proxy', () => {
  it('passes plain http on, and each connection serves many requests', async () => {
    await using server = await scriptedServer(({ method, body }) => ({
      status: 200,
      body: `${method} ${body.toString()}`,
    }));
    await using proxy = await proxyServer();
    const exchange = open({ proxy: () => new URL(proxy.url) });
    expect(await bodyOf(exchange, `${server.origin}/v2/?n=1`)).toBe('GET ');
    expect(await bodyOf(exchange, `${server.origin}/v2/`, { method: 'PUT', body: Buffer.from('abc') })).toBe('PUT abc');
    const stream = onceOnly('x', 'yz');
    expect(await bodyOf(exchange, `${server.origin}/v2/`, { method: 'PATCH', body: stream })).toBe('PATCH xyz');
    expect(proxy.log).toEqual(
      ['GET', 'PUT', 'PATCH'].map((method, i) => `${method} ${server.origin}/v2/${i ? '' : '?n=1'}`),
    );
    expect(server.requests[0]?.headers.host).toBe(server.registry);
  });

  it('opens a tunnel for https in which the certificate is that of the registry', async () => {
    const tls = testCertificates();
    await using server = await scriptedServer(({ body }) => ({ status: 200, body: `ok ${body.toString()}` }), { tls });
    const port = new URL(server.origin).port;
    const names = { 'registry.test:443': `127.0.0.1:${port}`, 'other.test:443': `127.0.0.1:${port}` };
    await using proxy = await proxyServer({ names });
    const exchange = open({ ca: tls.ca, proxy: () => new URL(proxy.url) });
    expect(await bodyOf(exchange, 'https://registry.test/')).toBe('ok ');
    expect(await bodyOf(exchange, 'https://registry.test/', { method: 'PUT', body: Buffer.from('abc') })).toBe(
      'ok abc',
    );
    expect(await bodyOf(exchange, server.origin)).toBe('ok ');
    expect(proxy.log).toEqual(['CONNECT registry.test:443', `CONNECT 127.0.0.1:${port}`]);
    await expect(bodyOf(exchange, 'https://other.test/')).rejects.toMatchObject({ fault: 'certificate' });
    expect(await bodyOf(exchange, 'https://other.test/', { insecure: true })).toBe('ok ');
  });

  it('that pretends to be an address with the certificate of its own name is found out', async () => {
    const tls = testCertificates();
    await using server = await scriptedServer(() => ({ status: 200 }), { tls });
    const names = { '10.1.2.3:443': `127.0.0.1:${new URL(server.origin).port}` };
    await using proxy = await proxyServer({ names });
    const exchange = open({ ca: tls.ca, proxy: () => new URL(proxy.url.replace('127.0.0.1', 'localhost')) });
    await expect(bodyOf(exchange, 'https://10.1.2.3/')).rejects.toMatchObject({ fault: 'certificate' });
  });

  it('is shown a login which nobody else sees', async () => {
    const tls = testCertificates();
    await using secure = await scriptedServer(() => ({ status: 200, body: 'ok' }), { tls });
    await using plain = await scriptedServer(() => ({ status: 200, body: 'ok' }));
    await using proxy = await proxyServer({ login: 'user:p@ss:w%rd' });
    const url = new URL(proxy.url);
    url.username = 'user';
    url.password = encodeURIComponent('p@ss:w%rd');
    const exchange = open({ ca: tls.ca, proxy: () => url });
    for (const server of [secure, plain, plain]) {
      expect(await bodyOf(exchange, server.origin)).toBe('ok');
      expect(JSON.stringify(server.requests.at(-1)?.headers)).not.toMatch(/proxy-auth/i);
    }
  });

  it('that wants a login is named, and what it answered is not taken for the registry’s answer', async () => {
    await using secure = await scriptedServer(() => ({ status: 200 }), { tls: testCertificates() });
    await using plain = await scriptedServer(() => ({ status: 200 }));
    await using proxy = await proxyServer({ login: 'user:hunter2' });
    const url = new URL(proxy.url.replace('//', '//user:hunter3@'));
    const exchange = open({ proxy: () => url });
    for (const { origin, registry } of [secure, plain]) {
      const failure: unknown = await bodyOf(exchange, origin).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'NETWORK',
        fault: 'proxy',
        message: `The proxy ${url.host} answered 407 Proxy Authentication Required to the request to reach ${registry}`,
        hint: expect.stringContaining('user:password') as string,
      });
      expect(JSON.stringify(failure)).not.toContain('hunter');
    }
  });

  it.each([
    [403, 'proxy', 'answered 403 Forbidden to the request to reach registry.test'],
    [503, 'unreachable', 'registry.test cannot be reached: the proxy'],
  ])('that answers %i to a tunnel fails the request as %s', async (refuse, fault, words) => {
    await using proxy = await proxyServer({ refuse });
    const exchange = open({ proxy: () => new URL(proxy.url) });
    const failure: unknown = await bodyOf(exchange, 'https://registry.test/').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'NETWORK', fault, message: expect.stringContaining(words) as string });
  });

  it.each(['http', 'socks5'])('of the kind %s that nothing listens for is named', async (kind) => {
    const exchange = open({ proxy: () => new URL(`${kind}://user:hunter2@127.0.0.1:1`) });
    for (const url of ['https://registry.test/', 'http://registry.test/']) {
      const failure = await bodyOf(exchange, url).catch((error: unknown) => error as Error);
      expect(failure).toMatchObject({ code: 'NETWORK', fault: 'proxy' });
      expect(String(failure)).toMatch(/The proxy 127\.0\.0\.1:1 cannot be used: .*refused/i);
      expect(String(failure)).not.toContain('hunter2');
    }
  });

  it('may itself be reached by https, with a certificate of its own', async () => {
    const tls = testCertificates();
    await using server = await scriptedServer(() => ({ status: 200, body: 'ok' }), { tls });
    await using proxy = await proxyServer({ tls });
    expect(await bodyOf(open({ ca: tls.ca, proxy: () => new URL(proxy.url) }), server.origin)).toBe('ok');
    expect(await bodyOf(open({ moreCa: async () => [tls.ca], proxy: () => new URL(proxy.url) }), server.origin)).toBe(
      'ok',
    );
    await expect(bodyOf(open({ proxy: () => new URL(proxy.url) }), server.origin)).rejects.toMatchObject({
      fault: 'proxy',
    });
  });

  it('may speak SOCKS 5, and resolves names itself; the certificate is that of the registry', async () => {
    const tls = testCertificates();
    await using secure = await scriptedServer(() => ({ status: 200, body: 'ok' }), { tls });
    const asked: string[] = [];
    const proxy = await socksServer(Number(new URL(secure.origin).port), asked);
    const options = { proxy: () => new URL(`socks5://127.0.0.1:${proxy}`) };
    expect(await bodyOf(open({ ...options, ca: tls.ca }), 'https://registry.test/')).toBe('ok');
    expect(await bodyOf(open({ ...options, moreCa: async () => [tls.ca] }), 'https://registry.test/')).toBe('ok');
    await expect(bodyOf(open(options), 'https://registry.test/')).rejects.toMatchObject({
      fault: 'certificate',
      message: expect.stringContaining('The TLS certificate of registry.test') as string,
    });
    expect(new Set(asked)).toEqual(new Set(['registry.test:443']));
  });

  it('hands large bodies on whole', async () => {
    const tls = testCertificates();
    const large = Buffer.alloc(17 * 1024 * 1024, 'abcdefgh');
    await using secure = await scriptedServer(() => ({ status: 200, body: large }), { tls });
    await using plain = await scriptedServer(() => ({ status: 200, body: large }));
    await using proxy = await proxyServer();
    const exchange = open({ ca: tls.ca, proxy: () => new URL(proxy.url) });
    for (const { origin } of [secure, plain]) {
      const { body } = await exchange(requestTo(origin));
      expect(large.equals(await collect(body, large.byteLength, 'The answer'))).toBe(true);
    }
  });

  it.each(['http', 'https', 'socks5'])('of the kind %s that is slow is what took too long', async (kind) => {
    const server = await silentServer();
    const exchange = open({ proxy: () => new URL(`${kind}://127.0.0.1:${server}`) });
    const timeouts = { ...defaultTimeouts, connect: 50 };
    await expect(bodyOf(exchange, 'https://registry.test/', { timeouts })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining(`The proxy 127.0.0.1:${server} took too long`) as string,
    });
  });

  it.each(['http', 'https'])('of the kind %s is let go when the request is aborted', async (kind) => {
    const left: unknown[] = [];
    const server = await silentServer((socket) => socket.once('close', () => left.push(socket)).resume());
    const exchange = open({ proxy: () => new URL(`${kind}://127.0.0.1:${server}`) });
    const controller = new AbortController();
    const body = onceOnly('x', 'yz');
    const { signal } = controller;
    const requests = [
      exchange(requestTo('https://registry.test/', { signal })),
      exchange(requestTo('https://registry.test/', { signal, method: 'PUT', body })),
    ];
    setTimeout(() => controller.abort(new Error('enough')), 50);
    for (const request of requests) await expect(request).rejects.toThrow('enough');
    await expect.poll(() => left.length).toBe(2);
  });
});

describe('a server that stops reading', () => {
  it('is given up wherever that was, also when only the last bytes are left', async () => {
    const port = await silentServer((socket) => void socket.pause().on('error', () => {}));
    const exchange = open({});
    const timeouts = { ...defaultTimeouts, connect: 30_000, response: 300, idle: 300 };
    const url = `http://127.0.0.1:${port}/`;
    const take = async (size: number): Promise<number> => {
      const body = counted(size);
      const request = requestTo(url, { method: 'PUT', timeouts, body });
      await expect(exchange(request)).rejects.toMatchObject({ code: 'TIMEOUT' });
      return body.taken;
    };
    const room = await take(1024 ** 3);
    await Promise.all(Array.from({ length: 16 }, async (_, i) => take(room - 40_000 + 3001 * i)));
  }, 20_000);
});

/** A body of zeros that counts what was taken of it. */
function counted(size: number): StreamBody & { readonly taken: number } {
  let taken = 0;
  const chunk = Buffer.alloc(16 * 1024);
  return {
    size,
    replayable: false,
    get taken() {
      return taken;
    },
    async *open() {
      while (taken < size) {
        const length = Math.min(chunk.length, size - taken);
        taken += length;
        yield chunk.subarray(0, length);
      }
    },
  };
}

function onceOnly(...parts: readonly string[]): StreamBody {
  const chunks = parts.map((part) => Buffer.from(part));
  return { size: Buffer.concat(chunks).byteLength, replayable: false, open: () => streamOf(chunks) };
}

/** Takes connections and says nothing. */
async function silentServer(greet: (socket: Socket) => void = () => {}): Promise<number> {
  const server = createTcpServer(greet);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A proxy that speaks just enough SOCKS 5 (RFC 1928) for names, and leads all of them to one port. */
async function socksServer(target: number, asked: string[]): Promise<number> {
  const server = createTcpServer((near) => {
    near.on('error', () => {});
    near.once('data', () => {
      near.write(Buffer.from([5, 0]));
      near.once('data', (request) => {
        const length = request[4] ?? 0;
        asked.push(`${request.subarray(5, 5 + length).toString()}:${request.readUInt16BE(5 + length)}`);
        const far = connect(target, '127.0.0.1', () => {
          near.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          near.pipe(far).pipe(near);
        });
        far.on('error', () => near.destroy());
        near.on('close', () => far.destroy());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
