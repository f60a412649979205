import { expect, it } from 'vitest';
import { registryHandler } from './handler.ts';
import { memoryStorage } from './memory-storage.ts';

it('answers web requests with web responses, without a server', async () => {
  const handle = registryHandler(memoryStorage());
  const started = await handle(new Request('http://registry.test/v2/a/blobs/uploads/?unused=%20', { method: 'POST' }));
  expect(started).toBeInstanceOf(Response);
  const location = new URL(started.headers.get('location') ?? '', 'http://registry.test');
  const status = await handle(new Request(location));
  expect([status.status, status.body]).toEqual([204, null]);
});
