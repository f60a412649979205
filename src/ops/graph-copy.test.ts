import { describe, expect, it } from 'vitest';
import { blobOf, imageOf, pushImage, type SampleImage } from '../../test/conformance/samples.ts';
import type { ByteSource } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { OciError } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { hexOf } from '../oci/digest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import { MemoryStore } from '../store/memory.ts';
import type { ProgressEvent } from '../store/progress.ts';
import { CopyPlan } from './copy-plan.ts';
import { copyGraph } from './copy.ts';
import { GraphCopy } from './graph-copy.ts';

async function stored(...images: readonly SampleImage[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const image of images) await pushImage(store, image);
  return store;
}

async function addIndex(store: MemoryStore, manifests: readonly unknown[], more: object = {}): Promise<Descriptor> {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...more };
  return store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociIndex);
}

/** Says to have what it has lost, and refuses manifests for it. */
class StaleRegistry extends MemoryStore {
  readonly lost = new Set<string>();
  readonly pushed: string[] = [];

  override async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    if (this.lost.has(content.digest)) return this.#claims.get(content.digest);
    return super.stat(content, options);
  }

  override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
    if (expected.mediaType === mediaTypes.ociManifest && this.lost.size > 0) {
      throw new OciError('MISSING_CONTENT', 'MANIFEST_BLOB_UNKNOWN');
    }
    this.lost.delete(expected.digest);
    this.pushed.push(expected.digest);
    await super.push(expected, content, options);
  }

  readonly #claims = new Map<string, Descriptor>();

  claim(target: Descriptor): void {
    this.lost.add(target.digest);
    this.#claims.set(target.digest, target);
  }
}

describe('GraphCopy', () => {
  it('sends content again that a registry said to have and then misses', async () => {
    const image = imageOf('image');
    const sink = new StaleRegistry();
    for (const { target } of image.blobs) sink.claim(target);
    const warnings: ProgressEvent[] = [];
    await copyGraph(await stored(image), sink, image.target, {
      tag: 'v1',
      onProgress: (event) => event.type === 'warning' && warnings.push(event),
    });
    expect(sink.pushed.toSorted()).toEqual([...image.blobs, image].map(({ target }) => target.digest).toSorted());
    expect(warnings).toHaveLength(1);
  });

  it('gives up when a registry misses what was sent', async () => {
    class Hopeless extends MemoryStore {
      override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
        if (expected.mediaType === mediaTypes.ociManifest)
          throw new OciError('MISSING_CONTENT', 'MANIFEST_BLOB_UNKNOWN');
        await super.push(expected, content, options);
      }
    }
    const image = imageOf('image');
    const copy = copyGraph(await stored(image), new Hopeless(), image.target);
    await expect(copy).rejects.toMatchObject({ code: 'MISSING_CONTENT', side: 'target' });
  });

  it('says what to do when a registry takes no sparse index', async () => {
    class Strict extends MemoryStore {
      override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
        if (expected.mediaType === mediaTypes.ociIndex) throw new OciError('MISSING_CONTENT', 'MANIFEST_BLOB_UNKNOWN');
        await super.push(expected, content, options);
      }
    }
    const [a, b] = [imageOf('a'), imageOf('b')];
    const from = await stored(a, b);
    const root = await addIndex(from, [a.target, b.target]);
    const includeChild = (child: Descriptor): boolean => child.digest === a.target.digest;
    await expect(copyGraph(from, new Strict(), root, { includeChild })).rejects.toMatchObject({
      hint: expect.stringContaining('--sparse'),
    });
  });

  it('copies blobs an index lists, children whose type is left out, embedded data and sha512 untouched', async () => {
    const from = new MemoryStore();
    const image = imageOf('image');
    await pushImage(from, image);
    const note = await from.add(Buffer.from('a note'), 'text/plain');
    const long = Buffer.from('longer digest');
    const sha512 = { mediaType: mediaTypes.ociLayer, digest: digestOf(long, 'sha512'), size: long.byteLength };
    await from.push(sha512, long);
    const embedded = blobOf('embedded', mediaTypes.ociLayer);
    const data = Buffer.from(embedded.bytes).toString('base64');
    const artifact = imageOf('artifact', {
      artifactType: 'a/b',
      layers: [{ ...embedded.target, data }, sha512],
      'x-u': 1,
    });
    await pushImage(from, artifact);
    const root = await addIndex(from, [{ ...image.target, mediaType: '' }, note, artifact.target], {
      'x-unknown': [1],
    });
    const sink = new MemoryStore();
    await copyGraph(from, sink, root, { tag: 'v1' });
    expect(await sink.resolve('v1')).toEqual(root);
    expect(await sink.resolve(image.target.digest)).toMatchObject(image.target);
    for (const target of [note, sha512, embedded.target]) expect(await sink.stat(target)).toMatchObject(target);
  });

  it('copies manifests of types it does not know, where the store says that they are manifests', async () => {
    const odd = blobOf('{"mediaType":"application/vnd.example+json","x":1}', 'application/vnd.example+json');
    const opened: string[] = [];
    class Source extends MemoryStore {
      async fetchManifest(reference: string): Promise<{ descriptor: Descriptor; bytes: Uint8Array }> {
        opened.push(reference);
        return { descriptor: odd.target, bytes: odd.bytes };
      }

      override async resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
        return reference === odd.target.digest ? odd.target : super.resolve(reference, options);
      }
    }
    const from = new Source();
    const root = await addIndex(from, [odd.target]);
    const tagged: string[] = [];
    class Sink extends MemoryStore {
      async pushTagged(expected: Descriptor, _content: Uint8Array, reference: string): Promise<void> {
        tagged.push(`${expected.mediaType} ${reference}`);
      }
    }
    await copyGraph(from, new Sink(), root);
    await copyGraph(from, new Sink(), odd.target, { tag: 'v1' });
    expect(tagged).toEqual([`application/vnd.example+json ${odd.target.digest}`, 'application/vnd.example+json v1']);
  });

  it('refuses indexes nested deeper than allowed', async () => {
    const from = new MemoryStore();
    let root = await addIndex(from, []);
    for (let i = 0; i < 3; i++) root = await addIndex(from, [root]);
    await copyGraph(from, new MemoryStore(), root);
    await expect(copyGraph(from, new MemoryStore(), root, { maxDepth: 2 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('nested more than 2 levels deep'),
    });
  });

  it('asks for no blob below a manifest that it trusts', async () => {
    const image = imageOf('image');
    const from = await stored(image);
    const asked: string[] = [];
    class Sink extends MemoryStore {
      override async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
        asked.push(content.mediaType);
        return super.stat(content, options);
      }
    }
    const sink = new Sink();
    await copyGraph(from, sink, image.target, { tag: 'v1', trustManifests: true });
    expect(asked).toHaveLength(2);
    await copyGraph(from, sink, image.target, { tag: 'v1', trustManifests: true });
    expect(asked).toHaveLength(2);
    await copyGraph(from, sink, image.target, { tag: 'v1' });
    expect(asked).toHaveLength(4);
  });

  it('lets the other roots go on when one fails, and ends with nothing running', async () => {
    const [good, bad] = [imageOf('good'), imageOf('bad')];
    const from = await stored(good, bad);
    const [, layer] = bad.blobs;
    if (layer !== undefined) await from.deleteBlob(layer.target.digest);
    const sink = new MemoryStore();
    const copy = new GraphCopy(from, sink, { keepGoing: true });
    await expect(copy.copy(bad.target, 'bad')).rejects.toMatchObject({ code: 'NOT_FOUND', side: 'source' });
    await copy.copy(good.target, 'good');
    expect(await sink.resolve('good')).toMatchObject(good.target);
    if (layer !== undefined) await from.push(layer.target, layer.bytes);
    await copy.copy(bad.target, 'bad');
    expect(await sink.resolve('bad')).toMatchObject(bad.target);
  });

  it('counts what it moved and what was there', async () => {
    const image = imageOf('image');
    const from = await stored(image);
    const sink = new MemoryStore();
    const size = image.blobs.reduce((sum, { target }) => sum + target.size, 0);
    expect(await copyGraph(from, sink, image.target, { tag: 'v1' })).toMatchObject({
      manifests: 1,
      blobs: 2,
      bytes: size,
    });
    expect(await copyGraph(from, sink, image.target, { tag: 'v1' })).toMatchObject({
      manifests: 0,
      blobs: 0,
      existingManifests: 1,
      existingBlobs: 2,
    });
  });
});

describe('digest tags', () => {
  const image = imageOf('signed');
  const tagOf = ({ target }: SampleImage, ending: string): string => `sha256-${hexOf(target.digest)}${ending}`;

  async function source(): Promise<{ store: MemoryStore; signature: SampleImage }> {
    const [signature, ofSignature, stranger] = [imageOf('signature'), imageOf('of signature'), imageOf('stranger')];
    const store = await stored(image, signature, ofSignature, stranger);
    await store.tag(signature.target, tagOf(image, '.sig'));
    await store.tag(ofSignature.target, tagOf(signature, '.att'));
    await store.tag(stranger.target, tagOf(stranger, '.sig'));
    await store.tag(stranger.target, tagOf(image, ''));
    return { store, signature };
  }

  it('come along with the manifests they belong to, and those of what they name', async () => {
    const { store, signature } = await source();
    const root = await addIndex(store, [image.target]);
    let lists = 0;
    const counted = Object.assign(store, {
      tags: (): AsyncIterable<readonly string[]> => (lists++, MemoryStore.prototype.tags.call(store)),
    });
    const sink = new MemoryStore();
    const summary = await copyGraph(counted, sink, root, { tag: 'v1', digestTags: true });
    const found: string[] = [];
    for await (const page of sink.tags()) found.push(...page);
    expect(found).toEqual([tagOf(image, '.sig'), tagOf(signature, '.att'), 'v1'].toSorted());
    expect(summary.digestTags.toSorted()).toEqual([tagOf(image, '.sig'), tagOf(signature, '.att')].toSorted());
    expect(lists).toBe(1);
  });

  it('are asked for by the endings that are known where tags cannot be listed', async () => {
    const { store } = await source();
    for (const tags of [undefined, refusingTags]) {
      const blind = {
        resolve: store.resolve.bind(store),
        stat: store.stat.bind(store),
        fetch: store.fetch.bind(store),
      };
      const sink = new MemoryStore();
      const from = tags === undefined ? blind : { ...blind, tags };
      expect((await copyGraph(from, sink, image.target, { digestTags: true })).digestTags).toHaveLength(2);
    }
  });

  // eslint-disable-next-line require-yield
  async function* refusingTags(): AsyncGenerator<readonly string[]> {
    throw new OciError('DENIED', 'No list for you');
  }
});

describe('CopyPlan', () => {
  it('knows what a copy would bring, and opens no blob', async () => {
    const [image, more] = [imageOf('image'), imageOf('more')];
    const from = await stored(image, more);
    const there = await stored(image);
    const plan = new CopyPlan(there);
    const opened: Descriptor[] = [];
    const fetch = from.fetch.bind(from);
    from.fetch = (target, options) => (opened.push(target), fetch(target, options));
    const root = await addIndex(from, [image.target, more.target]);
    const summary = await copyGraph(from, plan, root, { tag: 'v1' });
    expect(summary).toMatchObject({ blobs: 2, existingBlobs: 2, manifests: 2, existingManifests: 1 });
    expect(plan.tags).toEqual([{ tag: 'v1', target: root }]);
    expect(plan.manifests.map(({ target }) => target.digest).toSorted()).toEqual(
      [more.target.digest, root.digest].toSorted(),
    );
    expect(opened.every(({ mediaType }) => mediaType.includes('manifest') || mediaType.includes('index'))).toBe(true);
    await expect(there.resolve('v1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
