import { expect, it } from 'vitest';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { remote } from '../../src/remote/remote-store.ts';
import { createTransport } from '../../src/remote/transport/transport.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { blobOf, noise } from '../conformance/samples.ts';
import { simulateRegistry } from '../simulated-registry/simulate.ts';

it('a registry that resets uploads when there are more than two at a time gets them all in the end (Q-84)', async () => {
  await using registry = await simulateRegistry({
    anonymous: { pull: ['*'], push: ['*'] },
    upload: { maxParallel: 2, commitDelay: 20 },
  });
  const layers = Array.from({ length: 30 }, (_, i) => blobOf(noise(100_000, i + 1), mediaTypes.ociLayer));
  const config = blobOf('{}', mediaTypes.ociConfig);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.target,
    layers: layers.map(({ target }) => target),
  };
  const image = blobOf(JSON.stringify(manifest), mediaTypes.ociManifest);
  const source = new MemoryStore();
  for (const { target, bytes } of [config, ...layers, image]) await source.push(target, bytes);
  const transport = createTransport({ userAgent: 'test', retry: { baseDelay: 100 } });
  const sink = remote(registry.repository('app'), { transport, access: 'push' });
  await copyGraph(source, sink, image.target, { tag: 'v1' });
  expect(await (await registry.content('app')).resolve('v1')).toEqual(image.target);
  expect(registry.requests.some(({ method, status }) => method === 'PUT' && status === 0)).toBe(true);
  transport.close();
});
