import { expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parsePlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { changeImages, type ImageChange } from './change-images.ts';

interface Entry extends Descriptor {
  readonly data?: string;
}

async function indexOf(store: MemoryStore, entries: readonly Descriptor[]): Promise<Descriptor> {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries };
  return store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociIndex);
}

async function imagesFor(store: MemoryStore, ...platforms: readonly string[]): Promise<readonly Descriptor[]> {
  const images: Descriptor[] = [];
  for (const text of platforms) {
    const image = imageOf(text);
    await pushImage(store, image);
    images.push({ ...image.target, platform: parsePlatform(text) });
  }
  return images;
}

/** A change that notes for which images it is called. */
function noting(upper: MemoryStore, called: string[]): ImageChange {
  return async ({ root }) => {
    called.push(root.digest);
    const { platform } = root;
    return { ...(await upper.add(Buffer.from(`{"layers":[],"was":"${root.digest}"}`), root.mediaType)), platform };
  };
}

async function entriesOf(upper: MemoryStore, root: Descriptor): Promise<readonly Entry[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await upper.fetch(root)) chunks.push(chunk);
  return (JSON.parse(Buffer.concat(chunks).toString()) as { readonly manifests: readonly Entry[] }).manifests;
}

it('changes an image that is listed over and over, also in indexes within, once', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  const [image = expect.fail()] = await imagesFor(store, 'linux/amd64');
  let root = image;
  for (let level = 0; level < 7; level++)
    root = await indexOf(
      store,
      Array.from({ length: 30 }, () => root),
    );
  const called: string[] = [];
  const changed = await changeImages({ store, root }, upper, noting(upper, called));
  expect(called).toEqual([image.digest]);
  expect(await entriesOf(upper, changed)).toHaveLength(30);
});

it('lets each entry of one image keep its platform and annotations, but for those that a change changes', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  const [image = expect.fail()] = await imagesFor(store, 'linux/amd64');
  const entries = [
    { ...image, annotations: { which: 'first', base: 'old' } },
    { ...image, platform: parsePlatform('linux/386'), annotations: { which: 'second' } },
  ];
  const root = await indexOf(store, entries);
  const change: ImageChange = async ({ root: given }) => {
    const fresh = await upper.add(Buffer.from('{"layers":[]}'), given.mediaType);
    return { ...fresh, platform: given.platform, annotations: { ...given.annotations, base: 'new' } };
  };
  const [first, second] = await entriesOf(upper, await changeImages({ store, root }, upper, change));
  expect(first).toMatchObject({ platform: image.platform, annotations: { which: 'first', base: 'new' } });
  expect(second?.digest).toBe(first?.digest);
  expect(second?.platform).toEqual({ architecture: '386', os: 'linux' });
  expect(second?.annotations).toEqual({ which: 'second', base: 'new' });
  // A change that changes nothing leaves the index as it was.
  expect(await changeImages({ store, root }, upper, async ({ root: given }) => given)).toBe(root);
});

it('changes nothing when one of the platforms is not there', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  const root = await indexOf(store, await imagesFor(store, 'linux/amd64', 'linux/arm64'));
  const called: string[] = [];
  const platforms = [parsePlatform('linux/amd64'), parsePlatform('linux/s390x')];
  await expect(changeImages({ store, root }, upper, noting(upper, called), { platforms })).rejects.toMatchObject({
    code: 'NO_MATCHING_PLATFORM',
    message: expect.stringContaining('linux/s390x') as string,
    hint: 'Available platforms: linux/amd64, linux/arm64',
  });
  expect(called).toEqual([]);
});

it('leaves images of other platforms alone and keeps their entries', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  const images = await imagesFor(store, 'linux/amd64', 'linux/arm64/v8');
  const root = await indexOf(store, images);
  const called: string[] = [];
  const options = { platforms: [parsePlatform('linux/arm64')] };
  const changed = await changeImages({ store, root }, upper, noting(upper, called), options);
  expect(called).toEqual([images[1]?.digest]);
  const [first, second] = await entriesOf(upper, changed);
  expect(first).toEqual(images[0]);
  expect(second?.platform).toEqual(images[1]?.platform);
  expect(second?.digest).not.toBe(images[1]?.digest);
});

it('gives the same root when no change changes anything', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  const root = await indexOf(store, await imagesFor(store, 'linux/amd64', 'linux/arm64'));
  expect(await changeImages({ store, root }, upper, async (image) => image.root)).toBe(root);
});

it('embeds the new manifest where the old one was embedded', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  const image = imageOf('embedded');
  await pushImage(store, image);
  const root = await indexOf(store, [{ ...image.target, data: Buffer.from(image.bytes).toString('base64') }]);
  const changed = await changeImages({ store, root }, upper, noting(upper, []));
  const [entry] = await entriesOf(upper, changed);
  expect(JSON.parse(Buffer.from(entry?.data ?? '', 'base64').toString())).toEqual({
    layers: [],
    was: image.target.digest,
  });
});

it('tells the first failure when all changes have ended', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  const images = await imagesFor(store, 'linux/amd64', 'linux/arm64', 'linux/s390x');
  const root = await indexOf(store, images);
  let ended = 0;
  const change = async (image: Artifact, { signal }: { readonly signal: AbortSignal }): Promise<Descriptor> => {
    if (image.root.digest === images[1]?.digest) throw new Error('the second fails');
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    ended++;
    throw new Error('given up');
  };
  await expect(changeImages({ store, root }, upper, change)).rejects.toThrow('the second fails');
  expect(ended).toBe(2);
});

it('refuses indexes that are nested too deep', async () => {
  const [store, upper] = [new MemoryStore(), new MemoryStore()];
  let [root = expect.fail()] = await imagesFor(store, 'linux/amd64');
  for (let level = 0; level < 12; level++) root = await indexOf(store, [root]);
  await expect(changeImages({ store, root }, upper, async (image) => image.root)).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
  });
});
