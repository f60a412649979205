import { expect, it } from 'vitest';
import { goldenBase, goldenOperations } from '../../../test/support/golden-operations.ts';
import { annotationsIn } from '../../../test/support/image-registry.ts';
import { indexDocument } from '../../oci/document/manifest-document.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { emptyImage, emptyIndex } from '../empty.ts';
import { rawConfigOf, rawManifestOf } from '../read.ts';
import { filterIndex } from './filter-index.ts';
import { mutateImage } from './mutate-image.ts';
import { mutateIndex } from './mutate-index.ts';

// What crane made of its operations, as far as no other test beside this one has it; test/vectors/operations.json.

async function textIn(artifact: Artifact): Promise<string> {
  return Buffer.from(await rawManifestOf(artifact)).toString();
}

async function added(text: string, mediaType: string): Promise<Artifact> {
  const store = new MemoryStore();
  return { store, root: await store.add(Buffer.from(text), mediaType) };
}

it('empty images and indexes are those of crane', async () => {
  const image = await emptyImage();
  expect(Buffer.from(await rawConfigOf(image)).toString()).toBe(goldenOperations['emptyImage']?.config);
  expect(await textIn(image)).toBe(goldenOperations['emptyImage']?.manifest);
  expect(await textIn(await emptyIndex())).toBe(goldenOperations['emptyIndex']?.index);
  expect(await textIn(await emptyIndex({ format: 'docker' }))).toBe(goldenOperations['emptyIndex docker']?.index);
});

it('an image with a subject keeps it to the byte when everything is written anew, which crane does where it sets one', async () => {
  const golden = goldenOperations['subject'];
  const { store } = await goldenBase();
  const root = await (store as MemoryStore).add(Buffer.from(golden?.manifest ?? ''), mediaTypes.ociManifest);
  expect(root.digest).toBe(golden?.manifestDigest);
  const spaced = await (store as MemoryStore).add(
    Buffer.from(JSON.stringify(JSON.parse(golden?.manifest ?? ''), null, 2)),
    mediaTypes.ociManifest,
  );
  expect((await mutateImage({ store, root: spaced }, {}, { reencode: true })).root.digest).toBe(root.digest);
});

it('an index with entries that crane added is written as crane does, and without its entries has an empty list, where crane writes null', async () => {
  const golden = goldenOperations['index append [A, NEW+platform+annotations]'];
  const index = await added(golden?.index ?? '', mediaTypes.ociIndex);
  expect(index.root.digest).toBe(golden?.digest);
  const document = indexDocument.parse(await rawManifestOf(index), 'It');
  expect(Buffer.from(indexDocument.encode(document)).toString()).toBe(golden?.index);
  const annotated = await mutateIndex(index, { annotations: { set: { a: '<' } } });
  expect(await textIn(annotated)).toBe(goldenOperations['index annotations']?.index);
  expect(await annotationsIn(annotated)).toEqual({ a: '<' });
  const emptied = await filterIndex(index, [{ os: 'none', architecture: '' }], { allowEmpty: true });
  // The image-spec wants a list: crane-cli reference, section 8, do better.
  expect(await textIn(emptied)).toBe(goldenOperations['index remove all']?.index.replace('null', '[]'));
});
