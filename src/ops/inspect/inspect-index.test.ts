import { describe, expect, it } from 'vitest';
import { goldenImage } from '../../../test/support/golden-image.ts';
import { imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { imageFor, indexOf, platformIndex, platforms } from '../../../test/support/sample-index.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { MemoryStore } from '../../store/memory.ts';
import { inspectImage } from './inspect-image.ts';
import type { IndexDetails } from './summary.ts';

async function inspectedIndex(...args: Parameters<typeof inspectImage>): Promise<IndexDetails & { warnings: unknown }> {
  const summary = await inspectImage(...args);
  if (summary.kind !== 'index') throw new Error(`It is an ${summary.kind}`);
  return summary;
}

describe('the summary of an index', () => {
  it('has its platforms, attestations apart, and its image for linux/amd64', async () => {
    const index = await platformIndex();
    const [amd64, arm64, attestation] = index.entries;
    const summary = await inspectedIndex(index);
    expect(summary.manifests).toMatchObject([
      { kind: 'image', digest: amd64?.digest, platform: { os: 'linux', architecture: 'amd64' } },
      { kind: 'image', digest: arm64?.digest, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { kind: 'attestation', digest: attestation?.digest, describes: amd64?.digest },
    ]);
    expect(summary.image).toMatchObject({ kind: 'image', digest: amd64?.digest });
    // Only what was read is known.
    expect(summary.manifests.map(({ imageSize }) => imageSize)).toEqual([
      summary.image?.imageSize,
      undefined,
      undefined,
    ]);
    expect(summary.imageSize).toBeUndefined();
  });

  it('is that of one image for a platform', async () => {
    const index = await platformIndex();
    const [platform] = platforms('linux/arm64');
    expect(await inspectImage(index, { platform })).toMatchObject({
      kind: 'image',
      digest: index.entries[1]?.digest,
      chosenFrom: { digest: index.root.digest, mediaType: mediaTypes.ociIndex },
    });
    const [missing] = platforms('windows/amd64');
    await expect(inspectImage(index, { platform: missing })).rejects.toMatchObject({ code: 'NO_MATCHING_PLATFORM' });
  });

  it('notes an image that is for another platform than the index says', async () => {
    const image = await imageFor('linux', 'arm64');
    const index = await indexOf([[image, { platform: platforms('linux/amd64')[0] }]]);
    const warning = `Image ${image.root.digest}: its config's architecture is "arm64", but the index says "amd64" (linux/amd64)`;
    expect((await inspectedIndex(index)).warnings).toEqual([warning]);
    const [platform] = platforms('linux/amd64');
    expect((await inspectImage(index, { platform })).warnings).toEqual([warning]);
  });

  it('takes the base that the index states', async () => {
    const image = await imageFor('linux', 'amd64');
    const annotations = { 'org.opencontainers.image.base.name': 'debian:12' };
    const summary = await inspectedIndex(await indexOf([[image]], { annotations }));
    expect(summary.image).toMatchObject({ base: { name: 'debian:12', from: 'annotations' } });
  });

  it('has only its platforms when none is linux/amd64, and nothing when it is empty', async () => {
    const arm = await indexOf([[await imageFor('linux', 'arm64'), { platform: platforms('linux/arm64')[0] }]]);
    const summary = await inspectedIndex(arm);
    expect([summary.manifests.length, summary.image, summary.warnings]).toEqual([1, undefined, []]);
    expect(await inspectedIndex(await indexOf([]))).toMatchObject({ manifests: [], warnings: [] });
  });

  it('says when its image is not there', async () => {
    const index = await platformIndex();
    const store = new MemoryStore();
    await store.push(index.root, await index.store.fetch(index.root));
    const summary = await inspectedIndex({ store, root: index.root });
    expect(summary.warnings).toEqual([expect.stringContaining('The image for linux/amd64 is listed')]);
    expect(summary.manifests.map(({ missing }) => missing)).toEqual([true, undefined, undefined]);
    const measured = await inspectedIndex({ store, root: index.root }, { sizes: true });
    expect(measured.manifests.map(({ missing }) => missing)).toEqual([true, true, true]);
    expect(measured.imageSize).toBeUndefined();
  });

  it('finds its image in an index within, and lists that as what it is', async () => {
    const inner = await indexOf([[await imageFor('linux', 'amd64'), { platform: platforms('linux/amd64')[0] }]]);
    const outer = await indexOf([[inner]]);
    const summary = await inspectedIndex(outer, { sizes: true });
    expect(summary.manifests).toMatchObject([{ kind: 'index', digest: inner.root.digest }]);
    expect(summary.image?.digest).toBe(inner.entries[0]?.digest);
    // What the inner index needs was not looked at.
    expect(summary.imageSize).toBeUndefined();
  });

  it('measures its images, and counts together what they share once', async () => {
    const index = await goldenImage('multi', 'oci');
    const { manifests, imageSize } = await inspectedIndex(index, { sizes: true });
    expect(manifests.map((entry) => entry.imageSize)).toEqual([
      555 + 467 + 223 + 181,
      555 + 482 + 162 + 181,
      401 + 335 + 162,
    ]);
    expect(imageSize).toBe(index.root.size + 555 + 555 + 401 + 467 + 482 + 335 + 223 + 181 + 162);
  });

  it('tells artifacts and unknown entries apart', async () => {
    const artifact = await imageFor('linux', 's390x');
    const made = await indexOf([
      [artifact, { artifactType: 'application/vnd.example', platform: platforms('linux/s390x')[0] }],
      [artifact, { artifactType: mediaTypes.ociConfig, platform: platforms('linux/s390x')[0] }],
      [artifact, { mediaType: 'application/vnd.unknown', platform: platforms('linux/s390x')[0] }],
    ]);
    expect((await inspectedIndex(made)).manifests.map(({ kind }) => kind)).toEqual(['artifact', 'image', 'other']);
  });
});

describe('what is asked for beside it', () => {
  async function tagged(): Promise<{ store: MemoryStore; root: Descriptor; amd64: Digest }> {
    const { store, root, entries } = await platformIndex();
    const amd64 = entries[0];
    if (amd64 === undefined) throw new Error('The index is empty');
    const memory = store as MemoryStore;
    for (const tag of ['v1', 'latest']) await memory.tag(root, tag);
    await memory.tag(amd64, 'v1-amd64');
    await memory.tag(entries[1] as Descriptor, 'v1-arm64');
    return { store: memory, root, amd64: amd64.digest };
  }

  it('are the tags of the same manifest, and of the image that is summed up', async () => {
    const { store, root, amd64 } = await tagged();
    const { tags } = await inspectImage({ store, root }, { tags: true });
    expect(tags).toEqual({
      same: expect.arrayContaining([
        { tag: 'latest', digest: root.digest },
        { tag: 'v1', digest: root.digest },
        { tag: 'v1-amd64', digest: amd64 },
      ]) as unknown,
      total: 4,
      complete: true,
    });
    expect(tags?.same.length).toBe(3);
  });

  it('are no tags where they are too many to ask for each', async () => {
    const { store, root } = await tagged();
    const { tags, warnings } = await inspectImage({ store, root }, { tags: { max: 3 } });
    expect(tags).toEqual({ same: [], total: 4, complete: false });
    expect(warnings).toEqual([expect.stringContaining('4 tags are too many')]);
  });

  it('are referrers, and signatures by their tags', async () => {
    const { store, root, amd64 } = await tagged();
    const signature = await imageOfDocuments('{"a":1}');
    await store.push(signature.root, await signature.store.fetch(signature.root));
    await store.tag(signature.root, `${amd64.replace(':', '-')}.sig`);
    const subject = { mediaType: root.mediaType, digest: root.digest, size: root.size };
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: 'application/x.sbom',
      subject,
    };
    const config = await store.add(Buffer.from('{}'), mediaTypes.ociEmpty);
    const sbom = await store.add(
      Buffer.from(JSON.stringify({ ...document, config, layers: [] })),
      mediaTypes.ociManifest,
    );
    for (const tags of [false, true]) {
      const { referrers } = await inspectImage({ store, root }, { referrers: true, tags });
      expect(referrers).toMatchObject([
        { digest: sbom.digest, artifactType: 'application/x.sbom', subject: root.digest },
        { digest: signature.root.digest, subject: amd64, tag: `${amd64.replace(':', '-')}.sig` },
      ]);
    }
  });

  it('are not more tags than anybody has made in earnest', async () => {
    const { store, root } = await platformIndex();
    const memory = store as MemoryStore;
    const name = root.digest.replace(':', '-');
    for (let i = 0; i < 120; i++) await memory.tag(root, `${name}.${i}`);
    const { referrers, warnings } = await inspectImage({ store, root }, { referrers: true });
    expect(referrers?.length).toBe(100);
    expect(warnings).toEqual([expect.stringContaining('120 tags belong to')]);
  });

  it('is absent when it is not asked for', async () => {
    const summary = await inspectImage(await platformIndex());
    expect([summary.tags, summary.referrers, summary.chosenFrom]).toEqual([undefined, undefined, undefined]);
  });
});
