import { createHash } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange, ExchangeResponse } from './exchange.ts';
import { nodeHttp } from './node-http.ts';

// Above the size from which a body is read beside the parser.
const size = 24 * 1024 * 1024;
const content = Buffer.alloc(size);
for (let i = 0; i < size; i += 4) content.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i);

describe('a large body', () => {
  let server: Server;
  let exchange: Exchange;
  let connections = 0;
  let answer: (response: ServerResponse) => void;

  beforeEach(async () => {
    connections = 0;
    exchange = nodeHttp();
    server = createServer((_, response) => answer(response));
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    exchange.close?.();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function get(signal?: AbortSignal, method: 'GET' | 'HEAD' = 'GET'): Promise<ExchangeResponse> {
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const timeouts = { connect: 5000, response: 5000, commit: 5000, idle: 5000 };
    return exchange({ method, url, headers: {}, signal, insecure: false, timeouts });
  }

  it('arrives whole, also when it came with the headers in one piece, and several at once', async () => {
    answer = (response) => response.writeHead(200, { 'content-length': size }).end(content);
    const expected = createHash('sha256').update(content).digest('hex');
    const hashes = await Promise.all(
      [1, 2, 3].map(async () => {
        const hash = createHash('sha256');
        for await (const chunk of (await get()).body) hash.update(chunk);
        return hash.digest('hex');
      }),
    );
    expect(hashes).toEqual([expected, expected, expected]);
    answer = (response) => response.end('small');
    const parts: Uint8Array[] = [];
    for await (const chunk of (await get()).body) parts.push(chunk);
    expect(Buffer.concat(parts).toString()).toBe('small');
  });

  it('is not waited for after HEAD, whatever length that states, and the connection serves on', async () => {
    answer = (response) => response.writeHead(200, { 'content-length': size }).end();
    for (let i = 0; i < 3; i++) {
      for await (const chunk of (await get(undefined, 'HEAD')).body) expect(chunk.byteLength).toBe(0);
    }
    expect(connections).toBe(1);
  });

  it('keeps what follows the body out of it', async () => {
    answer = (response) => {
      response.socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      response.socket?.write(content);
      response.socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    };
    let total = 0;
    for await (const chunk of (await get()).body) total += chunk.byteLength;
    expect(total).toBe(size);
  });

  it('fails when the server closes in the middle', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': size });
      response.write(content.subarray(0, size / 2), () => response.destroy());
    };
    let total = 0;
    const reading = (async () => {
      for await (const chunk of (await get()).body) total += chunk.byteLength;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'NETWORK', fault: 'cut' });
    expect(total).toBeLessThanOrEqual(size / 2);
  });

  it('holds the server up when nobody reads, and can be cancelled then', async () => {
    let sent = 0;
    answer = (response) => {
      response.writeHead(200, { 'content-length': size * 100 });
      const more = (): void => {
        while (sent < size * 100 && response.write(content)) sent += size;
        sent += size;
        response.once('drain', more);
      };
      more();
    };
    const { body } = await get();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(sent).toBeLessThanOrEqual(2 * size);
    await body.cancel();
    const after = body[Symbol.asyncIterator]();
    expect(await after.next()).toEqual({ done: true, value: undefined });
  });

  it("ends with the signal's reason", async () => {
    answer = (response) => void response.writeHead(200, { 'content-length': size }).write(content.subarray(0, 1000));
    const abort = new AbortController();
    const { body } = await get(abort.signal);
    const reading = (async () => {
      for await (const chunk of body) expect(chunk.byteLength).toBeLessThanOrEqual(1000);
    })();
    abort.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(connections).toBe(1);
  });
});

it('an early answer whose connection is lost while the request is still read fails at once, not after the time limit', async () => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 100\r\n\r\nhalf');
      setTimeout(() => socket.destroy(), 20);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const lost = new Promise((resolve) => server.once('connection', (socket) => socket.once('close', resolve)));
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(10);
    await lost;
    await new Promise((resolve) => setTimeout(resolve, 100));
    yield Buffer.alloc(10);
  }
  const exchange = nodeHttp();
  const { body } = await exchange({
    method: 'PUT',
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    headers: {},
    insecure: false,
    timeouts: { connect: 5000, response: 5000, idle: 30_000, commit: 5000 },
    body: { size: 100, replayable: false, open: slow },
  });
  const read = body[Symbol.asyncIterator]().next();
  await expect(read).rejects.toMatchObject({ code: 'NETWORK', fault: 'cut' });
  exchange.close?.();
  server.close();
}, 10_000);
