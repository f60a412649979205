import { describe, expect, it } from 'vitest';
import { goldenBase, goldenOperations, imageOfDocuments } from '../../../test/support/golden-operations.ts';
import {
  documentOf,
  digestsIn,
  imageFor,
  indexOf,
  platformIndex,
  platforms,
  type Made,
} from '../../../test/support/sample-index.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parsePlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { copyGraph } from '../copy.ts';
import { emptyImage, emptyIndex } from '../empty.ts';
import { configOf, rawManifestOf } from '../read.ts';
import { appendToIndex } from './append-to-index.ts';
import { mutateIndex } from './mutate-index.ts';

describe('appendToIndex()', () => {
  it('lists an image as crane does: where it runs, its annotations, its type', async () => {
    const base = await goldenBase();
    const after = await appendToIndex(await emptyIndex(), [{ artifact: base, platform: null }]);
    const [entry] = (await documentOf(after)).manifests;
    expect(entry).toEqual({ ...base.root, annotations: { x: 'y' }, artifactType: mediaTypes.ociConfig });
    const described = await appendToIndex(await emptyIndex(), [{ artifact: base, annotations: { p: 'q' } }]);
    expect((await documentOf(described)).manifests[0]).toMatchObject({
      platform: { architecture: 'arm64', os: 'linux', variant: 'v8' },
      annotations: { x: 'y', p: 'q' },
    });
  });

  it('takes the entries of an index with all they say, and from each store what is there', async () => {
    const other = await platformIndex();
    const image = await imageFor('windows', 'amd64', { 'os.version': '10', 'os.features': ['win32k'] });
    const after = await appendToIndex(await emptyIndex(), [{ artifact: other }, { artifact: image }]);
    const { manifests } = await documentOf(after);
    expect(manifests.slice(0, 3)).toEqual(
      other.entries.map((entry) => Object.assign({ artifactType: mediaTypes.ociConfig }, entry)),
    );
    expect(manifests[3]).toMatchObject({ platform: { 'os.version': '10', 'os.features': ['win32k'] } });
    const sink = new MemoryStore();
    expect(await copyGraph(after.store, sink, after.root)).toMatchObject({ manifests: 5 });
  });

  it('lists an index itself, when it shall', async () => {
    const other = await platformIndex();
    const after = await appendToIndex(await emptyIndex(), [{ artifact: other, flatten: false }]);
    expect((await documentOf(after)).manifests).toEqual([other.root]);
    expect(await copyGraph(after.store, new MemoryStore(), after.root)).toMatchObject({ manifests: 5 });
  });

  it('lists nothing twice, and an index that gains nothing stays what it is', async () => {
    const image = await imageFor('linux', 'amd64');
    const once = await appendToIndex(await emptyIndex(), [{ artifact: image }, { artifact: image }]);
    expect((await documentOf(once)).manifests).toHaveLength(1);
    expect(await appendToIndex(once, [{ artifact: image }])).toBe(once);
    expect(await appendToIndex(once, [{ artifact: once }])).toBe(once);
    const index = await platformIndex();
    expect(await appendToIndex(index, [{ artifact: index }]), 'although the added entries get a type').toBe(index);
  });

  it('edits the entry of an image that is listed, and leaves the rest of it alone', async () => {
    const index = await platformIndex();
    const [amd64, arm64, attestation] = index.entries;
    const [first, second] = [
      { store: index.store, root: amd64 as Descriptor },
      { store: index.store, root: arm64 as Descriptor },
    ];
    const platform = parsePlatform('linux/amd64');
    const named = await appendToIndex(index, [{ artifact: first, platform, annotations: { a: 'b' } }]);
    expect((await documentOf(named)).manifests).toEqual([{ ...amd64, annotations: { a: 'b' } }, arm64, attestation]);
    const moved = await appendToIndex(index, [{ artifact: second, platform: parsePlatform('linux/arm64/v9') }]);
    expect((await documentOf(moved)).manifests[1]?.platform).toMatchObject({ variant: 'v9' });
    const bare = await appendToIndex(index, [{ artifact: first, platform: null }]);
    expect((await documentOf(bare)).manifests[0]).toEqual({ ...amd64, platform: undefined });
  });

  it('tells an entry without a platform where its image runs, and lists an image that runs elsewhere, too, twice', async () => {
    const image = await imageFor('linux', 'amd64');
    const unstated = await indexOf([[image, { 'x-entry': 1 }]]);
    const told = await appendToIndex(unstated, [{ artifact: image }]);
    expect((await documentOf(told)).manifests).toEqual([
      { ...image.root, platform: { os: 'linux', architecture: 'amd64' }, 'x-entry': 1 },
    ]);
    const other = await indexOf([[image, { platform: parsePlatform('linux/arm') }]]);
    expect((await documentOf(await appendToIndex(other, [{ artifact: image }]))).manifests).toHaveLength(2);
  });

  it('keeps entries of one digest that say different things apart', async () => {
    const seal = await imageFor('unknown', 'unknown');
    const about = (digit: string): object => ({
      annotations: { 'vnd.docker.reference.digest': `sha256:${digit.repeat(64)}` },
    });
    const base = await indexOf([[seal, about('1')]]);
    const more = await indexOf([
      [seal, about('1')],
      [seal, about('2')],
    ]);
    expect((await documentOf(await appendToIndex(base, [{ artifact: more }]))).manifests).toHaveLength(2);
  });

  it('adds annotations to the entries of an index, and to the index it makes', async () => {
    const index = await platformIndex();
    const after = await appendToIndex(await emptyIndex(), [{ artifact: index, annotations: { a: 'b' } }], {
      annotations: { set: { i: '1' } },
    });
    expect(await documentOf(after)).toMatchObject({
      annotations: { i: '1' },
      manifests: [
        { annotations: { a: 'b' } },
        { annotations: { a: 'b' } },
        { annotations: { a: 'b', 'vnd.docker.reference.digest': index.entries[0]?.digest } },
      ],
    });
    expect(await digestsIn(await appendToIndex(index, [], { annotations: { set: { i: '1' } } }))).toEqual(
      await digestsIn(index),
    );
  });

  it('edits entries of an index that are listed already', async () => {
    const index = await platformIndex();
    const after = await appendToIndex(index, [{ artifact: index, annotations: { a: 'b' }, platform: null }]);
    const { manifests } = await documentOf(after);
    expect(manifests).toHaveLength(3);
    for (const entry of manifests) {
      expect(entry.annotations).toMatchObject({ a: 'b' });
      expect(entry).not.toHaveProperty('platform');
    }
    expect(await appendToIndex(after, [{ artifact: index, annotations: { a: 'b' }, platform: null }])).toBe(after);
  });

  it('refuses one platform for the images of an index, and what is neither image nor index', async () => {
    const index = await platformIndex();
    const platform = parsePlatform('linux/arm');
    await expect(appendToIndex(index, [{ artifact: index, platform }])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('cannot all get one platform'),
    });
    const whole = await appendToIndex(index, [{ artifact: index, platform, flatten: false }]);
    expect((await documentOf(whole)).manifests[3]).toMatchObject({ digest: index.root.digest, platform });
    const store = new MemoryStore();
    const root = await store.add(Buffer.from('{"schemaVersion":1,"fsLayers":[]}'), mediaTypes.dockerSchema1Signed);
    await expect(appendToIndex(index, [{ artifact: { store, root } }])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/^unknown media type: application\/vnd\.docker\.distribution\.manifest\.v1/),
    });
  });

  it('asks each store only for what is there', async () => {
    const asked: string[] = [];
    const watched = async (name: string, artifact: Artifact): Promise<Artifact> => {
      const { store, root } = artifact;
      const stat: typeof store.stat = async (content) => {
        asked.push(name);
        return store.stat(content);
      };
      return { store: { resolve: async () => root, fetch: async (target) => store.fetch(target), stat }, root };
    };
    const base = await watched('base', await platformIndex());
    const image = await watched('image', await imageFor('windows', 'amd64'));
    const index = await watched('index', await platformIndex());
    const after = await appendToIndex(base, [{ artifact: image }, { artifact: index }]);
    expect(await copyGraph(after.store, new MemoryStore(), after.root)).toMatchObject({ manifests: 5 });
    expect(asked.filter((name) => name !== 'base')).toEqual([]);
  });

  it('keeps what nobody knows, lists artifacts without a platform, and wants an index', async () => {
    const types = { manifest: mediaTypes.ociManifest, config: 'application/vnd.example' };
    const artifact = await imageOfDocuments('not JSON', {}, types);
    const base = await platformIndex();
    const after = await documentOf(await appendToIndex(base, [{ artifact }]));
    expect(after).toMatchObject({
      'x-index': [1],
      manifests: [{ 'x-entry': 1 }, {}, {}, { artifactType: types.config }],
    });
    expect(after.manifests[3]).not.toHaveProperty('platform');
    await expect(appendToIndex(await emptyImage(), [])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('is no index but'),
    });
  });
});

describe('mutateIndex()', () => {
  const labels = { set: { l: 'v' } };

  it('edits every image, and lets attestations follow', async () => {
    const index = await platformIndex();
    const after = await mutateIndex(index, { images: { labels }, annotations: { set: { a: '<' } } });
    const document = await documentOf(after);
    expect(document).toMatchObject({ annotations: { a: '<' }, 'x-index': [1], manifests: [{ 'x-entry': 1 }, {}, {}] });
    const [amd64, arm64, attestation] = document.manifests;
    for (const [i, root] of [amd64, arm64].entries()) {
      expect(root?.digest).not.toBe(index.entries[i]?.digest);
      if (root === undefined) continue;
      expect(await configOf({ ...after, root })).toMatchObject({ config: { Labels: { l: 'v' } } });
      expect(root.platform).toEqual(index.entries[i]?.platform);
    }
    expect(attestation).toMatchObject({
      digest: index.attestation.digest,
      annotations: { 'vnd.docker.reference.digest': amd64?.digest },
    });
    expect(await copyGraph(after.store, new MemoryStore(), after.root)).toMatchObject({ manifests: 4 });
  });

  it('edits only the chosen platforms', async () => {
    const index = await platformIndex();
    const after = await mutateIndex(index, { images: { labels } }, { platforms: platforms('linux/arm64') });
    const [amd64, arm64, attestation] = (await documentOf(after)).manifests;
    expect([amd64, attestation]).toEqual([index.entries[0], index.entries[2]]);
    expect(arm64?.digest).not.toBe(index.entries[1]?.digest);
    await expect(
      mutateIndex(index, { images: { labels } }, { platforms: platforms('linux/arm64', 'linux/s390x') }),
    ).rejects.toMatchObject({ code: 'NO_MATCHING_PLATFORM', hint: expect.stringContaining('linux/amd64') });
  });

  it('leaves attestations with the old image or drops them, when it shall', async () => {
    const index = await platformIndex();
    const kept = await mutateIndex(index, { images: { labels } }, { attestations: 'keep' });
    expect((await documentOf(kept)).manifests[2]).toEqual(index.entries[2]);
    const dropped = await mutateIndex(index, { images: { labels } }, { attestations: 'drop' });
    expect((await documentOf(dropped)).manifests).toHaveLength(2);
  });

  it('changes nothing where nothing changes, and annotations alone leave images alone', async () => {
    const index = await platformIndex();
    expect(await mutateIndex(index, { images: { labels: { unset: ['x'] } } })).toBe(index);
    const annotated = await mutateIndex(index, { annotations: { set: { a: 'b' } } });
    expect((await documentOf(annotated)).manifests).toEqual(index.entries);
  });

  it('edits images in indexes within once, however often they are listed', async () => {
    let inner: Made = await indexOf([[await imageFor('linux', 'amd64')]]);
    for (let depth = 0; depth < 7; depth++) inner = await indexOf(Array.from({ length: 20 }, () => [inner] as const));
    const after = await mutateIndex(inner, { images: { labels } });
    expect(await copyGraph(after.store, new MemoryStore(), after.root)).toMatchObject({ manifests: 9 });
    for (let depth = 0; depth < 2; depth++) inner = await indexOf([[inner]]);
    await expect(mutateIndex(inner, { images: { labels } })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('gives a platform to one image only', async () => {
    const index = await platformIndex();
    const images = { platform: parsePlatform('linux/riscv64') };
    await expect(mutateIndex(index, { images })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const after = await mutateIndex(index, { images }, { platforms: platforms('linux/arm64') });
    expect((await documentOf(after)).manifests[1]?.platform).toEqual({ os: 'linux', architecture: 'riscv64' });
  });

  it('gives the bytes of crane for annotations', async () => {
    const golden = goldenOperations['index annotations'];
    const before = (golden?.index ?? '').replace(',"annotations":{"a":"\\u003c"}}', '}');
    const store = new MemoryStore();
    const root = await store.add(Buffer.from(before), mediaTypes.ociIndex);
    const after = await mutateIndex({ store, root }, { annotations: { set: { a: '<' } } });
    expect(Buffer.from(await rawManifestOf(after)).toString()).toBe(golden?.index);
    expect(after.root.digest).toBe(golden?.digest);
  });
});
