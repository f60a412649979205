import { readdir } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { blobOf, type Sample } from '../../../test/conformance/samples.ts';
import { imageOfTars } from '../../../test/support/layer-stack.ts';
import { indexOf, layeredImage, type LayeredImage, tarOf } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { collect } from '../../content/bytes.ts';
import type { Compression } from '../../content/compression.ts';
import { digestOf } from '../../content/hash.ts';
import { canCompressZstd } from '../../content/zstd.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { copyGraph } from '../copy.ts';
import { layersOf, manifestOf, rawConfigOf, rawManifestOf } from '../read.ts';
import { validate } from '../validate.ts';
import { convertMediaTypes } from './convert-media-types.ts';
import { recompress, type RecompressOptions } from './recompress.ts';
import type { RewrittenArtifact } from './rewrite-images.ts';

const megabytes = 10 * 1024 * 1024;

describe('recompress', () => {
  it.each(['oci', 'docker'] as const)('gives every layer of an image of %s types the wanted form', async (family) => {
    const image = layeredImage('x', { layers: ['none', 'zstd', 'gzip'], family, size: 300_000 });
    const before = await stored(image);
    const after = await recompressed(before, { kind: 'gzip', level: 6 });
    expect(after.root.mediaType).toBe(before.root.mediaType);
    expect(await rawConfigOf(after)).toEqual(await rawConfigOf(before));
    const layers = await layersOf(after);
    const type = family === 'oci' ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayerGzip;
    expect(layers.map(({ mediaType }) => mediaType)).toEqual([type, type, type]);
    for (const [i, layer] of layers.entries()) {
      const bytes = await collect(await after.store.fetch(layer), megabytes);
      expect(gunzipSync(bytes).equals(image.tars[i] ?? Buffer.alloc(0))).toBe(true);
    }
    expect(await problemsOf(after)).toEqual([]);
    await after[Symbol.asyncDispose]();
  });

  it('can take compression away, and does not need the old layers then', async () => {
    const image = layeredImage('x', { layers: ['zstd', 'gzip'], size: 500_000 });
    const after = await recompressed(await stored(image), { kind: 'none' });
    const copy = new MemoryStore();
    await copyGraph(after.store, copy, after.root);
    await after[Symbol.asyncDispose]();
    expect((await layersOf({ store: copy, root: after.root })).map(({ digest }) => digest)).toEqual(
      image.tars.map((tar) => digestOf(tar)),
    );
    expect(await problemsOf({ store: copy, root: after.root })).toEqual([]);
  });

  it('leaves layers that have the form already, unless a level is asked for', async () => {
    const image = layeredImage('x', { layers: ['gzip', 'none'], size: 10_000 });
    const before = await stored(image);
    const after = await recompressed(before, { kind: 'gzip' });
    const [first, second] = await layersOf(after);
    expect(first).toEqual(image.layers[0]?.target);
    expect(second?.digest).not.toBe(image.layers[1]?.target.digest);
    const again = await recompressed(after, { kind: 'gzip' });
    expect(again.root).toEqual(after.root);
    const smaller = await recompressed(before, { kind: 'gzip', level: 9 });
    expect((await layersOf(smaller))[0]?.digest).not.toBe(first?.digest);
  });

  it('compresses with zstd where the runtime can, and converts Docker images only when told to', async () => {
    const docker = await stored(layeredImage('x', { family: 'docker' }));
    await expect(recompressed(docker, { kind: 'zstd' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('Docker media types') as string,
    });
    const making = recompressed(docker, { kind: 'zstd' }, { format: 'oci' });
    if (!(await canCompressZstd())) return expect(making).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const after = await making;
    expect(after.root.mediaType).toBe(mediaTypes.ociManifest);
    expect((await layersOf(after))[0]?.mediaType).toBe(mediaTypes.ociLayerZstd);
    expect(await problemsOf(after)).toEqual([]);
  });

  it('works on an index, on layers that images share once, and keeps what it does not know', async () => {
    const shared = layeredImage('shared', { layers: ['zstd', 'gzip'] });
    const other = { ...layeredImage('shared', { layers: ['zstd', 'gzip'], architecture: 'arm64' }) };
    const list = JSON.parse(Buffer.from(indexOf({ 'linux/amd64': shared, 'linux/arm64': other }).bytes).toString()) as {
      manifests: object[];
    };
    list.manifests.push({
      ...attestation.target,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.digest': shared.target.digest },
      'x-unknown': 1,
    });
    const index = blobOf(JSON.stringify({ ...list, 'x-top': [1.0] }), mediaTypes.ociIndex);
    const store = await storeOf([shared, other], [...attestations, index]);
    let fetched = 0;
    const counting = Object.assign(Object.create(store) as MemoryStore, {
      fetch: (target: Descriptor) => {
        if (target.digest === shared.layers[0]?.target.digest) fetched++;
        return store.fetch(target);
      },
      stat: (target: Descriptor) => store.stat(target),
    });
    const after = await recompressed({ store: counting, root: index.target }, { kind: 'none' });
    expect(fetched).toBe(1);
    expect(await problemsOf(after)).toEqual([]);
    const text = Buffer.from(await rawManifestOf(after)).toString();
    const { manifests } = JSON.parse(text) as { manifests: (Descriptor & { 'x-unknown'?: number })[] };
    expect(text).toContain('"x-top":[1]');
    expect(manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64', 'unknown']);
    expect(manifests[2]).toMatchObject({ digest: attestation.target.digest, 'x-unknown': 1 });
    expect(manifests[2]?.annotations?.['vnd.docker.reference.digest']).toBe(manifests[0]?.digest);
    const some = await recompressed(
      { store, root: index.target },
      { kind: 'none' },
      {
        includeChild: ({ platform }) => platform?.architecture === 'arm64',
      },
    );
    const children = await manifestOf(some);
    expect(children.kind === 'index' && children.index.manifests[0]?.digest).toBe(shared.target.digest);
  });

  it('leaves layers that may not be passed on, and drops what is said about the old bytes', async () => {
    const tar = tarOf({ a: 'a' });
    const foreign = { mediaType: mediaTypes.dockerForeignLayerGzip, digest: digestOf(Buffer.from('f')), size: 1 };
    const layer = blobOf(gzipSync(tar), mediaTypes.ociLayerGzip);
    const annotations = { 'containerd.io/snapshot/stargz/toc.digest': 'sha256:1', kept: 'yes' };
    const config = blobOf(
      JSON.stringify({ os: 'windows', rootfs: { type: 'layers', diff_ids: [foreign.digest, digestOf(tar)] } }),
      mediaTypes.ociConfig,
    );
    const layers = [
      { ...foreign, urls: ['https://example.com/f'] },
      { ...layer.target, annotations, urls: ['https://x'] },
    ];
    const manifest = blobOf(
      JSON.stringify({ schemaVersion: 2, config: config.target, layers }),
      mediaTypes.ociManifest,
    );
    const store = await storeOf([], [config, layer, manifest]);
    const after = await recompressed({ store, root: manifest.target }, { kind: 'none' });
    const [first, second] = await layersOf(after);
    expect(first).toEqual(layers[0]);
    expect(second).toEqual({
      mediaType: mediaTypes.ociLayer,
      digest: digestOf(tar),
      size: tar.length,
      annotations: { kept: 'yes' },
    });
  });

  it('does not call a layer uncompressed that is compressed in a way nobody knows', async () => {
    const tars = [Buffer.from('first'), Buffer.from('\xfd7zXZ\0 and more', 'latin1')];
    const rootfs = { type: 'layers', diff_ids: [digestOf(Buffer.from('first')), digestOf(Buffer.from('its tar'))] };
    const packed = await imageOfTars(tars, { rootfs });
    await expect(recompressed(packed, { kind: 'none' })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('names the layer that cannot be read', async () => {
    const cut = gzipSync(Buffer.alloc(100_000, 'x')).subarray(0, -20);
    const layer = blobOf(cut, mediaTypes.ociLayerGzip);
    const image = layeredImage('x', { layers: ['gzip'], size: 1000 });
    const manifest = blobOf(
      JSON.stringify({ schemaVersion: 2, config: image.config.target, layers: [layer.target] }),
      mediaTypes.ociManifest,
    );
    const store = await storeOf([image], [layer, manifest]);
    await expect(recompressed({ store, root: manifest.target }, { kind: 'none' })).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
      message: `The layer ${layer.target.digest} cannot be read: the gzip data is cut short`,
    });
  });

  it('refuses layers that are not what the config says, bombs, and what is no image; nothing is left', async () => {
    const directory = await testDirectory();
    const [one, two] = [layeredImage('one', { size: 400_000 }), layeredImage('two', { size: 400_000 })];
    const mixed = blobOf(
      JSON.stringify({ schemaVersion: 2, config: one.config.target, layers: [two.layers[0]?.target] }),
      mediaTypes.ociManifest,
    );
    const store = await storeOf([one, two], [mixed, ...attestations]);
    const to = (root: Descriptor, limit?: number): Promise<unknown> =>
      recompressed({ store, root }, { kind: 'none' }, { directory, limit });
    await expect(to(mixed.target)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(to(one.target, 100_000)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(to(attestation.target)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(recompressed({ store, root: one.target }, { kind: 'none' }, { signal })).rejects.toThrow('enough');
    await expect(recompressed({ store, root: one.target }, { kind: 'gzip', level: 77 })).rejects.toThrow(RangeError);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('convertMediaTypes', () => {
  it('changes what things are called, there and back, and nothing else', async () => {
    const images = {
      'linux/amd64': layeredImage('a', { layers: ['gzip', 'none'] }),
      'linux/arm64': layeredImage('b', { architecture: 'arm64' }),
    };
    const index = indexOf(images);
    const store = await storeOf(Object.values(images), [index]);
    const before = { store, root: index.target };
    const docker = await convertMediaTypes(before, 'docker');
    expect(docker.root.mediaType).toBe(mediaTypes.dockerManifestList);
    const list = await manifestOf(docker);
    if (list.kind !== 'index') throw new Error('It is an index');
    expect(new Set(list.index.manifests.map(({ mediaType }) => mediaType))).toEqual(
      new Set([mediaTypes.dockerManifest]),
    );
    const image = { store: docker.store, root: list.index.manifests[0] as Descriptor };
    expect((await layersOf(image)).map(({ mediaType }) => mediaType)).toEqual([
      mediaTypes.dockerLayerGzip,
      mediaTypes.dockerLayer,
    ]);
    expect(await problemsOf(docker)).toEqual([]);
    const back = await convertMediaTypes(docker, 'oci');
    const restored = await manifestOf(back);
    expect(restored.kind === 'index' && restored.index.manifests.map(({ digest }) => digest)).toEqual(
      Object.values(images).map(({ target }) => target.digest),
    );
    expect((await convertMediaTypes(before, 'oci')).root).toEqual(before.root);
  });

  it('refuses what Docker has no type for', async () => {
    const zstd = await stored(layeredImage('x', { layers: ['zstd'] }));
    await expect(convertMediaTypes(zstd, 'docker')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const image = layeredImage('y');
    const manifests = [image.target, attestation.target];
    const index = blobOf(JSON.stringify({ schemaVersion: 2, manifests }), mediaTypes.ociIndex);
    const store = await storeOf([image], [...attestations, index]);
    await expect(convertMediaTypes({ store, root: index.target }, 'docker')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('attestations') as string,
    });
  });
});

/** With temporary files that go with the test. */
async function recompressed(
  artifact: Artifact,
  compression: Compression,
  options: RecompressOptions = {},
): Promise<RewrittenArtifact> {
  return recompress(artifact, compression, { directory: await testDirectory(), ...options });
}

async function stored(image: LayeredImage): Promise<Artifact> {
  return { store: await storeOf([image], []), root: image.target };
}

async function storeOf(images: readonly LayeredImage[], more: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const samples = [...images.flatMap((image) => [...image.blobs, image]), ...more];
  for (const { target, bytes } of samples) await store.push(target, bytes);
  return store;
}

async function problemsOf({ store, root }: Artifact): Promise<unknown> {
  return validate({ store, root });
}

const statement = blobOf('{}', 'application/vnd.in-toto+json');
const unknownConfig = blobOf(
  JSON.stringify({
    architecture: 'unknown',
    os: 'unknown',
    rootfs: { type: 'layers', diff_ids: [statement.target.digest] },
  }),
  mediaTypes.ociConfig,
);
const attestation = blobOf(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: unknownConfig.target,
    layers: [statement.target],
  }),
  mediaTypes.ociManifest,
);

/** What BuildKit attaches to an image. */
const attestations: readonly Sample[] = [statement, unknownConfig, attestation];
