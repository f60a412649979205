import { expect, it } from 'vitest';
import {
  goldenBase,
  goldenLayer,
  goldenOperations,
  imageOfDocuments,
} from '../../../test/support/golden-operations.ts';
import { collect, streamOf } from '../../content/bytes.ts';
import { describeBytes, digestOf } from '../../content/hash.ts';
import { annotationsIn, entriesIn, platformIndex } from '../../../test/support/image-registry.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { MemoryStore } from '../../store/memory.ts';
import { copyGraph } from '../copy.ts';
import { emptyImage, emptyIndex } from '../empty.ts';
import { imageManifestOf, rawConfigOf, rawManifestOf } from '../read.ts';
import { appendLayers, appendToImages } from './append-layers.ts';
import { mutateImage } from './mutate-image.ts';

it('a layer on top gives the bytes that crane gives', async () => {
  const after = await appendLayers(await goldenBase(), [goldenLayer(0)], { mediaTypes: 'own' });
  const golden = goldenOperations['appendLayers(NEW.layer0)'];
  expect(Buffer.from(await rawConfigOf(after)).toString()).toBe(golden?.config);
  expect(Buffer.from(await rawManifestOf(after)).toString()).toBe(golden?.manifest);
  expect(after.root.digest).toBe(golden?.manifestDigest);
});

it('a layer on the empty image gives the digest that crane gives', async () => {
  const after = await appendLayers(await emptyImage(), [goldenLayer(0)]);
  expect(after.root.digest).toBe(goldenOperations['emptyImage+NEW.layer0']?.manifestDigest);
});

it('history, annotations and URLs of a layer give the bytes that crane gives', async () => {
  const mediaType = mediaTypes.ociLayerGzip;
  const layer = goldenLayer(1, { mediaType, urls: ['http://u'], annotations: { q: 'r' } });
  const history = { author: 'au', created: '2023-11-14T22:13:20Z', createdBy: 'cb', comment: 'co' };
  const appended = await appendLayers(await goldenBase(), [{ ...layer, history }]);
  const after = await mutateImage(appended, { history: { createdBy: 'ENV' } });
  const golden = goldenOperations['append(full addendum on NEW.layer1, then empty-layer history)'];
  expect(Buffer.from(await rawConfigOf(after)).toString()).toBe(golden?.config);
  expect(after.root.digest).toBe(golden?.manifestDigest);
});

it('layers get the media types of their base, and Docker has none for zstd', async () => {
  const oci = await appendLayers(await goldenBase(), [
    goldenLayer(0),
    goldenLayer(1, { mediaType: mediaTypes.dockerForeignLayerGzip }),
    goldenLayer(1, { mediaType: 'application/vnd.example' }),
  ]);
  expect((await imageManifestOf(oci)).layers.slice(-3).map((layer) => layer.mediaType)).toEqual([
    mediaTypes.ociLayerGzip,
    mediaTypes.ociRestrictedLayerGzip,
    'application/vnd.example',
  ]);
  const docker = await emptyImage();
  const zstd = goldenLayer(0, { mediaType: mediaTypes.ociLayerZstd });
  await expect(appendLayers(docker, [zstd])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  const mixed = await appendLayers(docker, [zstd], { mediaTypes: 'own' });
  expect((await imageManifestOf(mixed)).layers[0]?.mediaType).toBe(mediaTypes.ociLayerZstd);
});

it('what was appended is copied from where it lies, as often as it is copied', async () => {
  const bytes = Buffer.from('a layer');
  let opened = 0;
  const open = async (start: number): Promise<ReturnType<typeof streamOf>> => {
    opened++;
    return streamOf(bytes.subarray(start));
  };
  const descriptor = describeBytes(bytes, mediaTypes.dockerLayerGzip);
  const after = await appendLayers(await emptyImage(), [{ descriptor, diffId: digestOf(bytes), content: { open } }]);
  expect(opened).toBe(0);
  for (const times of [1, 2]) {
    const sink = new MemoryStore();
    await copyGraph(after.store, sink, after.root);
    expect(opened).toBe(times);
    expect(Buffer.from(await collect(await sink.fetch(descriptor), 100)).toString()).toBe('a layer');
  }
});

it('a layer that is not what its descriptor says is not copied', async () => {
  const descriptor = describeBytes(Buffer.from('a layer'), mediaTypes.dockerLayerGzip);
  const content = { open: async () => streamOf(Buffer.from('a laser')) };
  const after = await appendLayers(await emptyImage(), [{ descriptor, diffId: descriptor.digest, content }]);
  await expect(copyGraph(after.store, new MemoryStore(), after.root)).rejects.toMatchObject({
    code: 'DIGEST_MISMATCH',
  });
});

it('an artifact keeps its config, and an index takes no layers', async () => {
  const types = { manifest: mediaTypes.ociManifest, config: mediaTypes.ociEmpty };
  const artifact = await imageOfDocuments('{}', { artifactType: 'a/b' }, types);
  const after = await appendLayers(artifact, [goldenLayer(0)]);
  expect(Buffer.from(await rawConfigOf(after)).toString()).toBe('{}');
  expect((await imageManifestOf(after)).layers).toHaveLength(1);
  expect(await appendLayers(artifact, [])).toBe(artifact);
  await expect(appendLayers(await emptyIndex(), [goldenLayer(0)])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});

it('each image of an index gets its layers, and what in it is no image stays', async () => {
  const index = await platformIndex('linux/amd64', 'linux/arm64');
  const artifact = await imageOfDocuments('{}', {}, { manifest: mediaTypes.ociManifest, config: mediaTypes.ociEmpty });
  const store = new MemoryStore();
  await copyGraph(index.store, store, index.root);
  await copyGraph(artifact.store, store, artifact.root);
  const manifests = [...(await entriesIn(index)), artifact.root];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const mixed = { store, root: await store.add(bytes, mediaTypes.ociIndex) };
  const asked: string[] = [];
  const after = await appendToImages(
    mixed,
    async ({ family, os, isImage }) => {
      asked.push(`${family} ${os} ${isImage}`);
      return [goldenLayer(0)];
    },
    { annotateBase: { name: 'base' } },
  );
  expect(asked).toEqual(['oci linux true', 'oci linux true']);
  const [first, second, third] = await entriesIn(after);
  for (const [i, root] of [first, second].entries()) {
    if (root === undefined) throw new Error('An image is missing');
    expect((await imageManifestOf({ ...after, root })).layers).toHaveLength(2);
    expect(await annotationsIn({ ...after, root })).toEqual({
      'org.opencontainers.image.base.digest': manifests[i]?.digest,
      'org.opencontainers.image.base.name': 'base',
    });
  }
  expect(third).toEqual(artifact.root);
  expect(await appendToImages(mixed, async () => [])).toBe(mixed);
});

it('an image alone gets its layers in the same way, and an artifact alone, too', async () => {
  const base = await goldenBase();
  const after = await appendToImages(base, async () => [goldenLayer(0)], { mediaTypes: 'own' });
  expect(after.root.digest).toBe(goldenOperations['appendLayers(NEW.layer0)']?.manifestDigest);
  const types = { manifest: mediaTypes.ociManifest, config: mediaTypes.ociEmpty };
  const artifact = await imageOfDocuments('{}', { artifactType: 'a/b' }, types);
  const more = await appendToImages(artifact, async () => [goldenLayer(0)]);
  expect((await imageManifestOf(more)).layers).toHaveLength(1);
});
