import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blobOf, type Sample } from '../../../test/conformance/samples.ts';
import { tarOf } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openDockerArchive } from '../../archive/docker-archive.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { DescribedTag } from '../../store/described-tag.ts';
import { MemoryStore } from '../../store/memory.ts';
import { describeTags } from './describe-tags.ts';

const created = 'org.opencontainers.image.created';

describe('describeTags', () => {
  it('finds out what tags name and when images were made', async () => {
    const store = new MemoryStore();
    const image = await addImage(store, { created: '2024-05-01T10:00:00.123456789+02:00' }, 'v1');
    expect(await describeTags(store, [{ tag: 'v1' }])).toEqual([
      { tag: 'v1', digest: image.digest, mediaType: image.mediaType, size: image.size, created: time('08:00:00.123') },
    ]);
  });

  it('takes of an index its image for linux/amd64, not an attestation, else the first', async () => {
    const store = new MemoryStore();
    const [old, wanted] = [
      await addImage(store, { created: '2020-01-01T00:00:00Z' }),
      await addImage(store, { created: '2024-05-01T01:00:00Z' }),
    ];
    const attestation = { ...old, platform: { os: 'unknown', architecture: 'unknown' } };
    const arm = { ...old, platform: { os: 'linux', architecture: 'arm64' } };
    const s390x = { ...wanted, platform: { os: 'linux', architecture: 's390x' } };
    await addIndex(store, [attestation, arm, { ...wanted, platform: { os: 'linux', architecture: 'amd64' } }], 'many');
    await addIndex(store, [attestation, s390x, arm], 'others');
    expect(await timesOf(store, ['many', 'others'])).toEqual([time('01:00:00'), time('01:00:00')]);
  });

  it('believes the annotation of an index, and that of an artifact, which has no config with a time', async () => {
    const store = new MemoryStore();
    const annotations = { [created]: '2024-05-01T02:00:00Z' };
    await addIndex(store, [await addImage(store, { created: '2020-01-01T00:00:00Z' })], 'index', annotations);
    await addImage(store, {}, 'chart', { annotations }, 'application/vnd.cncf.helm.config.v1+json');
    expect(await timesOf(store, ['index', 'chart'])).toEqual([time('02:00:00'), time('02:00:00')]);
  });

  it('knows no time of what says none, nothing usable, or the zero time of Go', async () => {
    const store = new MemoryStore();
    await addImage(store, {}, 'none');
    await addImage(store, { created: 'yesterday' }, 'words');
    await addImage(store, { created: '0001-01-01T00:00:00Z' }, 'zero');
    await addIndex(store, [], 'empty');
    expect(await timesOf(store, ['none', 'words', 'zero', 'empty'])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('leaves a tag without a time that is gone, or whose config is missing or no JSON', async () => {
    const store = new MemoryStore();
    await addImage(store, { created: '2024-05-01T01:00:00Z' }, 'good');
    const lost = blobOf('{}', mediaTypes.ociConfig);
    await addManifest(store, lost.target, 'lost');
    const broken = blobOf('{', mediaTypes.ociConfig);
    await store.push(broken.target, broken.bytes);
    await addManifest(store, broken.target, 'broken');
    const found = await describeTags(store, ['gone', 'lost', 'good', 'broken'].map(named));
    expect(found.map((tag) => tag.created)).toEqual([undefined, undefined, time('01:00:00'), undefined]);
    expect(found.map(({ digest }) => digest !== undefined)).toEqual([false, true, true, true]);
  });

  it('asks nothing about tags whose time is known, and reads once what tags share', async () => {
    const store = new MemoryStore();
    await addImage(store, { created: '2024-05-01T01:00:00Z' }, 'a');
    await store.tag(await store.resolve('a'), 'b');
    const read: string[] = [];
    const watched = {
      resolve: async (name: string) => (read.push(name), store.resolve(name)),
      stat: store.stat.bind(store),
      fetch: async (target: Descriptor) => (read.push(target.mediaType), store.fetch(target)),
    };
    const known = { tag: 'known', uploaded: 5 };
    expect(await describeTags(watched, [known, { tag: 'a' }, { tag: 'b' }])).toMatchObject([
      known,
      { created: time('01:00:00') },
      { created: time('01:00:00') },
    ]);
    expect(read.toSorted()).toEqual(['a', mediaTypes.ociConfig, mediaTypes.ociManifest, 'b'].toSorted());
  });

  it('reads of an archive that has no manifests the configs alone', async () => {
    const directory = await testDirectory();
    const entry = { Layers: ['not-there.tar'] };
    const manifest = [
      { ...entry, RepoTags: ['app:v1'], Config: '1.json' },
      { ...entry, RepoTags: ['app:v2'], Config: '2.json' },
    ];
    const files = { 'manifest.json': JSON.stringify(manifest), '1.json': '{"created":"2024-05-01T01:00:00Z"}' };
    await writeFile(join(directory, 'images.tar'), tarOf(files));
    await using archive = await openDockerArchive(join(directory, 'images.tar'));
    expect(await describeTags(archive, ['app:v1', 'gone:v1'].map(named))).toEqual([
      { tag: 'app:v1', created: time('01:00:00') },
      { tag: 'gone:v1' },
    ]);
    await expect(describeTags(archive, [{ tag: 'app:v2' }])).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
  });

  it('fails where the store does, and asks no more', async () => {
    let asked = 0;
    const broken = Object.assign(new MemoryStore(), {
      resolve: async () => {
        asked++;
        throw new TypeError('the store is broken');
      },
    });
    const tags = Array.from({ length: 50 }, (_, i) => ({ tag: `v${i}` }));
    await expect(describeTags(broken, tags, { concurrency: 2 })).rejects.toThrow('the store is broken');
    expect(asked).toBeLessThan(5);
  });

  it('ends when it is cancelled', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(describeTags(new MemoryStore(), [{ tag: 'a' }], { signal })).rejects.toThrow('enough');
  });
});

function named(tag: string): DescribedTag {
  return { tag };
}

async function timesOf(store: MemoryStore, tags: readonly string[]): Promise<readonly (number | undefined)[]> {
  return (await describeTags(store, tags.map(named))).map((tag) => tag.created);
}

function time(text: string): number {
  return Date.parse(`2024-05-01T${text}Z`);
}

async function addImage(
  store: MemoryStore,
  config: object,
  tag?: string,
  extra: object = {},
  configType: string = mediaTypes.ociConfig,
): Promise<Descriptor> {
  const blob = blobOf(JSON.stringify(config), configType);
  await store.push(blob.target, blob.bytes);
  return addManifest(store, blob.target, tag, extra);
}

function addManifest(store: MemoryStore, config: Descriptor, tag?: string, extra: object = {}): Promise<Descriptor> {
  return add(
    store,
    blobOf(JSON.stringify({ schemaVersion: 2, config, layers: [], ...extra }), mediaTypes.ociManifest),
    tag,
  );
}

function addIndex(
  store: MemoryStore,
  manifests: readonly Descriptor[],
  tag: string,
  annotations?: Readonly<Record<string, string>>,
): Promise<Descriptor> {
  return add(store, blobOf(JSON.stringify({ schemaVersion: 2, manifests, annotations }), mediaTypes.ociIndex), tag);
}

async function add(store: MemoryStore, { target, bytes }: Sample, tag: string | undefined): Promise<Descriptor> {
  await store.push(target, bytes);
  if (tag !== undefined) await store.tag(target, tag);
  return target;
}
