import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { blobOf, imageOf, noise, pushImage } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { type CacheEvent, cachingSource } from './caching.ts';
import { canListReferrers, canListTags } from './capabilities.ts';
import { MemoryStore } from './memory.ts';
import type { ContentSource } from './store.ts';

const layer = blobOf(noise(300_000), mediaTypes.ociLayerGzip);

async function open(): Promise<{
  readonly store: MemoryStore;
  readonly directory: string;
  readonly source: ContentSource;
  readonly events: CacheEvent[];
}> {
  const store = new MemoryStore();
  await store.push(layer.target, layer.bytes);
  const directory = join(await testDirectory(), 'cache');
  const events: CacheEvent[] = [];
  return {
    store,
    directory,
    source: cachingSource(store, directory, { onEvent: (event) => events.push(event) }),
    events,
  };
}

async function read(source: ContentSource, target: Descriptor): Promise<Buffer> {
  return Buffer.from(await collect(await source.fetch(target), 10_000_000));
}

it('keeps a layer under its digest and serves it from there', async () => {
  const { store, directory, source, events } = await open();
  expect(await read(source, layer.target)).toEqual(Buffer.from(layer.bytes));
  expect(await readdir(directory)).toEqual([layer.target.digest]);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  await store.deleteBlob(layer.target.digest);
  expect(await read(source, layer.target)).toEqual(Buffer.from(layer.bytes));
  expect(events.map(({ type }) => type)).toEqual(['miss', 'hit']);
});

it.each([
  ['of the right size with other bytes', noise(300_000, 2)],
  ['that is cut', layer.bytes.subarray(0, 100_000)],
  ['that is empty', new Uint8Array(0)],
  ['with more at its end', Buffer.concat([layer.bytes, Buffer.from('x')])],
])('replaces a file %s (crane-cli section 15, item 12: the cache is not trusted)', async (_, garbage) => {
  const { directory, source, events } = await open();
  await mkdir(directory);
  await writeFile(join(directory, layer.target.digest), garbage);
  expect(await read(source, layer.target)).toEqual(Buffer.from(layer.bytes));
  expect(await readFile(join(directory, layer.target.digest))).toEqual(Buffer.from(layer.bytes));
  expect(events.map(({ type }) => type)).toEqual(['miss']);
});

it('keeps nothing of a layer that is read in part or not at all', async () => {
  const { directory, source, store } = await open();
  const large = blobOf(noise(3_000_000), mediaTypes.ociLayer);
  const chunked: ContentSource = {
    resolve: () => Promise.reject(new Error('not asked')),
    stat: (content) => store.stat(content),
    fetch: async () => ({
      async *[Symbol.asyncIterator]() {
        for (let at = 0; at < 3_000_000; at += 100_000) yield large.bytes.subarray(at, at + 100_000);
      },
      cancel: async () => {},
    }),
  };
  const half = await cachingSource(chunked, directory).fetch(large.target);
  for await (const _ of half) break;
  await half.cancel();
  await (await source.fetch(layer.target)).cancel();
  expect(await readdir(directory).catch(() => [])).toEqual([]);
  expect(await read(cachingSource(chunked, directory), large.target)).toHaveLength(3_000_000);
  expect(await readdir(directory)).toEqual([large.target.digest]);
});

it('keeps nothing that the source delivers wrongly', async () => {
  const { directory } = await open();
  const liar = new MemoryStore();
  const wrong: Descriptor = { ...layer.target, digest: digestOf(Buffer.from('other')) };
  const lying: ContentSource = {
    resolve: (reference) => liar.resolve(reference),
    stat: (content) => liar.stat(content),
    fetch: async () => ({
      async *[Symbol.asyncIterator]() {
        yield layer.bytes;
      },
      cancel: async () => {},
    }),
  };
  await expect(read(cachingSource(lying, directory), wrong)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await readdir(directory).catch(() => [])).toEqual([]);
});

it('delivers the layer when the cache cannot be written, and says so once', async () => {
  const { store, directory, events } = await open();
  await writeFile(directory, 'a file where the directory should be');
  const source = cachingSource(store, directory, { onEvent: (event) => events.push(event) });
  expect(await read(source, layer.target)).toEqual(Buffer.from(layer.bytes));
  expect(events.map(({ type }) => type)).toEqual(['miss', 'failed']);
});

it('leaves no temporary file where a file cannot get its name', async () => {
  const { directory, source, events } = await open();
  await mkdir(join(directory, layer.target.digest, 'in the way'), { recursive: true });
  expect(await read(source, layer.target)).toEqual(Buffer.from(layer.bytes));
  expect(events.map(({ type }) => type)).toEqual(['miss', 'failed']);
  expect(await readdir(directory)).toEqual([layer.target.digest]);
});

it('leaves manifests and configs to the source', async () => {
  const { store, directory, source, events } = await open();
  const image = imageOf('uncached');
  await pushImage(store, image, 'v1');
  const root = await source.resolve('v1');
  expect(await read(source, root)).toEqual(Buffer.from(image.bytes));
  const config = image.blobs[0]?.target ?? root;
  expect(await source.stat(config)).toEqual(config);
  await read(source, config);
  expect(events).toEqual([]);
  expect(await readdir(directory).catch(() => [])).toEqual([]);
});

it("ends with the signal's reason", async () => {
  const { source } = await open();
  await read(source, layer.target);
  const reason = new Error('enough');
  await expect(source.fetch(layer.target, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

it('tells of tags and referrers as its source does, and only then', async () => {
  const { store, source, directory } = await open();
  const subject = imageOf('subject');
  const seal = imageOf('seal', { subject: subject.target });
  await pushImage(store, subject, 'v1');
  await pushImage(store, seal);
  if (!canListReferrers(source) || !canListTags(source)) throw new Error('It cannot list');
  expect((await source.referrers(subject.target)).map(({ digest }) => digest)).toEqual([seal.target.digest]);
  for await (const page of source.tags()) expect(page).toEqual(['v1']);
  const blind: ContentSource = {
    resolve: (reference, options) => store.resolve(reference, options),
    stat: (content, options) => store.stat(content, options),
    fetch: (target, options) => store.fetch(target, options),
  };
  const cached = cachingSource(blind, directory);
  expect([canListReferrers(cached), canListTags(cached)]).toEqual([false, false]);
});
