import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeEngine, type EngineKind, type FakeEngine } from '../../test/support/fake-engine.ts';
import { hexOf, indexOf, layeredImage, type LayeredImage } from '../../test/support/sample-image.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { parseRepository } from '../oci/reference.ts';
import { MemoryStore } from '../store/memory.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ContentSource } from '../store/store.ts';
import type { ProgressEvent } from '../store/progress.ts';
import { connectEngine, type Engine } from './engine.ts';
import { parseEngineAddress } from './engine-address.ts';
import { loadIntoDaemon, type TaggedName } from './load-into-daemon.ts';

const image = layeredImage('app', { layers: ['gzip', 'gzip'], size: 100_000 });
const name: TaggedName = { ...parseRepository('app'), tag: '1' };

it.each(['docker-20', 'docker-25', 'podman'] as const)(
  'an image goes into %s as docker load takes it, under its long name',
  async (kind) => {
    const { engine, server } = await started(kind);
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): void => void events.push(event);
    const id = image.config.target.digest;
    expect(await loadIntoDaemon(engine, await artifactOf(image), { name, onProgress })).toEqual({
      id,
      wasThere: false,
      layers: 2,
      layersThere: 0,
    });
    const [files] = server.loads;
    expect(JSON.parse(files?.get('manifest.json')?.toString() ?? '')).toMatchObject([
      {
        Config: id,
        RepoTags: ['docker.io/library/app:1'],
        Layers: image.layers.map((layer) => `${hexOf(layer)}.tar.gz`),
      },
    ]);
    for (const layer of image.layers) expect(files?.get(`${hexOf(layer)}.tar.gz`)?.equals(layer.bytes)).toBe(true);
    expect(events.filter(({ type }) => type === 'finish')).toHaveLength(3);
  },
);

it("an index goes into containerd's store whole, byte for byte", async () => {
  const arm = layeredImage('arm', { architecture: 'arm64' });
  const index = indexOf({ 'linux/amd64': image, 'linux/arm64': arm });
  const store = new MemoryStore();
  for (const { target, bytes } of [...image.blobs, ...arm.blobs, image, arm, index]) await store.push(target, bytes);
  const { engine, server } = await started('containerd');
  const id = index.target.digest;
  expect(await loadIntoDaemon(engine, { store, root: index.target }, { name })).toMatchObject({ id, wasThere: false });
  const [files] = server.loads;
  for (const { target, bytes } of [...image.blobs, ...arm.blobs, image, arm, index]) {
    expect(files?.get(`blobs/${target.digest.replace(':', '/')}`)?.equals(bytes)).toBe(true);
  }
});

it('an index is refused where engines keep none, before anything is sent', async () => {
  const { engine, server } = await started('docker-25');
  const index = indexOf({ 'linux/amd64': image });
  await expect(
    loadIntoDaemon(engine, { store: new MemoryStore(), root: index.target }, { name }),
  ).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    hint: expect.stringContaining('--platform') as string,
  });
  expect(server.requests).not.toContain('POST /images/load');
});

it.each(['docker-20', 'containerd'] as const)('an image that %s has is only named', async (kind) => {
  const { engine, server } = await started(kind);
  server.images.set('other:1', { image });
  const events: ProgressEvent[] = [];
  const id = kind === 'containerd' ? image.target.digest : image.config.target.digest;
  const loaded = await loadIntoDaemon(engine, await artifactOf(image), {
    name,
    onProgress: (event) => events.push(event),
  });
  expect(loaded).toMatchObject({ id, wasThere: true });
  expect(server.tagged).toEqual([`${id} -> docker.io/library/app:1`]);
  expect(server.loads).toEqual([]);
  expect(events).toMatchObject([{ type: 'skip', reason: 'exists' }]);
});

describe('layers that the engine has in another image', () => {
  // More than what is sent without asking.
  const base = layeredImage('shared', { layers: ['none'], size: 600_000 });
  const app = layeredImage('shared', { layers: ['none', 'none', 'none'], size: 600_000 });

  it.each(['docker-20', 'docker-25'] as const)('are neither sent to %s nor read', async (kind) => {
    const { engine, server } = await started(kind);
    server.images.set('other:1', { image: layeredImage('other') }).set('base:1', { image: base });
    const { artifact, fetched } = await observed(app);
    const events: ProgressEvent[] = [];
    const loaded = await loadIntoDaemon(engine, artifact, { name, onProgress: (event) => void events.push(event) });
    expect(loaded).toMatchObject({ wasThere: false, layers: 3, layersThere: 1 });
    const [files] = server.loads;
    const sent = app.layers.map((layer) => files?.has(`${hexOf(layer)}.tar`));
    expect(sent).toEqual([false, true, true]);
    expect(fetched).not.toContain(app.layers[0]?.target.digest);
    expect(events.filter(({ type }) => type === 'skip')).toHaveLength(1);
    expect(JSON.parse(files?.get('manifest.json')?.toString() ?? '')).toMatchObject([{ Layers: { length: 3 } }]);
  });

  it('are sent to podman, which wants archives to be whole', async () => {
    const { engine, server } = await started('podman');
    server.images.set('base:1', { image: base });
    expect(await loadIntoDaemon(engine, (await observed(app)).artifact, { name })).toMatchObject({ layersThere: 0 });
    expect(server.loads[0]?.size).toBe(5);
  });

  it('are sent after all when that image was removed meanwhile', async () => {
    const server = await fakeEngine({
      instead: (what) => {
        if (what === 'POST /images/load') server.images.clear();
        return false;
      },
    });
    const engine = await connected(server);
    server.images.set('base:1', { image: base });
    expect(await loadIntoDaemon(engine, (await observed(app)).artifact, { name })).toMatchObject({ layersThere: 0 });
    expect(server.requests.filter((what) => what === 'POST /images/load')).toHaveLength(2);
    expect(server.loads[0]?.size).toBe(5);
  });

  it('are not asked for when the image is small', async () => {
    const { engine, server } = await started('docker-20');
    await loadIntoDaemon(engine, await artifactOf(image), { name });
    expect(server.requests).not.toContain('GET /images/json');
  });
});

it('may stay without a name', async () => {
  const { engine, server } = await started('docker-20');
  await loadIntoDaemon(engine, await artifactOf(image));
  expect(JSON.parse(server.loads[0]?.get('manifest.json')?.toString() ?? '')).toMatchObject([{ RepoTags: null }]);
});

it('leaves nothing under the name when a layer cannot be read', async () => {
  const { engine, server } = await started('docker-20');
  const { store, root } = await artifactOf(image);
  const broken: Artifact = {
    root,
    store: {
      resolve: (reference) => store.resolve(reference),
      stat: (content) => store.stat(content),
      fetch: (target, options) =>
        target.digest === image.layers[1]?.target.digest
          ? Promise.reject(new Error('gone'))
          : store.fetch(target, options),
    },
  };
  await expect(loadIntoDaemon(engine, broken, { name })).rejects.toThrow('gone');
  expect(server.loads).toEqual([]);
  expect(await engine.inspect('docker.io/library/app:1')).toBeUndefined();
});

it('finds out when the engine says that all is well and has nothing', async () => {
  const server = await fakeEngine({
    instead: (what, response, request) => {
      if (what !== 'POST /images/load') return false;
      request.resume().once('end', () => response.end('{"stream":"Loaded image: app:1\\n"}'));
      return true;
    },
  });
  const engine = await connected(server);
  await expect(loadIntoDaemon(engine, await artifactOf(image), { name })).rejects.toMatchObject({ code: 'RESPONSE' });
});

async function artifactOf(one: LayeredImage): Promise<Artifact> {
  const store = new MemoryStore();
  for (const { target, bytes } of [...one.blobs, one]) await store.push(target, bytes);
  return { store, root: { ...one.target, mediaType: mediaTypes.ociManifest } };
}

async function started(kind: EngineKind): Promise<{ readonly engine: Engine; readonly server: FakeEngine }> {
  const server = await fakeEngine({ kind });
  return { engine: await connected(server), server };
}

async function connected(server: FakeEngine): Promise<Engine> {
  onTestFinished(() => server[Symbol.asyncDispose]());
  const engine = await connectEngine(parseEngineAddress(server.host));
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return engine;
}

/** With the digests of what is read of it. */
async function observed(one: LayeredImage): Promise<{ readonly artifact: Artifact; readonly fetched: string[] }> {
  const { store, root } = await artifactOf(one);
  const fetched: string[] = [];
  const fetch: ContentSource['fetch'] = (target, options) => {
    fetched.push(target.digest);
    return store.fetch(target, options);
  };
  const source: ContentSource = {
    resolve: (reference) => store.resolve(reference),
    stat: (content) => store.stat(content),
    fetch,
  };
  return { artifact: { store: source, root }, fetched };
}
