import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLayout } from '../../src/layout/layout-store.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parseRepository } from '../../src/oci/reference.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { mutateImage } from '../../src/ops/edit/mutate-image.ts';
import { mutateIndex } from '../../src/ops/edit/mutate-index.ts';
import { randomImage, randomIndex } from '../../src/ops/random.ts';
import { manifestOf, rawManifestOf } from '../../src/ops/read.ts';
import { validate } from '../../src/ops/validate.ts';
import { RemoteStore } from '../../src/remote/remote-store.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { OverlayStore } from '../../src/store/overlay.ts';
import { testDirectory } from '../support/test-directory.ts';

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

async function pushed(artifact: Artifact, nonDistributable = false): Promise<Artifact> {
  await copyGraph(artifact.store, repository('app'), artifact.root, { tag: 'v1', nonDistributable });
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
  expect(requests).toEqual(['GET /v2/app/manifests/DIGEST', 'PUT /v2/app/manifests/v1']);
});

it('a copy to another tag of the same repository is one question and one answer', async () => {
  const { store, root } = await pushed(await randomIndex({ layers: 2, layerSize: 100 }));
  await copyGraph(store, repository('app'), root, { tag: 'v2' });
  expect(requests.slice(0, 2).toSorted()).toEqual(['GET /v2/app/manifests/DIGEST', 'HEAD /v2/app/manifests/v2']);
  expect(requests.slice(2)).toEqual(['PUT /v2/app/manifests/v2']);
});

it('an edited image is not put into a layout that lacks a layer of it', async () => {
  const path = await testDirectory();
  const layout = await createLayout(join(path, 'layout'));
  const image = await randomImage({ layers: 2 });
  await copyGraph(image.store, layout, image.root, { tag: 'v1' });
  const manifest = await manifestOf(image);
  const [layer] = manifest.kind === 'image' ? manifest.image.layers : [];
  await rm(join(path, 'layout/blobs', layer?.digest.replace(':', '/') ?? ''));
  const edited = await mutateImage({ store: layout, root: image.root }, { labels: { set: { a: 'b' } } });
  await expect(copyGraph(edited.store, layout, edited.root, { tag: 'v1' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining(`${layer?.digest}`),
  });
  expect((await layout.resolve('v1')).digest).toBe(image.root.digest);
});

it('a layer that may be elsewhere is asked for, where it is wanted, also in its own repository', async () => {
  const image = await randomImage({ layers: 1 });
  const text = Buffer.from(await rawManifestOf(image)).toString('utf8');
  const upper = new MemoryStore();
  const root = await upper.add(
    Buffer.from(text.replace(mediaTypes.ociLayerGzip, mediaTypes.ociRestrictedLayerGzip)),
    mediaTypes.ociManifest,
  );
  const store = new OverlayStore(upper, image.store);
  const { store: remote, root: pushedRoot } = await pushed({ store, root }, true);
  const edited = await mutateImage({ store: remote, root: pushedRoot }, { labels: { set: { a: 'b' } } });
  requests.length = 0;
  await copyGraph(edited.store, repository('app'), edited.root, { tag: 'v1', nonDistributable: true });
  expect(requests.filter((request) => request.startsWith('HEAD') && request.includes('/blobs/'))).toHaveLength(1);
});
