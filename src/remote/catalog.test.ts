import { expect, it } from 'vitest';
import { streamOf } from '../content/bytes.ts';
import { dockerHub } from '../oci/reference.ts';
import { catalog } from './catalog.ts';
import { createTransport } from './transport/transport.ts';

it('Docker Hub, which refuses whoever asks, is said not to list its repositories (Q-65)', async () => {
  const transport = createTransport({
    userAgent: 'test',
    exchange: async () => ({
      status: 403,
      headers: { get: () => undefined, getAll: () => [], entries: () => [] },
      body: streamOf(new Uint8Array(0)),
    }),
  });
  await expect(catalog(dockerHub, { transport })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: 'index.docker.io does not list its repositories',
    hint: 'crane ls REPOSITORY lists the tags of a repository you know',
  });
});
