import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseRepository } from '../../src/oci/reference.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { mutateImage } from '../../src/ops/edit/mutate-image.ts';
import { mutateIndex } from '../../src/ops/edit/mutate-index.ts';
import { randomImage, randomIndex } from '../../src/ops/random.ts';
import { validate } from '../../src/ops/validate.ts';
import { RemoteStore } from '../../src/remote/remote-store.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import type { Artifact } from '../../src/store/artifact.ts';

// What an edit leaves alone must not be moved, asked for, or read once more.

let transport: Transport;
let registry: ListeningRegistry;
let requests: string[];

beforeEach(async () => {
  transport = createTransport({ userAgent: 'test' });
  requests = [];
  const onRequest = ({ method, url }: { readonly method: string; readonly url: string }): void => {
    requests.push(`${method} ${url.replace(/sha256:[0-9a-f]{64}/, 'DIGEST').replace(/uploads\/[^/?]+/, 'uploads/ID')}`);
  };
  registry = await listen({ storage: memoryStorage(), onRequest });
});

afterEach(async () => {
  transport.close();
  await registry.close();
});

function repository(name: string, access: 'pull' | 'push' = 'push'): RemoteStore {
  return new RemoteStore(parseRepository(`${registry.address}:${registry.port}/${name}`), { transport, access });
}

async function pushed(artifact: Artifact): Promise<Artifact> {
  await copyGraph(artifact.store, repository('app'), artifact.root, { tag: 'v1' });
  const store = repository('app', 'pull');
  const root = await store.resolve('v1');
  requests.length = 0;
  return { store, root };
}

it('an edited image that stays in its repository costs its new documents only', async () => {
  const image = await pushed(await randomImage({ layers: 20, layerSize: 100 }));
  const edited = await mutateImage(image, { labels: { set: { a: 'b' } } });
  await copyGraph(edited.store, repository('app'), edited.root, { tag: 'v1' });
  expect(requests.filter((request) => request.includes('/blobs/')).toSorted()).toEqual([
    'GET /v2/app/blobs/DIGEST',
    'HEAD /v2/app/blobs/DIGEST',
    expect.stringMatching(/^POST \/v2\/app\/blobs\/uploads\//),
    expect.stringMatching(/^PUT \/v2\/app\/blobs\/uploads\//),
  ]);
});

it('an edited image that goes to another repository has its layers mounted', async () => {
  const image = await pushed(await randomImage({ layers: 5, layerSize: 100 }));
  const edited = await mutateImage(image, { labels: { set: { a: 'b' } } });
  const store = repository('other');
  await copyGraph(edited.store, store, edited.root, { tag: 'v1' });
  expect(requests.filter((request) => request.startsWith('POST') && request.includes('from=app'))).toHaveLength(5);
  expect(requests.filter((request) => request.startsWith('GET /v2/app/blobs/'))).toHaveLength(1);
  expect(await validate({ store, root: edited.root })).toEqual([]);
});

it('images of an index that are not edited are neither read nor asked for', async () => {
  const index = await pushed(await randomIndex({ layers: 3, layerSize: 100 }));
  const edited = await mutateIndex(index, { annotations: { set: { a: 'b' } } });
  await copyGraph(edited.store, repository('app'), edited.root, { tag: 'v1' });
  expect(requests).toEqual(['GET /v2/app/manifests/DIGEST', 'HEAD /v2/app/manifests/v1', 'PUT /v2/app/manifests/v1']);
});

it('a copy to another tag of the same repository is one question and one answer', async () => {
  const { store, root } = await pushed(await randomIndex({ layers: 2, layerSize: 100 }));
  await copyGraph(store, repository('app'), root, { tag: 'v2' });
  expect(requests).toEqual(['HEAD /v2/app/manifests/v2', 'GET /v2/app/manifests/DIGEST', 'PUT /v2/app/manifests/v2']);
});
