import { readdir } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { imageOfEntries, imageOfTars, type LayerEntry, layerTar, readEntries } from '../../test/support/layer-stack.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { tarTrailer } from '../content/tar/writer.ts';
import { canCompressZstd } from '../content/zstd.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { ImageIndex, ImageManifest } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { parsePlatform } from '../oci/platform.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';
import { copyGraph } from './copy.ts';
import { exportFilesystem } from './filesystem/export.ts';
import { flatten, type FlattenOptions } from './flatten.ts';
import { convertMediaTypes } from './layers/convert-media-types.ts';
import { randomImage, randomIndex } from './random.ts';
import { layersOf, rawConfigOf, rawManifestOf } from './read.ts';
import { validate } from './validate.ts';

const created = new Date('2026-01-02T03:04:05Z');
const limit = 2 ** 26;

/** Three layers: the second changes and removes what the first has, the third links into it. */
const layers: readonly (readonly LayerEntry[])[] = [
  [
    { name: 'etc/', type: 'directory', mode: 0o755 },
    { name: 'etc/a', body: 'one' },
    { name: 'etc/gone', body: 'x' },
  ],
  [{ name: 'etc/a', body: 'two' }, { name: 'etc/.wh.gone' }],
  [{ name: 'bin/b', type: 'hardlink', linkname: 'etc/a' }],
];

interface Config {
  readonly [member: string]: unknown;
  readonly created?: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history?: readonly { readonly created_by?: string; readonly comment?: string; readonly created?: string }[];
}

describe('flatten()', () => {
  it('makes one layer of all, with the same file system, and a valid image', async () => {
    const before = await imageOfEntries(...layers);
    const after = await flattened(before);
    expect(await layersOf(after)).toHaveLength(1);
    expect(await filesOf(after)).toEqual(await filesOf(before));
    expect(await filesOf(after)).toEqual(['etc/', 'etc/a=two', 'bin/b=']);
    expect(await validate(after)).toEqual([]);
  });

  it('keeps what the config says, and what nobody knows of it; the history becomes one step', async () => {
    const history = [{ created_by: 'RUN <a>' }, { created_by: 'ENV', empty_layer: true }, {}, { author: 'me', own: 1 }];
    const config = { author: 'a', own: { x: [1] }, config: { Labels: { a: 'b' }, Cmd: ['x'] }, variant: 'v8', history };
    const before = await imageOfTars(await Promise.all(layers.map(layerTar)), config);
    const after = await flattened(before);
    const { rootfs, history: steps, ...others } = await configOf(after);
    expect(others).toEqual({
      architecture: 'amd64',
      os: 'linux',
      author: 'a',
      own: { x: [1] },
      config: config.config,
      variant: 'v8',
      created: '2026-01-02T03:04:05Z',
    });
    expect(rootfs.diff_ids).toHaveLength(1);
    expect(steps).toEqual([
      {
        created: '2026-01-02T03:04:05Z',
        created_by: `crane flatten ${before.root.digest}`,
        comment:
          '[{"created":"0001-01-01T00:00:00Z","created_by":"RUN \\u003ca\\u003e"},{"created":"0001-01-01T00:00:00Z","created_by":"ENV","empty_layer":true},{"created":"0001-01-01T00:00:00Z"},{"author":"me","created":"0001-01-01T00:00:00Z","own":1}]',
      },
    ]);
  });

  it('keeps annotations, subject and what nobody knows of the manifest', async () => {
    const { store, root } = await imageOfEntries(...layers);
    const manifest = JSON.parse(Buffer.from(await rawManifestOf({ store, root })).toString()) as ImageManifest;
    const subject = { mediaType: mediaTypes.ociManifest, size: 2, digest: digestOf(Buffer.from('{}')) };
    const more = { annotations: { a: 'b' }, subject, own: 1 };
    const changed = await (store as MemoryStore).add(
      Buffer.from(JSON.stringify({ ...manifest, ...more })),
      root.mediaType,
    );
    const after = await flattened({ store, root: changed });
    expect(JSON.parse(Buffer.from(await rawManifestOf(after)).toString())).toMatchObject(more);
  });

  it('keeps the family of the media types (flaw 11)', async () => {
    for (const family of ['oci', 'docker'] as const) {
      const before = await convertMediaTypes(await imageOfEntries(...layers), family);
      for (const kind of ['gzip', 'none'] as const) {
        const after = await flattened(before, { compression: { kind } });
        const { config, layers: found } = await manifestOf(after);
        const types = [after.root.mediaType, config.mediaType, ...found.map(({ mediaType }) => mediaType)];
        expect(types.every((type) => type.includes(family === 'oci' ? '.oci.' : '.docker.'))).toBe(true);
        expect(await validate(after)).toEqual([]);
      }
    }
  });

  it('compresses as told', async () => {
    const before = await imageOfEntries(...layers);
    const tar = await bytesOfLayer(await flattened(before, { compression: { kind: 'none' } }), 0);
    expect(gunzipSync(await bytesOfLayer(await flattened(before), 0)).equals(tar)).toBe(true);
    const [plain] = await layersOf(await flattened(before, { compression: { kind: 'none' } }));
    expect(plain).toMatchObject({ mediaType: mediaTypes.ociLayer, digest: digestOf(tar) });
    if (!(await canCompressZstd())) return;
    const [zstd] = await layersOf(await flattened(before, { compression: { kind: 'zstd' } }));
    expect(zstd?.mediaType).toBe(mediaTypes.ociLayerZstd);
    const docker = await convertMediaTypes(before, 'docker');
    await expect(flatten(docker, { compression: { kind: 'zstd' } })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('gives the same bytes each time', async () => {
    const image = await randomImage({ layers: 4, layerSize: 500_000, seed: 'same' });
    const roots = [await flattened(image), await flattened(image)].map(({ root }) => root);
    expect(roots[0]).toEqual(roots[1]);
  });

  it('packs what export gives, with headers across the pieces in which layers are read', async () => {
    const name = (i: number): string => `${'directory/'.repeat(55)}${'x'.repeat(60)}${i}`;
    const entries = Array.from({ length: 4000 }, (_, i) => ({ name: name(i), body: `${i}`.repeat(20) }));
    // Every third one is no longer what its entry says: its header is read.
    const links = entries.flatMap((entry, i) =>
      i % 3 === 0 ? [{ name: `links/${i}`, type: 'hardlink' as const, linkname: entry.name }] : [],
    );
    const before = await imageOfEntries(entries, links);
    const { rootfs } = await configOf(await flattened(before));
    expect(rootfs.diff_ids[0]).toBe(digestOf(await collect(exportFilesystem(before), limit)));
  });

  it('flattens all images of an index, with what is beside them', async () => {
    const { store, root, images } = await indexWithAttestation();
    const after = await flattened({ store, root });
    const { manifests, annotations } = await indexOf(after);
    expect(annotations).toEqual({ of: 'index' });
    const [amd64, arm64, attestation] = manifests;
    expect([amd64?.platform, arm64?.platform]).toEqual(images.map(({ platform }) => platform));
    for (const [i, image] of [amd64, arm64].entries()) {
      const at = { store: after.store, root: image as Descriptor };
      expect(await layersOf(at)).toHaveLength(1);
      expect(await filesOf(at)).toEqual(await filesOf({ store, root: images[i] as Descriptor }));
    }
    expect(attestation?.annotations).toEqual({ 'vnd.docker.reference.digest': amd64?.digest });
    expect(await validate(after)).toEqual([]);
  });

  it('leaves images of other platforms as they are', async () => {
    const before = await randomIndex();
    const after = await flattened(before, { platforms: [parsePlatform('linux/arm64')] });
    const [[old], [amd64, arm64]] = [(await indexOf(before)).manifests, (await indexOf(after)).manifests];
    expect(amd64).toEqual(old);
    expect(await layersOf({ store: after.store, root: arm64 as Descriptor })).toHaveLength(1);
    const none = flatten(before, { platforms: [parsePlatform('linux/s390x')] });
    await expect(none).rejects.toMatchObject({ code: 'NO_MATCHING_PLATFORM' });
  });

  it('makes one layer for images that have the same layers, and reads those once', async () => {
    const { store, root } = await imageOfEntries(...layers);
    const manifest = await manifestOf({ store, root });
    const memory = store as MemoryStore;
    const other = await memory.add(
      Buffer.from(JSON.stringify({ ...manifest, annotations: { a: 'b' } })),
      root.mediaType,
    );
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [root, other] };
    const read: string[] = [];
    const after = await flattened(
      { store, root: await memory.add(Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex) },
      { onProgress: (event) => void (event.type === 'start' && read.push(event.target.digest)) },
    );
    const made = await Promise.all(
      (await indexOf(after)).manifests.map(async (image) => layersOf({ store: after.store, root: image })),
    );
    expect(made[0]).toEqual(made[1]);
    expect(read).toHaveLength(layers.length);
  });

  it.each<readonly [string, () => Promise<Artifact>, FlattenOptions, object]>([
    ['an artifact', artifact, {}, { code: 'UNSUPPORTED', message: `Can't flatten ${mediaTypes.ociManifest}` }],
    ['schema 1', schema1, {}, { code: 'UNSUPPORTED', message: `Can't flatten ${mediaTypes.dockerSchema1}` }],
    ['a layer that is not there', () => imageOfEntries(...layers), { fromLayer: 3 }, { code: 'OUT_OF_RANGE' }],
    ['a wrong diff ID', () => lying(), {}, { code: 'DIGEST_MISMATCH' }],
    ['too few diff IDs', () => imageOfTars([tarTrailer], { rootfs: { diff_ids: [] } }), {}, { code: 'INVALID_CONFIG' }],
    ['a bomb', () => imageOfEntries(...layers), { maxBytes: 1000 }, { code: 'LIMIT_EXCEEDED' }],
  ])('refuses %s, and leaves nothing behind', async (_, make, options, expected) => {
    const temporaryDirectory = await testDirectory();
    await expect(flatten(await make(), { temporaryDirectory, ...options })).rejects.toMatchObject(expected);
    expect(await readdir(temporaryDirectory)).toEqual([]);
  });

  it('leaves no temporary file when it is disposed of', async () => {
    const temporaryDirectory = await testDirectory();
    const made = await flatten(await randomImage({ layerSize: 300_000 }), { temporaryDirectory });
    expect(await readdir(temporaryDirectory)).toHaveLength(1);
    await made[Symbol.asyncDispose]();
    expect(await readdir(temporaryDirectory)).toEqual([]);
  });
});

describe('flatten() of the uppermost layers', () => {
  const history = [
    { created_by: 'base' },
    { created_by: 'CMD', empty_layer: true },
    { created_by: 'app' },
    { created_by: 'more' },
  ];

  it('keeps the lower layers with their steps, and gives the same file system', async () => {
    const upper: readonly LayerEntry[] = [{ name: 'bin/b', body: 'b' }];
    const before = await imageOfTars(await Promise.all([...layers.slice(0, 2), upper].map(layerTar)), { history });
    const after = await flattened(before, { fromLayer: 1 });
    const [lower, made, ...none] = await layersOf(after);
    expect(none).toEqual([]);
    expect(lower).toEqual((await layersOf(before))[0]);
    const steps = (await configOf(after)).history ?? [];
    expect(steps.map(({ created_by }) => created_by)).toEqual(['base', 'CMD', `crane flatten ${before.root.digest}`]);
    expect(JSON.parse(steps[2]?.comment ?? '')).toMatchObject([{ created_by: 'app' }, { created_by: 'more' }]);
    expect(made?.mediaType).toBe(mediaTypes.ociLayerGzip);
    expect((await filesOf(after)).toSorted()).toEqual((await filesOf(before)).toSorted());
    expect(await validate(after)).toEqual([]);
  });

  it('keeps an unknown history unknown, and refuses to cut one that is wrong', async () => {
    const tars = await Promise.all(layers.slice(0, 2).map(layerTar));
    const after = await flattened(await imageOfTars(tars), { fromLayer: 1 });
    expect((await configOf(after)).history).toBeUndefined();
    const wrong = await imageOfTars(tars, { history });
    await expect(flatten(wrong, { fromLayer: 1 })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    expect((await configOf(await flattened(wrong))).history).toHaveLength(1);
  });
});

/** In memory, so that no test has files to remove. */
async function flattened(artifact: Artifact, options: FlattenOptions = {}): Promise<Artifact> {
  await using made = await flatten(artifact, { created, ...options });
  const store = new MemoryStore();
  await copyGraph(made.store, store, made.root);
  return { store, root: made.root };
}

async function filesOf(image: Artifact): Promise<string[]> {
  const entries = await readEntries(exportFilesystem(image));
  return entries.map(({ header: { name, type }, body }) => (type === 'directory' ? `${name}/` : `${name}=${body}`));
}

async function configOf(image: Artifact): Promise<Config> {
  return JSON.parse(Buffer.from(await rawConfigOf(image)).toString()) as Config;
}

async function manifestOf(image: Artifact): Promise<ImageManifest> {
  return JSON.parse(Buffer.from(await rawManifestOf(image)).toString()) as ImageManifest;
}

async function indexOf(index: Artifact): Promise<ImageIndex> {
  return JSON.parse(Buffer.from(await rawManifestOf(index)).toString()) as ImageIndex;
}

async function bytesOfLayer(image: Artifact, layer: number): Promise<Uint8Array> {
  const target = (await layersOf(image))[layer] as Descriptor;
  return collect(await image.store.fetch(target), limit);
}

async function indexWithAttestation(): Promise<Artifact & { readonly images: readonly Descriptor[] }> {
  const { store, root } = await randomIndex();
  const images = (await indexOf({ store, root })).manifests;
  const memory = store as MemoryStore;
  const statement = await memory.add(Buffer.from('{"x":1}'), 'application/vnd.in-toto+json');
  const rootfs = { type: 'layers', diff_ids: [statement.digest] };
  const document = JSON.stringify({ architecture: 'unknown', os: 'unknown', rootfs });
  const config = await memory.add(Buffer.from(document), mediaTypes.ociConfig);
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [statement] };
  const attestation = {
    ...(await memory.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest)),
    annotations: { 'vnd.docker.reference.digest': images[0]?.digest },
    platform: { os: 'unknown', architecture: 'unknown' },
  };
  const manifests = [...images, attestation];
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, annotations: { of: 'index' } };
  return { store, root: await memory.add(Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex), images };
}

async function lying(): Promise<Artifact> {
  return imageOfTars([tarTrailer], { rootfs: { type: 'layers', diff_ids: [digestOf(Buffer.from('other'))] } });
}

async function artifact(): Promise<Artifact> {
  const store = new MemoryStore();
  const config = await store.add(Buffer.from('{}'), mediaTypes.ociEmpty);
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest) };
}

async function schema1(): Promise<Artifact> {
  const store = new MemoryStore();
  const manifest = { schemaVersion: 1, fsLayers: [], history: [] };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.dockerSchema1) };
}
