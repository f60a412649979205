import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer, faked } from '../../../test/support/transport-requests.ts';
import { collect } from '../../content/bytes.ts';
import { describeBytes } from '../../content/hash.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parseRepository } from '../../oci/reference.ts';
import { fixedKeychain } from '../auth/credential.ts';
import { remote, type RemoteStore } from '../remote-store.ts';
import { createTransport, type Transport } from '../transport/transport.ts';

const layer = Buffer.from('a layer that the registry does not hold');
const target = describeBytes(layer, mediaTypes.dockerForeignLayerGzip);

let registry: Server;
let elsewhere: Server;
let transport: Transport;
let store: RemoteStore;
let seen: IncomingHttpHeaders[];
let warnings: string[];

beforeEach(async () => {
  seen = [];
  warnings = [];
  registry = createServer(({ headers }, response) => {
    const isKnown = headers.authorization !== undefined;
    response.writeHead(isKnown ? 404 : 401, { 'www-authenticate': 'Basic realm="r"' }).end();
  });
  elsewhere = createServer(({ headers, url }, response) => {
    seen.push(headers);
    response.statusCode = url === '/layer' ? 200 : 404;
    response.end(url === '/layer' ? layer : '');
  });
  for (const server of [registry, elsewhere])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  transport = createTransport({
    userAgent: 'test',
    keychain: fixedKeychain({ source: 'the test', username: 'u', password: 'p' }),
    onEvent: (event) => {
      if (event.type === 'warning') warnings.push(event.message);
    },
  });
  store = remote(parseRepository(`127.0.0.1:${portOf(registry)}/app`), { transport });
});
afterEach(() => {
  transport.close();
  registry.close();
  elsewhere.close();
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

it('a layer the registry does not hold is read from where its descriptor says, without credentials', async () => {
  const base = `http://127.0.0.1:${portOf(elsewhere)}`;
  const stream = await store.fetch({ ...target, urls: ['no url', `${base}/gone?sig=secret`, `${base}/layer`] });
  expect(Buffer.from(await collect(stream, 100))).toEqual(layer);
  expect(seen.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  expect(warnings).toHaveLength(2);
  expect(warnings.join()).not.toContain('secret');
});

it.each([
  'http://cdn.example/x',
  'https://10.0.0.1/x',
  'https://127.0.0.1/x',
  'https://169.254.169.254/x',
  'file:///x',
])('a layer of a public registry is not looked for at %s', async (url) => {
  const { transport: watched, sent } = faked(() => answer(404));
  const missing = remote(parseRepository('registry.example/app'), { transport: watched });
  await expect(missing.fetch({ ...target, urls: [url] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(sent.map((request) => request.url.host)).toEqual(['registry.example']);
});

it('what a registry refuses to hold and nobody else has is not found', async () => {
  await expect(store.fetch({ ...target, urls: ['file:///etc/passwd'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(store.fetch(target)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
