import { describe, expect, it } from 'vitest';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { fixedKeychain } from '../../src/remote/auth/credential.ts';
import { remote } from '../../src/remote/remote-store.ts';
import { HostLimits } from '../../src/remote/transport/host-limits.ts';
import { createTransport } from '../../src/remote/transport/transport.ts';
import type { ContentStore } from '../../src/store/store.ts';
import { blobOf, noise, type Sample } from '../conformance/samples.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';

const users = { joe: { password: 'secret' } };
const keychain = fixedKeychain({ source: 'the test', username: 'joe', password: 'secret' });

describe('a copy that is aborted', () => {
  it('at any of its requests ends with the reason, soon, and leaves no upload open', async () => {
    for (let at = 1; ; at++) {
      await using registry = await simulateRegistry({ users, mount: 401 });
      const image = await fill(registry, 3);
      const abort = new AbortController();
      const reason = new Error(`enough after ${at} requests`);
      let count = 0;
      registry.fault = () => {
        if (++count === at) abort.abort(reason);
        return undefined;
      };
      const failure = await copy(registry, image, abort.signal).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (count < at) break;
      // The answer to the last request may have come before the abort was seen.
      expect(failure === undefined ? reason : failure).toBe(reason);
      expect(openUploads(registry)).toEqual([]);
    }
  });

  it('while the other side stands still ends at once', async () => {
    for (const method of ['HEAD', 'POST', 'PUT', 'GET']) {
      await using registry = await simulateRegistry({ users, mount: 401 });
      const image = await fill(registry, 2);
      const abort = new AbortController();
      const reason = new Error('enough');
      registry.fault = (request) => {
        if (request.method !== method || request.server !== 'registry') return undefined;
        setTimeout(() => abort.abort(reason), 5);
        return 'stall';
      };
      await expect(copy(registry, image, abort.signal)).rejects.toBe(reason);
    }
  });
});

describe('nothing waits for good', () => {
  it('when thousands of small blobs move with one job and one place at the host', async () => {
    await using registry = await simulateRegistry({ users, mount: 401 });
    const image = await fill(registry, 2000);
    await copy(registry, image, undefined, { jobs: 1, limits: new HostLimits({ transfers: 1, requests: 1 }) });
    expect(await (await registry.content('copy')).resolve('v1')).toEqual(image.target);
  });

  it('when streams are opened and never read, and others want the same host', async () => {
    await using registry = await simulateRegistry({ users });
    const image = await fill(registry, 12);
    const transport = createTransport({ userAgent: 'test', keychain, limits: new HostLimits({ transfers: 2 }) });
    const store = remote(registry.repository('app'), { transport });
    const streams = await Promise.all(layersOf(12).map(async ({ target }) => store.fetch(target)));
    await copy(registry, image, undefined, { limits: new HostLimits({ transfers: 1 }) });
    await Promise.all(streams.map(async (stream) => stream.cancel()));
  });
});

async function fill(registry: SimulatedRegistry, count: number): Promise<Sample> {
  const store: ContentStore = await registry.content('app');
  const config = blobOf('{}', mediaTypes.ociConfig);
  const layers = layersOf(count);
  for (const { target, bytes } of [config, ...layers]) await store.push(target, bytes);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.target,
    layers: layers.map(({ target }) => target),
  };
  const image = blobOf(JSON.stringify(manifest), mediaTypes.ociManifest);
  await store.push(image.target, image.bytes);
  return image;
}

function layersOf(count: number): readonly Sample[] {
  return Array.from({ length: count }, (_, i) => blobOf(noise(count > 100 ? 20 : 100_000, i + 1), mediaTypes.ociLayer));
}

async function copy(
  registry: SimulatedRegistry,
  { target }: Sample,
  signal: AbortSignal | undefined,
  { jobs = 2, limits }: { readonly jobs?: number; readonly limits?: HostLimits } = {},
): Promise<void> {
  const transport = createTransport({ userAgent: 'test', keychain, limits });
  const source = remote(registry.repository('app'), { transport });
  const sink = remote(registry.repository('copy'), { transport, access: 'push' });
  try {
    await copyGraph(source, sink, target, { tag: 'v1', signal, concurrency: jobs });
  } finally {
    transport.close();
  }
}

/** Sessions that were started and neither finished nor cancelled. */
function openUploads({ requests }: SimulatedRegistry): readonly string[] {
  const open = new Set<string>();
  for (const { method, path, status } of requests) {
    const id = /\/blobs\/uploads\/([^/?]+)$/.exec(path)?.[1];
    if (id === undefined) continue;
    if ((method === 'PUT' && status === 201) || method === 'DELETE') open.delete(id);
    else open.add(id);
  }
  return [...open];
}
