import { describe, expect, it } from 'vitest';
import { imageOf, pushImage, type Sample } from '../../test/conformance/samples.ts';
import { blobOf } from '../../test/conformance/samples.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { ImageIndex } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { parsePlatform } from '../oci/platform.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';
import { copyGraph } from './copy.ts';
import { childrenForPlatforms, trimToPlatforms } from './platforms.ts';
import { rawManifestOf } from './read.ts';
import { imageForPlatform } from './resolve.ts';

const store = new MemoryStore();

async function image(name: string, platform?: string, more: object = {}): Promise<Descriptor> {
  const sample = imageOf(name);
  await pushImage(store, sample);
  const stated = platform === undefined ? {} : { platform: parsePlatform(platform) };
  return { ...sample.target, ...stated, ...more };
}

async function index(
  manifests: readonly unknown[],
  more: object = {},
): Promise<Artifact & { readonly sample: Sample }> {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...more };
  const sample = blobOf(JSON.stringify(document, null, 1), mediaTypes.ociIndex);
  await store.push(sample.target, sample.bytes);
  return { store, root: sample.target, sample };
}

async function documentOf(artifact: Artifact): Promise<ImageIndex & Readonly<Record<string, unknown>>> {
  return JSON.parse(Buffer.from(await rawManifestOf(artifact)).toString()) as ImageIndex & Record<string, unknown>;
}

function platforms(...texts: readonly string[]): ReturnType<typeof parsePlatform>[] {
  return texts.map(parsePlatform);
}

describe('trimToPlatforms()', () => {
  it('keeps order, annotations and fields nobody knows, of the index and of its entries', async () => {
    const amd64 = await image('amd64', 'linux/amd64', { 'x-entry': { keep: [1.0] }, annotations: { a: 'b' } });
    const arm64 = await image('arm64', 'linux/arm64/v8');
    const s390x = await image('s390x', 'linux/s390x');
    const whole = await index([s390x, arm64, amd64], { annotations: { name: 'x' }, 'x-index': 1, artifactType: 'a/b' });
    const named = {
      ...whole.root,
      data: Buffer.from(whole.sample.bytes).toString('base64'),
      annotations: { named: 'x' },
    };
    const trimmed = await trimToPlatforms({ ...whole, root: named }, platforms('linux/amd64', 'linux/arm64'));
    expect(trimmed.root.digest).not.toBe(whole.root.digest);
    expect(trimmed.root).toMatchObject({ mediaType: mediaTypes.ociIndex, annotations: { named: 'x' } });
    expect(trimmed.root).not.toHaveProperty('data');
    expect(await documentOf(trimmed)).toEqual({ ...(await documentOf(whole)), manifests: [arm64, amd64] });
  });

  it('keeps all images that fit, and the attestations of those', async () => {
    const [v6, v7] = [await image('v6', 'linux/arm/v6'), await image('v7', 'linux/arm/v7')];
    const windows = await image('win', 'windows/amd64:10.0.1');
    const attest = (about: Descriptor): Promise<Descriptor> =>
      image(`attestation of ${about.digest}`, 'unknown/unknown', {
        annotations: {
          'vnd.docker.reference.type': 'attestation-manifest',
          'vnd.docker.reference.digest': about.digest,
        },
      });
    const [ofV7, ofWindows] = [await attest(v7), await attest(windows)];
    const whole = await index([ofV7, v6, v7, windows, ofWindows]);
    const arm = await trimToPlatforms(whole, platforms('linux/arm'));
    expect((await documentOf(arm)).manifests).toEqual([ofV7, v6, v7]);
  });

  it('trims indexes in indexes, and leaves out those that have nothing', async () => {
    const [amd64, arm64, s390x] = [
      await image('n amd64', 'linux/amd64'),
      await image('n arm64', 'linux/arm64'),
      await image('n s390x', 'linux/s390x'),
    ];
    const inner = await index([amd64, s390x], { 'x-inner': true });
    const data = Buffer.from(inner.sample.bytes).toString('base64');
    const nothing = await index([s390x]);
    const whole = await index([{ ...inner.root, data, 'x-entry': 1 }, nothing.root, arm64]);
    const trimmed = await trimToPlatforms(whole, platforms('linux/amd64', 'linux/arm64'));
    const { manifests } = await documentOf(trimmed);
    expect(manifests).toHaveLength(2);
    expect(manifests[0]).toMatchObject({ 'x-entry': 1, mediaType: mediaTypes.ociIndex });
    expect(trimmed.manifests.size).toBe(2);
    const [first] = manifests;
    if (first === undefined) return;
    expect(await documentOf({ store: trimmed.store, root: first })).toMatchObject({
      'x-inner': true,
      manifests: [amd64],
    });
    expect(Buffer.from(first.data ?? '', 'base64').byteLength).toBe(first.size);
    // Both ways of copying: from a store that has all, and from the one the images are in.
    for (const [source, options] of [
      [trimmed.store, {}],
      [store, { manifests: trimmed.manifests }],
    ] as const) {
      const sink = new MemoryStore();
      await copyGraph(source, sink, trimmed.root, { tag: 'v1', ...options });
      expect(await sink.resolve('v1')).toMatchObject({ digest: trimmed.root.digest });
      expect(await sink.stat(s390x)).toBeUndefined();
      expect(await sink.stat(amd64)).toBeDefined();
    }
  });

  it('changes nothing when all images stay', async () => {
    const whole = await index([await image('one', 'linux/amd64'), await image('two', 'linux/arm64')]);
    const trimmed = await trimToPlatforms(whole, platforms('linux/amd64', 'linux/arm64'));
    expect(trimmed.root).toEqual(whole.root);
    expect(trimmed.manifests.size).toBe(0);
  });

  it('fails when there is nothing for one of the platforms, and says what there is', async () => {
    const whole = await index([await image('one', 'linux/amd64'), await image('two', 'linux/arm64')]);
    await expect(trimToPlatforms(whole, platforms('linux/amd64', 'linux/s390x'))).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      message: expect.stringContaining('for platform linux/s390x in index'),
      hint: 'Available platforms: linux/amd64, linux/arm64',
    });
  });

  it('takes a single image that fits, and what has no platform, as it is', async () => {
    const root = await image('single');
    expect((await trimToPlatforms({ store, root }, platforms('linux/arm64', 'linux/amd64'))).root).toEqual(root);
    await expect(trimToPlatforms({ store, root }, platforms('linux/arm64', 'linux/s390x'))).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      message: expect.stringContaining('is for linux/amd64, not for linux/arm64, linux/s390x'),
    });
    const chart = blobOf('{}', 'application/vnd.cncf.helm.config.v1+json');
    await store.push(chart.target, chart.bytes);
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: chart.target, layers: [] };
    const helm = await store.add(new TextEncoder().encode(JSON.stringify(manifest)), mediaTypes.ociManifest);
    expect((await trimToPlatforms({ store, root: helm }, platforms('linux/arm64', 'linux/s390x'))).root).toEqual(helm);
  });

  it('refuses indexes nested without end', async () => {
    let inner = await index([await image('deep', 'linux/amd64')]);
    for (let depth = 0; depth < 9; depth++) inner = await index([inner.root]);
    await expect(trimToPlatforms(inner, platforms('linux/amd64', 'linux/arm64'))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});

describe('childrenForPlatforms()', () => {
  it('lets a copy keep the index and leave out images', async () => {
    const [amd64, arm64] = [await image('s amd64', 'linux/amd64'), await image('s arm64', 'linux/arm64')];
    const inner = await index([arm64, await image('s s390x', 'linux/s390x')]);
    const whole = await index([amd64, inner.root]);
    const sink = new MemoryStore();
    const includeChild = await childrenForPlatforms(whole, platforms('linux/arm64'));
    await copyGraph(store, sink, whole.root, { tag: 'v1', includeChild });
    expect(await sink.resolve('v1')).toEqual(whole.root);
    expect(await sink.stat(amd64)).toBeUndefined();
    expect(await sink.stat(arm64)).toBeDefined();
    expect(await sink.stat(inner.root)).toBeDefined();
  });
});

describe('an index that lists one index many times, over and over', () => {
  const deep = async (platform: string): Promise<Artifact> => {
    let made = await index([await image(`deep ${platform}`, platform), await image('deep other', 'linux/s390x')]);
    for (let level = 0; level < 6; level++) made = await index(Array.from({ length: 50 }, () => made.root));
    return made;
  };

  it('is read once per index', async () => {
    const whole = await deep('linux/amd64');
    const trimmed = await trimToPlatforms(whole, platforms('linux/amd64'));
    expect((await documentOf(trimmed)).manifests).toHaveLength(50);
    expect(trimmed.manifests.size).toBe(7);
    const includes = await childrenForPlatforms(whole, platforms('linux/amd64'));
    expect(await copyGraph(store, new MemoryStore(), whole.root, { includeChild: includes })).toMatchObject({
      manifests: 8,
    });
  });

  it('is searched once per index where nothing fits', async () => {
    await expect(imageForPlatform(await deep('linux/arm64'), parsePlatform('linux/amd64'))).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      hint: 'Available platforms: linux/arm64, linux/s390x',
    });
  });
});
