import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLayout } from '../../src/layout/layout-store.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parseRepository } from '../../src/oci/reference.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { validate } from '../../src/ops/validate.ts';
import { RemoteStore } from '../../src/remote/remote-store.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { ContentSink } from '../../src/store/store.ts';
import { blobOf, noise, pushImage, type SampleImage } from '../conformance/samples.ts';
import { startSlowProxy } from '../support/slow-proxy.ts';
import { testDirectory } from '../support/test-directory.ts';

const layerCount = 12;
let transport: Transport;
let target: ListeningRegistry;
let requests: string[];
let onBlob: (count: number) => void;

beforeEach(async () => {
  transport = createTransport({ userAgent: 'test', sleep: async () => {} });
  requests = [];
  onBlob = () => {};
  target = await listen({
    storage: memoryStorage(),
    onRequest({ method, url, status }) {
      requests.push(`${method} ${url}`);
      if (status === 201) onBlob(requests.filter((request) => request.startsWith('PUT')).length);
    },
  });
});

afterEach(async () => {
  transport.close();
  await target.close();
});

async function sampleImage(store: MemoryStore): Promise<SampleImage> {
  const layers = Array.from({ length: layerCount }, (_, i) => blobOf(noise(200_000, i + 1), mediaTypes.ociLayer));
  const diffIds = layers.map(({ target: { digest } }) => digest);
  const config = blobOf(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }),
    mediaTypes.ociConfig,
  );
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.target,
    layers: layers.map((layer) => layer.target),
  };
  const image = { ...blobOf(JSON.stringify(document), mediaTypes.ociManifest), blobs: [config, ...layers] };
  await pushImage(store, image);
  return image;
}

function store(address: string): RemoteStore {
  return new RemoteStore(parseRepository(`${address}/app`), { transport, access: 'push' });
}

describe('a copy that was cut', () => {
  it('leaves no manifest, and moves only what is missing when it is repeated', async () => {
    const from = new MemoryStore();
    const image = await sampleImage(from);
    const proxy = await startSlowProxy(`127.0.0.1:${target.port}`, { delay: 1 });
    onBlob = (count) => {
      if (count === 5) void proxy.close();
    };
    const cut = copyGraph(from, store(proxy.address), image.target, { tag: 'v1', concurrency: 2 });
    await expect(cut).rejects.toMatchObject({ side: 'target' });
    const direct = store(`127.0.0.1:${target.port}`);
    await expect(direct.resolve('v1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const present = await Promise.all(image.blobs.map(async (blob) => (await direct.stat(blob.target)) !== undefined));
    const missing = present.filter((isThere) => !isThere).length;
    expect(missing).toBeGreaterThan(0);
    expect(missing).toBeLessThanOrEqual(layerCount + 1 - 5);
    onBlob = () => {};
    requests.length = 0;
    const summary = await copyGraph(from, direct, image.target, { tag: 'v1' });
    expect(summary).toMatchObject({ blobs: missing, existingBlobs: layerCount + 1 - missing });
    expect(requests.filter((request) => request.startsWith('POST'))).toHaveLength(missing);
    expect(await validate({ store: direct, root: image.target }, { fast: true })).toEqual([]);
  });

  it('is the same with a source that goes away, and a layout', async () => {
    const image = await sampleImage(new MemoryStore());
    await pushImage(store(`127.0.0.1:${target.port}`), image, 'v1');
    const proxy = await startSlowProxy(`127.0.0.1:${target.port}`, { delay: 1 });
    const layout = await createLayout(await testDirectory());
    let moved = 0;
    const sink: ContentSink = {
      stat: (content, options) => layout.stat(content, options),
      async push(expected, content, options) {
        await layout.push(expected, content, options);
        if (++moved === 4) await proxy.close();
      },
      tag: (root, tag, options) => layout.tag(root, tag, options),
    };
    const cut = copyGraph(store(proxy.address), sink, image.target, { tag: 'v1', concurrency: 1 });
    await expect(cut).rejects.toMatchObject({ side: 'source' });
    const direct = store(`127.0.0.1:${target.port}`);
    expect(await copyGraph(direct, layout, image.target, { tag: 'v1' })).toMatchObject({
      blobs: layerCount + 1 - moved,
      existingBlobs: moved,
    });
    expect(await layout.resolve('v1')).toMatchObject(image.target);
  });
});
