import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { testContentStore } from '../../test/conformance/content-store.ts';
import { blobOf } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from '../content/bytes.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { StagingStore } from './staging.ts';

testContentStore('StagingStore', async () => new StagingStore({ directory: await testDirectory() }));

it('keeps large blobs in files until it is disposed of', async () => {
  const directory = await testDirectory();
  const store = new StagingStore({ directory });
  const [large, other] = [Buffer.alloc(1_000_000, 'large'), Buffer.alloc(1_000_000, 'other')];
  const { target } = blobOf(large, mediaTypes.ociLayer);
  await store.push(target, large);
  await store.push(target, large);
  expect(await store.ingest(other, mediaTypes.ociLayer)).toEqual(blobOf(other, mediaTypes.ociLayer).target);
  expect(await readdir(directory)).toHaveLength(2);
  expect(large.equals(await collect(await store.fetch(target), 1_000_000))).toBe(true);
  const part = await collect(await store.fetchRange(target, 600_001, 900_001), 1_000_000);
  expect(large.subarray(600_001, 900_001).equals(part)).toBe(true);
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  expect(await readdir(directory)).toEqual([]);
});

it('keeps nothing of a blob that is another one', async () => {
  const directory = await testDirectory();
  const store = new StagingStore({ directory });
  const { target } = blobOf(Buffer.alloc(1_000_000, 'wanted'), mediaTypes.ociLayer);
  const wrong = Buffer.alloc(1_000_000, 'given');
  await expect(store.push(target, wrong)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await readdir(directory)).toEqual([]);
  expect(await store.stat(target)).toBeUndefined();
});
