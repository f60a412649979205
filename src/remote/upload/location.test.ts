import { expect, it } from 'vitest';
import { faked } from '../../../test/support/transport-requests.ts';
import { parseRepository } from '../../oci/reference.ts';
import { RepositoryClient } from '../repository-client.ts';
import type { ResponseHeaders } from '../transport/exchange.ts';
import { locationIn } from './location.ts';

const asked = 'https://registry.example/v2/app/blobs/uploads/';

function locate(location: string | undefined): string | undefined {
  const { transport } = faked(() => Promise.reject(new Error('Nothing is to be sent')));
  const client = new RepositoryClient(transport, parseRepository('registry.example/app'), 'push');
  const headers: ResponseHeaders = { get: () => location, getAll: () => [], entries: () => [] };
  const body = { async *[Symbol.asyncIterator]() {}, cancel: async () => {} };
  return locationIn({ url: new URL(asked), crossed: false, status: 202, headers, body }, client)?.href;
}

it.each([
  ['https://registry.example/u/1?_state=a%2Fb%3D', 'https://registry.example/u/1?_state=a%2Fb%3D'],
  ['/u/1', 'https://registry.example/u/1'],
  ['1', 'https://registry.example/v2/app/blobs/uploads/1'],
  ['registry.example/u/1', 'https://registry.example/u/1'],
  ['store.example:8443/u/1', 'https://store.example:8443/u/1'],
  ['http://registry.example/u/1', 'https://registry.example/u/1'],
  ['https://user:password@registry.example/u/1', 'https://registry.example/u/1'],
  ['https://store.example/u/1', 'https://store.example/u/1'],
  ['//store.example/u/1', 'https://store.example/u/1'],
  [undefined, undefined],
])('an upload goes on at %s (Q-40)', (location, url) => {
  expect(locate(location)).toBe(url);
});

it.each([
  'http://store.example/u/1',
  'https://10.0.0.1/u/1',
  'https://127.0.0.1:5000/u/1',
  '127.0.0.1:5000/u/1',
  'https://169.254.169.254/latest',
  'https://[::ffff:169.254.169.254]/latest',
  'https://2852039166/latest',
  'file:///etc/passwd',
  'https://[',
])('a public registry sends no upload to %s (Q-40)', (location) => {
  expect(() => locate(location)).toThrow(expect.objectContaining({ code: 'RESPONSE' }) as Error);
});
