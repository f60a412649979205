import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { referrerIn } from '../../src/oci/referrer.ts';
import {
  canDelete,
  canFetchRange,
  canKeepReferrers,
  canListReferrers,
  canListTags,
  canListTargets,
  canMount,
  type ListedTag,
  type TagLister,
  type TagListOptions,
} from '../../src/store/capabilities.ts';
import type { ContentStore } from '../../src/store/store.ts';
import { blobOf, imageOf, noise, pushImage } from './samples.ts';
import { type ContentStoreSuiteOptions, needs } from './suite-options.ts';

type Open = () => ContentStore | Promise<ContentStore>;

/** What the capabilities of a store promise (src/store/capabilities.ts). A test whose capability the store lacks is skipped. */
export function testCapabilities(name: string, open: Open, options: ContentStoreSuiteOptions): void {
  describe(`${name} keeps the promises of its capabilities`, () => {
    testTagLists(open, options);
    testRanges(open, options);
    testDeletion(open, options);
    testReferrers(open, options);
    testMounting(options);
  });
}

function testTagLists(open: Open, options: ContentStoreSuiteOptions): void {
  const names = ['1.0', '1.10', '1.9', 'Latest', 'latest', 'z_z'];

  it('lists every tag once, whatever the page size', async (context) => {
    needs(context, options, 'tags');
    const store = await open();
    if (!canListTags(store)) {
      context.skip('The store does not list tags');
      return;
    }
    const image = imageOf('listed');
    await pushImage(store, image);
    for (const name of names) await store.tag(image.target, name);
    for (const pageSize of [undefined, 1, 4, 100]) {
      expect((await tagsOf(store, { pageSize })).toSorted()).toEqual(names.toSorted());
    }
  });

  it('says of the tags that it lists with their targets what they name', async (context) => {
    needs(context, options, 'tags');
    const store = await open();
    if (!canListTargets(store)) {
      context.skip('The store does not list targets');
      return;
    }
    const [one, two] = [imageOf('one'), imageOf('two')];
    await pushImage(store, one, 'a');
    await pushImage(store, two, 'b');
    await store.tag(one.target, 'c');
    const listed: ListedTag[] = [];
    for await (const page of store.tagTargets()) listed.push(...page);
    expect(listed.map(({ tag }) => tag).toSorted()).toEqual(['a', 'b', 'c']);
    for (const { tag, target } of listed) {
      const { digest, mediaType } = await store.resolve(tag);
      if (target !== undefined) expect(target).toMatchObject({ digest, mediaType });
    }
  });

  it('lists the tags after a given one in its own order', async (context) => {
    needs(context, options, 'tagsAfter');
    const store = await open();
    if (!canListTags(store)) {
      context.skip('The store does not list tags');
      return;
    }
    const image = imageOf('listed');
    await pushImage(store, image);
    for (const name of names) await store.tag(image.target, name);
    const all = await tagsOf(store);
    expect(await tagsOf(store, { last: all[2] })).toEqual(all.slice(3));
    expect(await tagsOf(store, { last: all[1], pageSize: 2 })).toEqual(all.slice(2));
    expect(await tagsOf(store, { last: all.at(-1) })).toEqual([]);
  });
}

function testRanges(open: Open, options: ContentStoreSuiteOptions): void {
  it('fetches any part of a blob', async (context) => {
    needs(context, options, 'ranges');
    const store = await open();
    if (!canFetchRange(store)) {
      context.skip('The store does not fetch ranges');
      return;
    }
    const blob = blobOf(noise(1024 * 1024 + 5, 11));
    const size = blob.target.size;
    await store.push(blob.target, blob.bytes);
    for (const [start, end] of [
      [0, 1],
      [0, size],
      [1000, 700_001],
      [size - 1, size],
    ] as const) {
      const part = await collect(await store.fetchRange(blob.target, start, end), size);
      expect(Buffer.compare(part, blob.bytes.subarray(start, end))).toBe(0);
    }
    await expect(store.fetchRange(blobOf('absent').target, 0, 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
}

function testDeletion(open: Open, options: ContentStoreSuiteOptions): void {
  it('deletes a manifest with its tags', async (context) => {
    needs(context, options, 'deleteManifest');
    const store = await open();
    if (!canDelete(store)) {
      context.skip('The store does not delete');
      return;
    }
    const [gone, kept] = [imageOf('gone'), imageOf('kept')];
    await pushImage(store, gone, 'gone');
    await pushImage(store, kept, 'kept');
    await store.deleteManifest(gone.target.digest);
    await expect(store.resolve(gone.target.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.resolve('gone')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await store.stat(gone.target)).toBeUndefined();
    expect(await store.resolve('kept')).toMatchObject(kept.target);
    await expect(store.deleteManifest(gone.target.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('deletes a tag and leaves the manifest', async (context) => {
    needs(context, options, 'deleteTag');
    const store = await open();
    if (!canDelete(store)) {
      context.skip('The store does not delete');
      return;
    }
    const image = imageOf('untagged');
    await pushImage(store, image, 'a');
    await store.tag(image.target, 'b');
    await store.deleteTag('a');
    await expect(store.resolve('a')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await store.resolve('b')).toMatchObject(image.target);
    await store.deleteTag('b');
    expect(await store.resolve(image.target.digest)).toMatchObject(image.target);
    await expect(store.deleteTag('b')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('deletes a blob', async (context) => {
    needs(context, options, 'deleteBlob');
    const store = await open();
    if (!canDelete(store)) {
      context.skip('The store does not delete');
      return;
    }
    const blob = blobOf('short-lived');
    await store.push(blob.target, blob.bytes);
    await store.deleteBlob(blob.target.digest);
    expect(await store.stat(blob.target)).toBeUndefined();
    await expect(store.deleteBlob(blob.target.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
}

function testReferrers(open: Open, options: ContentStoreSuiteOptions): void {
  it('lists what refers to a manifest, by kind when asked', async (context) => {
    needs(context, options, 'referrers');
    const store = await open();
    if (!canListReferrers(store)) {
      context.skip('The store does not list referrers');
      return;
    }
    const subject = imageOf('subject');
    const refer = (artifactType: string) =>
      imageOf(artifactType, { artifactType, subject: subject.target, annotations: { kind: artifactType } });
    const [sbom, signature] = [refer('application/vnd.example.sbom'), refer('application/vnd.example.signature')];
    await pushImage(store, subject, 'subject');
    await pushImage(store, sbom);
    await pushImage(store, signature);
    if (canKeepReferrers(store)) {
      const referrers = [sbom, signature].map(({ bytes, target }) => referrerIn(bytes, target));
      await store.keepReferrers(referrers.filter((referrer) => referrer !== undefined));
    }
    const found = await store.referrers(subject.target);
    expect(found.map(({ digest }) => digest).toSorted()).toEqual(
      [sbom.target.digest, signature.target.digest].toSorted(),
    );
    const artifactType = 'application/vnd.example.sbom';
    expect(await store.referrers(subject.target, { artifactType })).toMatchObject([
      { ...sbom.target, artifactType, annotations: { kind: artifactType } },
    ]);
    expect(await store.referrers(sbom.target)).toEqual([]);
  });
}

function testMounting(options: ContentStoreSuiteOptions): void {
  it.skipIf(options.openNeighbours === undefined)('mounts a blob from a neighbour without its bytes', async () => {
    if (options.openNeighbours === undefined) return;
    const [sink, source] = await options.openNeighbours();
    const blob = blobOf('shared by neighbours');
    await source.push(blob.target, blob.bytes);
    expect(canMount(sink)).toBe(true);
    if (!canMount(sink)) return;
    expect(sink.canMountFrom(source)).toBe(true);
    expect(await sink.mount(blob.target, source)).toBe(true);
    expect(await sink.stat(blob.target)).toMatchObject(blob.target);
    expect(await sink.mount(blobOf('nowhere').target, source)).toBe(false);
    expect(await sink.stat(blobOf('nowhere').target)).toBeUndefined();
  });
}

async function tagsOf(store: TagLister, options?: TagListOptions): Promise<string[]> {
  const all: string[] = [];
  for await (const page of store.tags(options)) all.push(...page);
  return all;
}
