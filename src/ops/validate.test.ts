import { describe, expect, it } from 'vitest';
import { collect } from '../content/bytes.ts';
import { gzipping } from '../content/gzip.ts';
import { digestOf } from '../content/hash.ts';
import { writeTar } from '../content/tar/writer.ts';
import { OciError } from '../errors.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';
import type { ContentSource } from '../store/store.ts';
import { randomImage, randomIndex } from './random.ts';
import { layersOf, manifestOf } from './read.ts';
import { validate } from './validate.ts';

const text = new TextEncoder();

/** An image of one layer, with what the test wants to be wrong. */
async function imageOf(tar: Uint8Array, mediaType: string, bytes: Uint8Array, config: object = {}): Promise<Artifact> {
  const store = new MemoryStore();
  const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] };
  const configAt = await store.add(
    text.encode(JSON.stringify({ os: 'linux', rootfs, ...config })),
    mediaTypes.ociConfig,
  );
  const layer = await store.add(bytes, mediaType);
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: configAt, layers: [layer] };
  return { store, root: await store.add(text.encode(JSON.stringify(manifest)), mediaTypes.ociManifest) };
}

async function tarOf(...names: readonly string[]): Promise<Uint8Array> {
  return collect(writeTar(names.map((name) => ({ header: { name, size: 2 }, body: text.encode('hi') }))), 1 << 20);
}

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  return collect(gzipping()([bytes] as unknown as AsyncIterable<Uint8Array>), 1 << 20);
}

describe('validate()', () => {
  it('finds nothing wrong with random images and indexes', async () => {
    expect(await validate(await randomImage())).toEqual([]);
    expect(await validate(await randomIndex({ layers: 2 }))).toEqual([]);
    expect(await validate(await randomImage({ layers: 0 }), { fast: true })).toEqual([]);
  });

  it('takes uncompressed layers, which are as good as gzipped ones', async () => {
    const tar = await tarOf('a');
    expect(await validate(await imageOf(tar, mediaTypes.ociLayer, tar))).toEqual([]);
  });

  it('takes artifacts, whose config and layers are no filesystem', async () => {
    const store = new MemoryStore();
    const config = await store.add(text.encode('{}'), mediaTypes.ociEmpty);
    const layer = await store.add(text.encode('hello'), 'text/plain');
    const manifest = { schemaVersion: 2, artifactType: 'application/vnd.example', config, layers: [layer] };
    const root = await store.add(text.encode(JSON.stringify(manifest)), mediaTypes.ociManifest);
    expect(await validate({ store, root })).toEqual([]);
  });

  it('reports a diff ID that is not that of the layer', async () => {
    const [tar, other] = [await tarOf('a'), await tarOf('b')];
    const problems = await validate(await imageOf(other, mediaTypes.ociLayerGzip, await gzip(tar)));
    expect(problems).toMatchObject([
      { path: 'layers[0]', code: 'DIGEST_MISMATCH', message: expect.stringContaining('diff ID') as string },
    ]);
  });

  it('reports a layer that is no tar archive, and one with a name twice', async () => {
    const junk = text.encode('this is no tar archive at all, whatever its name says'.repeat(20));
    expect(await validate(await imageOf(junk, mediaTypes.ociLayer, junk))).toHaveLength(1);
    const doubled = await tarOf('a', './a');
    expect(await validate(await imageOf(doubled, mediaTypes.ociLayer, doubled))).toMatchObject([
      { path: 'layers[0]', message: 'duplicate file path: "a"' },
    ]);
  });

  it('reports every blob that is missing, in fast mode too', async () => {
    const image = await randomImage({ layers: 3 });
    const [first, , third] = await layersOf(image);
    const store = image.store as MemoryStore;
    if (first === undefined || third === undefined) throw new Error('three layers expected');
    await store.deleteBlob(first.digest);
    await store.deleteBlob(third.digest);
    for (const fast of [false, true]) {
      expect((await validate(image, { fast })).map(({ path }) => path)).toEqual(['layers[0]', 'layers[2]']);
    }
  });

  it('reports a config of the wrong kind, with too few diff IDs, for another platform than the index says', async () => {
    const tar = await tarOf('a');
    const image = await imageOf(tar, mediaTypes.ociLayer, tar, {
      rootfs: { type: 'x', diff_ids: [] },
      architecture: 'arm64',
    });
    const store = image.store as MemoryStore;
    const child = { ...image.root, platform: { os: 'linux', architecture: 'amd64' } };
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child] };
    const root = await store.add(text.encode(JSON.stringify(index)), mediaTypes.ociIndex);
    const problems = await validate({ store, root });
    expect(problems.map(({ path }) => path)).toEqual(['manifests[0]', 'manifests[0] config', 'manifests[0] config']);
    expect(problems.map(({ message }) => message).join()).toMatch(
      /architecture.*0 diff IDs for 1 layers.*rootfs.type/s,
    );
  });

  it('reports a config that is not JSON', async () => {
    const store = new MemoryStore();
    const config = await store.add(text.encode('oops'), mediaTypes.ociConfig);
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
    const root = await store.add(text.encode(JSON.stringify(manifest)), mediaTypes.ociManifest);
    expect(await validate({ store, root })).toMatchObject([
      { path: 'config', message: expect.stringContaining('not JSON') as string },
    ]);
  });
});

it('stops reading when the way to the content fails, and tells that', async () => {
  const { store, root } = await randomImage({ layers: 30 });
  let fetched = 0;
  const failing: ContentSource = {
    resolve: store.resolve.bind(store),
    stat: store.stat.bind(store),
    async fetch(target) {
      if (target.mediaType !== mediaTypes.ociLayerGzip) return store.fetch(target);
      fetched++;
      throw new OciError('NETWORK', 'the line is cut');
    },
  };
  await expect(validate({ store: failing, root }, { concurrency: 2 })).rejects.toThrow('the line is cut');
  expect(fetched).toBeLessThan(10);
});

it('a random image may have large layers', async () => {
  const image = await randomImage({ layers: 1, layerSize: 15_000_000 });
  expect((await layersOf(image))[0]?.size).toBeGreaterThan(15_000_000);
});

it('the same seed gives the same random image', async () => {
  const [a, b] = [await randomImage({ seed: 'x' }), await randomImage({ seed: 'x' })];
  expect(a.root).toEqual(b.root);
  expect((await manifestOf(a)).bytes).toEqual((await manifestOf(b)).bytes);
  expect((await randomImage()).root.digest).not.toBe((await randomImage()).root.digest);
});
