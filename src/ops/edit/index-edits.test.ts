import { describe, expect, it } from 'vitest';
import { goldenBase, goldenOperations, imageOfDocuments } from '../../../test/support/golden-operations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { parseDigest } from '../../oci/digest.ts';
import type { ImageIndex } from '../../oci/manifest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parsePlatform, type Platform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { copyGraph } from '../copy.ts';
import { emptyImage, emptyIndex } from '../empty.ts';
import { configOf, rawManifestOf } from '../read.ts';
import { appendToIndex } from './append-to-index.ts';
import { filterIndex } from './filter-index.ts';
import { removeFromIndex } from './remove-from-index.ts';
import { mutateIndex } from './mutate-index.ts';

type Document = ImageIndex & Readonly<Record<string, unknown>>;

async function documentOf(artifact: Artifact): Promise<Document> {
  return JSON.parse(Buffer.from(await rawManifestOf(artifact)).toString()) as Document;
}

async function digestsIn(artifact: Artifact): Promise<readonly string[]> {
  return (await documentOf(artifact)).manifests.map(({ digest }) => digest);
}

async function imageFor(os: string, architecture: string, more: object = {}): Promise<Artifact> {
  return imageOfDocuments(JSON.stringify({ os, architecture, ...more }));
}

interface Made extends Artifact {
  readonly entries: readonly Descriptor[];
}

/** An index, and all that it lists, in one store. */
async function indexOf(
  children: readonly (readonly [child: Artifact, more?: object])[],
  more: object = {},
): Promise<Made> {
  const store = new MemoryStore();
  const entries: Descriptor[] = [];
  for (const [child, others] of children) {
    await copyGraph(child.store, store, child.root);
    entries.push({ ...child.root, ...others });
  }
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries, ...more };
  return { store, root: await store.add(Buffer.from(JSON.stringify(document, null, 1)), mediaTypes.ociIndex), entries };
}

async function platformIndex(): Promise<Made & { readonly attestation: Descriptor }> {
  const [amd64, arm64] = [await imageFor('linux', 'amd64'), await imageFor('linux', 'arm64')];
  const attestation = await imageFor('unknown', 'unknown');
  const made = await indexOf(
    [
      [amd64, { platform: parsePlatform('linux/amd64'), 'x-entry': 1 }],
      [arm64, { platform: parsePlatform('linux/arm64/v8') }],
      [
        attestation,
        {
          platform: parsePlatform('unknown/unknown'),
          annotations: { 'vnd.docker.reference.digest': amd64.root.digest },
        },
      ],
    ],
    { 'x-index': [1] },
  );
  return { ...made, attestation: made.entries[2] as Descriptor };
}

function platforms(...texts: readonly string[]): readonly Platform[] {
  return texts.map(parsePlatform);
}

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

describe('filterIndex()', () => {
  it('keeps what fits a platform, with its attestations, and what nobody knows', async () => {
    const index = await platformIndex();
    const [amd64, arm64, attestation] = index.entries;
    expect(await documentOf(await filterIndex(index, platforms('linux/amd64', 'linux/s390x')))).toEqual({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [amd64, attestation],
      'x-index': [1],
    });
    const dropped = await filterIndex(index, platforms('linux'), { attestations: 'drop' });
    expect((await documentOf(dropped)).manifests).toEqual([amd64, arm64]);
    expect(await filterIndex(index, platforms('linux'))).toBe(index);
  });

  it('refuses to leave nothing, unless it shall', async () => {
    const index = await platformIndex();
    await expect(filterIndex(index, platforms('linux/s390x'))).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      hint: 'Available platforms: linux/amd64, linux/arm64/v8',
    });
    await expect(filterIndex(index, [])).rejects.toMatchObject({ code: 'NO_MATCHING_PLATFORM' });
    const empty = await filterIndex(index, [], { allowEmpty: true });
    expect(await documentOf(empty)).toMatchObject({ manifests: [], 'x-index': [1] });
  });

  it('filters indexes within, and drops those of which nothing stays, and what states no platform', async () => {
    const [amd64, arm64] = [await imageFor('linux', 'amd64'), await imageFor('linux', 'arm64')];
    const inner = await indexOf([
      [amd64, { platform: parsePlatform('linux/amd64') }],
      [arm64, { platform: parsePlatform('linux/arm64') }],
    ]);
    const nothing = await indexOf([[amd64]]);
    const after = await filterIndex(
      await indexOf([[inner, { 'x-e': 1 }], [nothing], [amd64]]),
      platforms('linux/arm64'),
    );
    const { manifests } = await documentOf(after);
    expect(manifests).toMatchObject([{ mediaType: mediaTypes.ociIndex, 'x-e': 1 }]);
    const [first] = manifests;
    if (first !== undefined) expect(await digestsIn({ ...after, root: first })).toEqual([arm64.root.digest]);
    expect(await copyGraph(after.store, new MemoryStore(), after.root)).toMatchObject({ manifests: 3 });
  });
});

describe('filterIndex() of everything', () => {
  it('keeps all, and without attestations only those go', async () => {
    const index = await platformIndex();
    expect(await filterIndex(index, 'all')).toBe(index);
    const fewer = await filterIndex(index, 'all', { attestations: 'drop' });
    expect((await documentOf(fewer)).manifests).toEqual(index.entries.slice(0, 2));
  });

  it('says that no entry states a platform, or that there is none', async () => {
    const bare = await indexOf([[await imageFor('linux', 'amd64')]]);
    await expect(filterIndex(bare, platforms('linux'))).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      hint: 'Its entries state no platform',
    });
    await expect(filterIndex(await emptyIndex(), 'all')).rejects.toMatchObject({ hint: 'The index is empty' });
  });

  it('keeps what is attached by name to images that stay, be they listed deeper', async () => {
    const [amd64, arm64] = [await imageFor('linux', 'amd64'), await imageFor('linux', 'arm64')];
    const named = ({ root }: Artifact, more = ''): object => ({
      annotations: { 'org.opencontainers.image.ref.name': `${root.digest.replace(':', '-')}${more}` },
    });
    const inner = await indexOf([
      [amd64, { platform: parsePlatform('linux/amd64') }],
      [arm64, { platform: parsePlatform('linux/arm64') }],
    ]);
    const seal = await imageFor('', '');
    const layout = await indexOf([[inner], [seal, named(arm64, '.sig')], [await indexOf([[seal]]), named(amd64)]]);
    const after = await filterIndex(layout, platforms('linux/amd64'));
    expect((await documentOf(after)).manifests.map(({ digest }) => digest).slice(1)).toEqual([
      layout.entries[2]?.digest,
    ]);
  });
});

describe('removeFromIndex()', () => {
  it('removes by platform and by digest, with the attestations of what goes', async () => {
    const index = await platformIndex();
    const [amd64, arm64, attestation] = index.entries;
    const left = async (...entries: Parameters<typeof removeFromIndex>[1]): Promise<readonly object[]> =>
      (await documentOf(await removeFromIndex(index, entries))).manifests;
    expect(await left(parsePlatform('linux/amd64'))).toEqual([arm64]);
    expect(await left(...platforms('linux/arm64'))).toEqual([amd64, attestation]);
    expect(await left(index.attestation.digest)).toEqual([amd64, arm64]);
    expect(await left(parsePlatform('unknown'))).toEqual([amd64, arm64]);
    const nested = await indexOf([[index, { 'x-e': 1 }], [await imageFor('windows', 'amd64')]]);
    const after = await removeFromIndex(nested, platforms('linux/amd64'));
    expect((await documentOf(after)).manifests).toMatchObject([{ 'x-e': 1 }, {}]);
    const gone = await removeFromIndex(nested, [index.root.digest]);
    expect((await documentOf(gone)).manifests).toHaveLength(1);
  });

  it('refuses what is not there, and to leave nothing unless it shall', async () => {
    const index = await platformIndex();
    const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
    await expect(removeFromIndex(index, [digest])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: expect.stringContaining(index.attestation.digest),
    });
    await expect(removeFromIndex(index, platforms('linux/amd64', 'windows'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('"windows"'),
      hint: 'It lists linux/amd64, linux/arm64/v8, unknown/unknown',
    });
    await expect(removeFromIndex(index, platforms('linux', 'unknown'))).rejects.toMatchObject({ code: 'CONFLICT' });
    const empty = await removeFromIndex(index, platforms('linux', 'unknown'), { allowEmpty: true });
    expect(await documentOf(empty)).toMatchObject({ manifests: [], 'x-index': [1] });
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
