import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { linkedAbort } from '../../src/async/linked-abort.ts';
import { ByteBudget } from '../../src/async/byte-budget.ts';
import { collect } from '../../src/content/bytes.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parseRepository } from '../../src/oci/reference.ts';
import { adaptiveBody } from '../../src/remote/download/adaptive-body.ts';
import { BlobSource } from '../../src/remote/download/blob-source.ts';
import { Pace } from '../../src/remote/download/pace.ts';
import { RepositoryClient } from '../../src/remote/repository-client.ts';
import { remote } from '../../src/remote/remote-store.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import { blobOf, noise } from '../conformance/samples.ts';
import type { FaultSource } from '../simulated-registry/faults.ts';
import { type SimulatedRegistry, type SimulateOptions, simulateRegistry } from '../simulated-registry/simulate.ts';
import { countOf, expectNoLeak, password, storeOf, users } from './client.ts';

const layer = blobOf(noise(600_000), mediaTypes.ociLayer);
/** Large enough to be read from the socket itself. */
const huge = blobOf(noise(20_000_000), mediaTypes.ociLayer);

it('a blob whose token expires in the middle goes on with a new one (Q-16)', async () => {
  await using registry = await withLayer({ users, anonymous: {}, blobBody: { cutAfter: 150_000 } });
  registry.fault = expiringAtEachRange();
  await expectRead(registry);
  expect(registry.tokenServer.requests.length).toBeGreaterThan(2);
});

it('a blob whose token expires in the middle goes on with a new one where it is redirected (Q-16, Q-20)', async () => {
  const redirectBlobs = { to: 'store', ttl: 'once' } as const;
  await using registry = await withLayer({ users, anonymous: {}, redirectBlobs, blobBody: { cutAfter: 150_000 } });
  registry.fault = expiringAtEachRange();
  await expectRead(registry);
  expectNoLeak(registry, password);
});

it('a blob that breaks off goes on at the registry, whose way to the store is another each time (Q-22)', async () => {
  const redirectBlobs = { to: 'store', ttl: 'once' } as const;
  await using registry = await withLayer({ redirectBlobs, blobBody: { stallAfter: 250_000 } });
  await expectRead(registry, { timeouts: { idle: 50 } });
  expect(countOf(registry, 'GET', '/blobs/')).toBe(3);
});

it('a blob comes whole though its server cuts and is busy in turns (Q-26, Q-81)', async () => {
  await using registry = await withLayer({ blobBody: { cutAfter: 200_000 } });
  let count = 0;
  registry.fault = ({ path }) => (path.includes('/blobs/') && ++count % 2 === 0 ? 503 : undefined);
  await expectRead(registry);
});

it('part of a blob comes whole, too (Q-26, Q-27)', async () => {
  for (const range of ['ok', 'ignore', 'short', 416, 'bad-content-range', 'no-content-range'] as const) {
    await using registry = await withLayer({ blobBody: { cutAfter: 350_000, times: 2, range } });
    const part = await collect(await storeOf(registry).fetchRange(layer.target, 100_000, 500_000), 400_000);
    expect(Buffer.compare(part, layer.bytes.subarray(100_000, 500_000))).toBe(0);
  }
});

it.each(['end', 'reset'] as const)('a large blob goes on after each %s of its connection (Q-26)', async (how) => {
  const requests: string[] = [];
  await using server = await tcpServer((socket, head) => {
    requests.push(head);
    const start = Number(/range: bytes=(\d+)-/i.exec(head)?.[1] ?? 0);
    const part = huge.bytes.subarray(start);
    const range = start === 0 ? '' : `Content-Range: bytes ${start}-${huge.target.size - 1}/${huge.target.size}\r\n`;
    socket.write(`HTTP/1.1 ${start === 0 ? 200 : 206} OK\r\nContent-Length: ${part.byteLength}\r\n${range}\r\n`);
    if (part.byteLength <= 7_000_000) socket.end(part);
    else
      socket.write(part.subarray(0, 7_000_000), () =>
        how === 'end' ? socket.end() : setTimeout(() => socket.resetAndDestroy(), 50),
      );
  });
  const { transport } = server;
  const store = remote(parseRepository(`${server.host}/app`), { transport });
  const read = await collect(await store.fetch(huge.target), huge.target.size);
  expect(Buffer.compare(read, huge.bytes)).toBe(0);
  expect(requests.length).toBeGreaterThan(2);
});

it('a large blob comes over several connections, each of which is slow, and leaves none behind', async () => {
  let open = 0;
  let most = 0;
  await using server = await tcpServer((socket, head) => {
    most = Math.max(most, ++open);
    socket.once('close', () => open--);
    const [, first = '0', last = String(layer.target.size - 1)] = /range: bytes=(\d+)-(\d+)/i.exec(head) ?? [];
    const part = layer.bytes.subarray(Number(first), Number(last) + 1);
    const range = `Content-Range: bytes ${first}-${last}/${layer.target.size}\r\n`;
    const status = head.includes('range: ') ? `206 Partial Content\r\n${range}` : '200 OK\r\n';
    socket.write(
      `HTTP/1.1 ${status}Accept-Ranges: bytes\r\nConnection: close\r\nContent-Length: ${part.byteLength}\r\n\r\n`,
    );
    let at = 0;
    const timer = setInterval(() => {
      if (at < part.byteLength && !socket.destroyed) socket.write(part.subarray(at, at + 2000));
      else {
        clearInterval(timer);
        socket.end();
      }
      at += 2000;
    }, 2);
  });
  const client = new RepositoryClient(server.transport, parseRepository(`${server.host}/app`), 'pull');
  const source = new BlobSource(client, layer.target);
  const { signal } = linkedAbort(undefined);
  const whole = { start: 0, end: layer.target.size };
  const opened = await source.open(whole, { signal });
  const now = (): number => performance.now();
  const pace = new Pace({ most: 4, fastEnough: 50_000_000, period: 20, now });
  const budget = new ByteBudget(400_000);
  const options = { signal, pace, budget, partSize: 40_000, leastLeft: 100_000, now };
  const parts: Uint8Array[] = [];
  for await (const chunk of adaptiveBody(source, whole, opened, options)) parts.push(chunk);
  expect(Buffer.compare(Buffer.concat(parts), layer.bytes)).toBe(0);
  expect(most).toBeGreaterThan(1);
  expect(budget.free).toBe(400_000);
});

it('a layer from elsewhere goes on there where it broke off (Q-26, Q-32)', async () => {
  await using registry = await simulateRegistry();
  await using elsewhere = await withLayer({ blobBody: { cutAfter: 250_000 } });
  const url = `${elsewhere.url}/v2/app/blobs/${layer.target.digest}`;
  const read = await collect(await storeOf(registry).fetch({ ...layer.target, urls: [url] }), layer.target.size);
  expect(Buffer.compare(read, layer.bytes)).toBe(0);
  expect(elsewhere.log).toHaveLength(3);
});

it('not even the registry itself is shown a login for what a descriptor names (Q-32)', async () => {
  await using registry = await simulateRegistry({ users, anonymous: {} });
  const url = `${registry.url}/v2/secret/blobs/${layer.target.digest}`;
  await expect(storeOf(registry).fetch({ ...layer.target, urls: [url] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const asked = registry.requests.filter(({ target }) => target === new URL(url).pathname);
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
});

/** Every part that is asked for meets a token that was good a moment ago. */
function expiringAtEachRange(): FaultSource {
  const seen = new Set<string>();
  return ({ headers, server }) => {
    if (headers.range === undefined || server !== 'registry' || seen.has(headers.range)) return undefined;
    seen.add(headers.range);
    return 'expire-tokens';
  };
}

async function withLayer(options: SimulateOptions): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  await (await registry.content('app')).push(layer.target, layer.bytes);
  return registry;
}

async function expectRead(registry: SimulatedRegistry, options: Parameters<typeof storeOf>[2] = {}): Promise<void> {
  const read = await collect(await storeOf(registry, 'app', options).fetch(layer.target), layer.target.size);
  expect(Buffer.compare(read, layer.bytes)).toBe(0);
}

interface TcpServer extends AsyncDisposable {
  readonly host: string;
  readonly transport: Transport;
}

/** Speaks as much HTTP as it takes to do it wrong. */
async function tcpServer(answer: (socket: Socket, head: string) => void): Promise<TcpServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let head = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      answer(socket, head);
      head = '';
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const transport = createTransport({ userAgent: 'test', retry: { baseDelay: 1, maxDelay: 5 } });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    transport,
    async [Symbol.asyncDispose]() {
      transport.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
