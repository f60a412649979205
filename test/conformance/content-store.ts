import { describe, expect, it } from 'vitest';
import { collect, type ByteSource, type ByteStream } from '../../src/content/bytes.ts';
import { digestOf } from '../../src/content/hash.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { ContentStore } from '../../src/store/store.ts';
import { testCapabilities } from './capabilities.ts';
import { blobOf, imageOf, noise, piecesOf, pushImage, type Sample, WatchedStream } from './samples.ts';
import { type ContentStoreSuiteOptions, needs } from './suite-options.ts';

const limit = 64 * 1024 * 1024;

/**
 * What every store promises (src/store/store.ts), whatever keeps its bytes; then what its capabilities promise.
 *
 * @param open gives a store that holds nothing, a new one at each call
 */
export function testContentStore(
  name: string,
  open: () => ContentStore | Promise<ContentStore>,
  options: ContentStoreSuiteOptions = {},
): void {
  describe(`${name} is a content store`, () => {
    testRoundTrips(open, options);
    testAbsence(open);
    testRefusals(open);
    testTags(open);
    testRepetition(open);
    testAborts(open);
    testRelease(open);
  });
  testCapabilities(name, open, options);
}

type Open = () => ContentStore | Promise<ContentStore>;

function testRoundTrips(open: Open, options: ContentStoreSuiteOptions): void {
  const hello = blobOf('hello');

  it('fetches the blob that was pushed', async () => {
    const store = await open();
    await store.push(hello.target, hello.bytes);
    await expectContent(store, hello);
  });

  it('states the size of blobs and manifests', async () => {
    const store = await open();
    const image = imageOf('sized');
    await pushImage(store, image);
    for (const { target } of [image, ...image.blobs]) {
      const { mediaType, digest } = target;
      expect(await store.stat({ mediaType, digest })).toMatchObject(target);
    }
  });

  it('fetches manifests and indexes as they were pushed', async () => {
    const store = await open();
    const image = imageOf('child');
    const index = blobOf(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [image.target] }),
      mediaTypes.ociIndex,
    );
    await pushImage(store, image);
    await store.push(index.target, index.bytes);
    await expectContent(store, image);
    await expectContent(store, index);
    expect(await store.resolve(index.target.digest)).toMatchObject(index.target);
  });

  it('keeps white space and unknown fields of a manifest', async () => {
    const store = await open();
    const plain = imageOf('odd');
    const text = new TextDecoder().decode(plain.bytes);
    const odd = `{\r\n\t"x-first": [ 1.50, "\\u003c" ],${text.slice(1, -1)} , "x-last":{ } }\n\n`;
    const image = { ...blobOf(odd, mediaTypes.ociManifest), blobs: plain.blobs };
    await pushImage(store, image, 'odd');
    await expectContent(store, image);
    expect(await store.resolve('odd')).toMatchObject(image.target);
  });

  it('takes megabytes in chunks of any size', async () => {
    const store = await open();
    const large = blobOf(noise(3 * 1024 * 1024 + 17));
    await store.push(large.target, new WatchedStream(piecesOf(large.bytes, 1, 65_536, 100_000, 0, 1_500_000)));
    await expectContent(store, large);
  });

  it('keeps the empty blob', async (context) => {
    needs(context, options, 'emptyBlob');
    const store = await open();
    const empty = blobOf('');
    await store.push(empty.target, new WatchedStream([]));
    expect(await store.stat(empty.target)).toMatchObject(empty.target);
    await expectContent(store, empty);
  });

  it('keeps blobs that are named by sha512', async (context) => {
    needs(context, options, 'sha512');
    const store = await open();
    const target: Descriptor = { ...hello.target, digest: digestOf(hello.bytes, 'sha512') };
    await store.push(target, hello.bytes);
    expect(await store.stat(target)).toMatchObject(target);
    await expectContent(store, { target, bytes: hello.bytes });
  });
}

function testAbsence(open: Open): void {
  it('says undefined or NOT_FOUND for what was not pushed', async () => {
    const store = await open();
    const { target, blobs } = imageOf('absent');
    for (const absent of [target, ...blobs.map((blob) => blob.target)]) {
      expect(await store.stat(absent)).toBeUndefined();
      await expect(store.fetch(absent)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect(store.resolve('absent')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.resolve(target.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('says NOT_FOUND when a tag is to name a manifest that is not there', async () => {
    const store = await open();
    await pushImage(store, imageOf('other'), 'other');
    await expect(store.tag(imageOf('absent').target, 'absent')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.resolve('absent')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
}

function testRefusals(open: Open): void {
  const right = blobOf('some bytes');
  const wrong: readonly (readonly [title: string, content: string, code: string])[] = [
    ['hash to another digest', 'SOME BYTES', 'DIGEST_MISMATCH'],
    ['are longer than stated', 'some bytes!', 'SIZE_MISMATCH'],
    ['are shorter than stated', 'some byte', 'SIZE_MISMATCH'],
    ['are missing', '', 'SIZE_MISMATCH'],
  ];
  for (const [title, content, code] of wrong) {
    it(`refuses bytes that ${title} and keeps none of them`, async () => {
      const { bytes } = blobOf(content);
      await expectRefused(await open(), right, bytes, { code });
      await expectRefused(await open(), right, new WatchedStream(piecesOf(bytes, 4)), { code });
    });
  }

  it('refuses manifests that hash to another digest', async () => {
    const store = await open();
    const image = imageOf('honest');
    for (const blob of image.blobs) await store.push(blob.target, blob.bytes);
    const lie = Uint8Array.from(image.bytes, (byte) => (byte === 0x32 ? 0x33 : byte));
    await expectRefused(store, image, lie, { code: 'DIGEST_MISMATCH' });
  });

  it('passes on the failure of the source and keeps nothing', async () => {
    const failure = new Error('the disk burns');
    const source = new WatchedStream([right.bytes.subarray(0, 4)], () => Promise.reject(failure));
    await expectRefused(await open(), right, source, { message: failure.message });
  });
}

function testTags(open: Open): void {
  it('resolves tags and digests to the manifest', async () => {
    const store = await open();
    const image = imageOf('tagged');
    await pushImage(store, image, 'v1.0_x-Y');
    expect(await store.resolve('v1.0_x-Y')).toMatchObject(image.target);
    expect(await store.resolve(image.target.digest)).toMatchObject(image.target);
  });

  it('moves a tag and leaves its former target', async () => {
    const store = await open();
    const [first, second] = [imageOf('first'), imageOf('second')];
    await pushImage(store, first, 'latest');
    await pushImage(store, second, 'latest');
    expect(await store.resolve('latest')).toMatchObject(second.target);
    expect(await store.resolve(first.target.digest)).toMatchObject(first.target);
    await store.tag(first.target, 'latest');
    expect(await store.resolve('latest')).toMatchObject(first.target);
  });

  it('lets several tags name one manifest', async () => {
    const store = await open();
    const image = imageOf('shared');
    await pushImage(store, image, 'a');
    await store.tag(image.target, 'b');
    await store.tag(image.target, 'b');
    expect(await store.resolve('a')).toMatchObject(image.target);
    expect(await store.resolve('b')).toMatchObject(image.target);
  });
}

function testRepetition(open: Open): void {
  it('leaves what is there when it is pushed again, and cancels the stream', async () => {
    const store = await open();
    const blob = blobOf('once');
    await store.push(blob.target, blob.bytes);
    const again = new WatchedStream([blob.bytes]);
    await store.push(blob.target, again);
    expect(again.released).toBe(true);
    await expectContent(store, blob);
  });

  it('takes a manifest that is there again', async () => {
    const store = await open();
    const image = imageOf('twice');
    await pushImage(store, image, 'x');
    await pushImage(store, image, 'x');
    await expectContent(store, image);
  });

  it('takes the same content from several pushes at once', async () => {
    const store = await open();
    const blob = blobOf(noise(1024 * 1024, 7));
    const pushes = Array.from({ length: 5 }, (_, i) =>
      store.push(blob.target, new WatchedStream(piecesOf(blob.bytes, 10_000 * (i + 1)))),
    );
    await Promise.all(pushes);
    await expectContent(store, blob);
  });

  it('takes different content from several pushes at once', async () => {
    const store = await open();
    const images = ['a', 'b', 'c', 'd'].map((name) => imageOf(name));
    await Promise.all(images.map((image, i) => pushImage(store, image, `tag-${i}`)));
    for (const [i, image] of images.entries()) expect(await store.resolve(`tag-${i}`)).toMatchObject(image.target);
  });
}

function testAborts(open: Open): void {
  const blob = blobOf(noise(512 * 1024, 3));

  it("rejects with the signal's reason when it is aborted before", async () => {
    const store = await open();
    const image = imageOf('aborted');
    await pushImage(store, image, 'aborted');
    const reason = new Error('changed my mind');
    const aborted = { signal: AbortSignal.abort(reason) };
    const content = new WatchedStream([blob.bytes]);
    await expect(store.resolve('aborted', aborted)).rejects.toBe(reason);
    await expect(store.stat(image.target, aborted)).rejects.toBe(reason);
    await expect(store.fetch(image.target, aborted)).rejects.toBe(reason);
    await expect(store.tag(image.target, 'other', aborted)).rejects.toBe(reason);
    await expect(store.push(blob.target, content, aborted)).rejects.toBe(reason);
    expect(content.released).toBe(true);
    await expect(store.resolve('other')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it("rejects with the signal's reason when it is aborted while the source of a push hangs, and keeps nothing", async () => {
    const store = await open();
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const source = new WatchedStream([blob.bytes.subarray(0, 200_000)], () => {
      controller.abort(reason);
      return new Promise(() => {});
    });
    await expect(store.push(blob.target, source, { signal: controller.signal })).rejects.toBe(reason);
    expect(source.released).toBe(true);
    expect(await store.stat(blob.target)).toBeUndefined();
  });

  it("ends a fetch that is being read with the signal's reason, unless all bytes were there already", async () => {
    const store = await open();
    const large = blobOf(noise(8 * 1024 * 1024, 9));
    await store.push(large.target, large.bytes);
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const stream = await store.fetch(large.target, { signal: controller.signal });
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        seen += chunk.byteLength;
        controller.abort(reason);
      }
    })();
    const [outcome] = await Promise.allSettled([reading]);
    if (outcome.status === 'fulfilled') expect(seen).toBe(large.target.size);
    else expect(outcome.reason).toBe(reason);
    await expectContent(store, large);
  });
}

function testRelease(open: Open): void {
  it('releases streams that are cancelled unread or left halfway, however many', async () => {
    const store = await open();
    const blob = blobOf(noise(2 * 1024 * 1024, 5));
    await store.push(blob.target, blob.bytes);
    for (let i = 0; i < 40; i++) {
      const unread = await store.fetch(blob.target);
      await unread.cancel();
      const half = await store.fetch(blob.target);
      expect(await firstChunkOf(half)).not.toBe(0);
      await half.cancel();
    }
    await expectContent(store, blob);
  });
}

async function firstChunkOf(stream: ByteStream): Promise<number> {
  for await (const chunk of stream) return chunk.byteLength;
  return 0;
}

async function expectContent(store: ContentStore, { target, bytes }: Sample): Promise<void> {
  const found = await collect(await store.fetch(target), limit);
  expect(found.byteLength).toBe(bytes.byteLength);
  // A comparison by vitest would take seconds for megabytes.
  expect(Buffer.compare(found, bytes)).toBe(0);
}

async function expectRefused(
  store: ContentStore,
  { target, bytes }: Sample,
  content: ByteSource,
  failure: object,
): Promise<void> {
  await expect(store.push(target, content)).rejects.toMatchObject(failure);
  expect(await store.stat(target)).toBeUndefined();
  await store.push(target, bytes);
  await expectContent(store, { target, bytes });
}
