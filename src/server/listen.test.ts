import { once } from 'node:events';
import { Agent, type IncomingMessage, request, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { blobOf, imageOf, noise } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { streamOf } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { MemoryStore } from '../store/memory.ts';
import { storageOf } from './any-storage.ts';
import { diskStorage } from './disk/disk-storage.ts';
import { type ListeningRegistry, listen, type ListenOptions, type RequestRecord } from './listen.ts';
import { memoryStorage } from './memory-storage.ts';

const running: ListeningRegistry[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((registry) => registry.close()));
});

describe('listen', () => {
  it('says where it listens', async () => {
    const registry = await start();
    expect(registry.address).toBe('127.0.0.1');
    expect(registry.url).toBe(`http://127.0.0.1:${registry.port}`);
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  });

  it('rejects when the port is taken', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('sends the lengths that its answers have, on one connection', async () => {
    const registry = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const blob = blobOf(noise(3_000_000));
    const started = await send(registry, 'POST', '/v2/a/blobs/uploads/', { agent });
    const wrong = { 'content-range': '5-9', 'content-length': '5' };
    const refused = await send(registry, 'PATCH', locationOf(started), { agent, headers: wrong }, noise(5));
    expect([refused.status, refused.headers['content-length']]).toEqual([416, String(refused.body.byteLength)]);
    const path = `${locationOf(started)}?digest=${blob.target.digest}`;
    const done = await send(registry, 'PUT', path, { agent }, blob.bytes);
    expect([done.status, done.body.byteLength]).toEqual([201, 0]);
    const found = await send(registry, 'GET', locationOf(done), { agent });
    expect(Buffer.compare(found.body, blob.bytes)).toBe(0);
    const head = await send(registry, 'HEAD', locationOf(done), { agent });
    expect([head.headers['content-length'], head.body.byteLength]).toEqual(['3000000', 0]);
    const status = await send(registry, 'GET', `/v2/a/manifests/x?y=z`, { agent });
    expect([status.status, status.headers['content-length']]).toEqual([404, String(status.body.byteLength)]);
    agent.destroy();
  });

  it('takes a client that leaves in the middle of a manifest for no failure of its own', async () => {
    const failures: unknown[] = [];
    const answered = new Promise<void>((resolve) => {
      void start({ onError: (error) => failures.push(error), onRequest: () => resolve() }).then(({ port }) => {
        const socket = connect(port, '127.0.0.1');
        socket.write('PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"schema');
        setTimeout(() => socket.destroy(), 50);
      });
    });
    await answered;
    expect(failures).toEqual([]);
  });

  it('cuts a connection whose body turns out shorter than announced, so that nobody waits for the rest', async () => {
    const store = new MemoryStore();
    const { target, bytes } = blobOf(noise(5000));
    await store.push(target, bytes);
    store.fetch = async () => streamOf(noise(100));
    const registry = await start({ storage: storageOf(() => store) });
    await expect(send(registry, 'GET', `/v2/a/blobs/${target.digest}`)).rejects.toThrow();
    expect((await send(registry, 'HEAD', `/v2/a/blobs/${target.digest}`)).headers['content-length']).toBe('5000');
  });

  it('takes uploads of unknown length and serves ranges of them', async () => {
    const registry = await start({ storage: await diskStorage(await testDirectory()) });
    const blob = blobOf(noise(2_000_000, 9));
    const started = await send(registry, 'POST', '/v2/a/blobs/uploads/');
    const chunked = { headers: { 'transfer-encoding': 'chunked' } };
    expect((await send(registry, 'PATCH', locationOf(started), chunked, blob.bytes)).status).toBe(202);
    const done = await send(registry, 'PUT', `${locationOf(started)}?digest=${blob.target.digest}`);
    expect(done.status).toBe(201);
    const part = await send(registry, 'GET', locationOf(done), { headers: { range: 'bytes=-1000' } });
    expect(Buffer.compare(part.body, blob.bytes.subarray(-1000))).toBe(0);
  });

  it('answers a manifest that is too large although its body is not read', async () => {
    const registry = await start({ maxManifestSize: 1000 });
    const refused = await send(registry, 'PUT', '/v2/a/manifests/x', {}, noise(5_000_000));
    expect(refused.status).toBe(413);
    const chunked = { headers: { 'transfer-encoding': 'chunked' } };
    expect((await send(registry, 'PUT', '/v2/a/manifests/x', chunked, noise(5_000_000))).status).toBe(413);
  });

  it('asks for a body with 100 Continue only when it will read it', async () => {
    const registry = await start();
    const ask = async (method: string, path: string): Promise<readonly [continued: boolean, status: number]> => {
      const asking = request(registry.url + path, { method, headers: { expect: '100-continue', 'content-length': 5 } });
      asking.on('error', () => {});
      let continued = false;
      asking.on('continue', () => {
        continued = true;
        asking.end(new TextEncoder().encode('hello'));
      });
      asking.flushHeaders();
      const [response] = (await once(asking, 'response')) as [IncomingMessage];
      response.resume();
      expect(response.headers.connection).toBe(continued ? 'keep-alive' : 'close');
      asking.destroy();
      return [continued, response.statusCode ?? 0];
    };
    const digest = digestOf(new TextEncoder().encode('hello'));
    expect(await ask('POST', `/v2/a/blobs/uploads/?digest=${digest}`)).toEqual([true, 201]);
    expect(await ask('PUT', '/v2/a/blobs/uploads/unknown?digest=x')).toEqual([false, 404]);
  });

  it('keeps an upload whose client dies, and the client can resume', async () => {
    const registry = await start({ storage: await diskStorage(await testDirectory()) });
    const blob = blobOf(noise(1_000_000, 4));
    const location = locationOf(await send(registry, 'POST', '/v2/a/blobs/uploads/'));
    const dying = request(registry.url + location, {
      method: 'PATCH',
      headers: { 'content-length': blob.bytes.byteLength, 'content-range': `0-${blob.bytes.byteLength - 1}` },
    });
    dying.on('error', () => {});
    dying.write(blob.bytes.subarray(0, 600_000));
    await sleep(50);
    dying.destroy();
    const stands = await eventually(async () => {
      const range = (await send(registry, 'GET', location)).headers['range'] ?? '';
      return range === '0-0' ? undefined : range;
    });
    const received = Number(stands.slice(2)) + 1;
    const headers = { 'content-range': `${received}-999999` };
    expect((await send(registry, 'PATCH', location, { headers }, blob.bytes.subarray(received))).status).toBe(202);
    expect((await send(registry, 'PUT', `${location}?digest=${blob.target.digest}`)).status).toBe(201);
  });

  it('survives clients that leave in the middle of a download or talk nonsense', async () => {
    const registry = await start();
    const blob = blobOf(noise(8_000_000));
    await send(registry, 'POST', `/v2/a/blobs/uploads/?digest=${blob.target.digest}`, {}, blob.bytes);
    for (let i = 0; i < 5; i++) {
      const leaving = request(`${registry.url}/v2/a/blobs/${blob.target.digest}`);
      leaving.on('error', () => {});
      leaving.end();
      const [response] = (await once(leaving, 'response')) as [IncomingMessage];
      await once(response, 'data');
      leaving.destroy();
    }
    const nonsense = connect(registry.port, '127.0.0.1');
    nonsense.end('\u0000\u0001 not http at all\r\n\r\n');
    await once(nonsense.resume(), 'close');
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  });

  it('reports every request with what went wrong', async () => {
    const records: RequestRecord[] = [];
    const registry = await start({ onRequest: (record) => records.push(record) });
    await send(registry, 'GET', '/v2/');
    await send(registry, 'GET', '/v2/a/tags/list?n=1');
    await eventually(async () => (records.length === 2 ? true : undefined));
    expect(records[0]).toMatchObject({ method: 'GET', url: '/v2/', status: 200 });
    expect(records[0]?.error).toBeUndefined();
    expect(records[1]).toMatchObject({ url: '/v2/a/tags/list?n=1', status: 404, error: { code: 'NAME_UNKNOWN' } });
  });

  it('lets a running answer end when it closes, and idle connections not wait', async () => {
    const registry = await start();
    const image = imageOf('closing');
    const agent = new Agent({ keepAlive: true });
    await send(registry, 'GET', '/v2/', { agent });
    const [config] = image.blobs;
    const uploading = request(`${registry.url}/v2/a/blobs/uploads/?digest=${config?.target.digest}`, {
      method: 'POST',
      headers: { 'content-length': config?.bytes.byteLength },
    });
    uploading.write(config?.bytes.subarray(0, 10));
    await sleep(50);
    const closed = registry.close();
    uploading.end(config?.bytes.subarray(10));
    const [response] = (await once(uploading, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(201);
    await closed;
    await expect(fetch(`${registry.url}/v2/`)).rejects.toThrow();
    agent.destroy();
  });

  it('closes when its signal aborts, and does not start with one that is aborted', async () => {
    const controller = new AbortController();
    const registry = await start({ signal: controller.signal });
    controller.abort();
    await registry.close();
    await expect(fetch(`${registry.url}/v2/`)).rejects.toThrow();
    const reason = new Error('changed my mind');
    await expect(start({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

async function start(options: Partial<ListenOptions> = {}): Promise<ListeningRegistry> {
  const registry = await listen({ storage: memoryStorage(), ...options });
  running.push(registry);
  return registry;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

async function send(
  { url }: ListeningRegistry,
  method: string,
  path: string,
  options: RequestOptions = {},
  body?: Uint8Array,
): Promise<Answer> {
  const sending = request(url + path, { ...options, method });
  sending.end(body);
  const [response] = (await once(sending, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

function locationOf({ headers }: Answer): string {
  return headers.location ?? '';
}

async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await sleep(10);
  }
}
