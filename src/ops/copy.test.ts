import { describe, expect, it } from 'vitest';
import { describeBytes } from '../content/hash.ts';
import type { ByteSource, ByteStream } from '../content/bytes.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { MemoryStore } from '../store/memory.ts';
import type { ProgressEvent } from '../store/progress.ts';
import type { CallOptions } from '../options.ts';
import { CopyError } from './copy-error.ts';
import { copyGraph } from './copy.ts';
import { GraphCopy } from './graph-copy.ts';

const text = new TextEncoder();

async function addImage(store: MemoryStore, layers: readonly string[], extra: object = {}): Promise<Descriptor> {
  const config = await store.add(text.encode('{"config":true}'), mediaTypes.ociConfig);
  const descriptors = await Promise.all(layers.map((layer) => store.add(text.encode(layer), mediaTypes.ociLayerGzip)));
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: descriptors, ...extra };
  return store.add(text.encode(JSON.stringify(manifest)), mediaTypes.ociManifest);
}

async function addIndex(store: MemoryStore, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return store.add(text.encode(JSON.stringify(index)), mediaTypes.ociIndex);
}

/** Remembers in which order content arrived, and can be slow or refuse. */
class RecordingStore extends MemoryStore {
  readonly pushed: string[] = [];
  running = 0;
  refuse: string | undefined;

  override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
    this.running++;
    try {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (expected.digest === this.refuse) throw new Error('no room');
      await super.push(expected, content, options);
      this.pushed.push(expected.digest);
    } finally {
      this.running--;
    }
  }
}

describe('copyGraph()', () => {
  it('moves children before parents and each digest once', async () => {
    const from = new MemoryStore();
    const to = new RecordingStore();
    const a = await addImage(from, ['shared', 'a']);
    const b = await addImage(from, ['shared', 'b']);
    const root = await addIndex(from, [a, b, a]);
    await copyGraph(from, to, root, { tag: 'v1', concurrency: 2 });
    expect(new Set(to.pushed).size).toBe(to.pushed.length);
    expect(to.pushed.at(-1)).toBe(root.digest);
    expect(to.pushed.length).toBe(7);
    expect(await to.resolve('v1')).toEqual(root);
  });

  it('copies artifacts and unknown fields byte for byte', async () => {
    const from = new MemoryStore();
    const to = new MemoryStore();
    const root = await addImage(from, ['x'], { artifactType: 'application/vnd.example', 'x-unknown': { keep: true } });
    await copyGraph(from, to, root);
    expect(await to.resolve(root.digest)).toEqual(root);
  });

  it('sends nothing again that the sink has, and heals what is missing under a manifest that is there', async () => {
    const from = new MemoryStore();
    const to = new MemoryStore();
    const root = await addImage(from, ['one', 'two']);
    await copyGraph(from, to, root);
    await to.deleteBlob(describeBytes(text.encode('two'), '').digest);
    const events: ProgressEvent[] = [];
    await copyGraph(from, to, root, { onProgress: (event) => events.push(event) });
    expect(events.filter(({ type }) => type === 'finish')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'skip')).toHaveLength(3);
  });

  it('sends what the sink has in another length', async () => {
    const from = new MemoryStore();
    const root = await addImage(from, ['layer']);
    const sent: string[] = [];
    class Cut extends MemoryStore {
      override async stat(content: ContentId): Promise<Descriptor | undefined> {
        return { ...content, size: 1 };
      }

      override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
        sent.push(expected.digest);
        await super.push(expected, content, options);
      }
    }
    await copyGraph(from, new Cut(), root);
    expect(sent).toHaveLength(3);
  });

  it('counts every byte that moves', async () => {
    const from = new MemoryStore();
    const root = await addImage(from, ['12345']);
    const moved = new Map<string, number>();
    await copyGraph(from, new MemoryStore(), root, {
      onProgress(event) {
        if (event.type === 'chunk') moved.set(event.target.digest, (moved.get(event.target.digest) ?? 0) + event.bytes);
      },
    });
    expect(moved.get(describeBytes(text.encode('12345'), '').digest)).toBe(5);
  });

  it('leaves layers out that need not be in a registry, unless they are asked for', async () => {
    const from = new MemoryStore();
    const foreign = await from.add(text.encode('foreign'), mediaTypes.dockerForeignLayerGzip);
    const root = await addImage(from, [], { layers: [foreign] });
    const without = new MemoryStore();
    await copyGraph(from, without, root);
    expect(await without.stat(foreign)).toBeUndefined();
    const complete = new MemoryStore();
    await copyGraph(from, complete, root, { nonDistributable: true });
    expect(await complete.stat(foreign)).toEqual(foreign);
  });

  it('names the side that failed, and leaves no task running and no manifest behind', async () => {
    const from = new MemoryStore();
    const root = await addImage(
      from,
      Array.from({ length: 12 }, (_, i) => `layer ${i}`),
    );
    await from.deleteBlob(describeBytes(text.encode('layer 7'), '').digest);
    const to = new RecordingStore();
    await expect(copyGraph(from, to, root, { concurrency: 3 })).rejects.toThrow(
      expect.objectContaining({ side: 'source', code: 'NOT_FOUND' }),
    );
    expect(to.running).toBe(0);
    expect(await to.stat(root)).toBeUndefined();
  });

  it('has no question left open when it fails', async () => {
    const from = new MemoryStore();
    const broken = { ...(await addImage(from, ['a'])), size: 1 };
    let open = 0;
    class Slow extends MemoryStore {
      override async resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
        return this.#slowly(() => super.resolve(reference, options));
      }

      override async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
        return this.#slowly(() => super.stat(content, options));
      }

      async #slowly<T>(answer: () => Promise<T>): Promise<T> {
        open++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        open--;
        return answer();
      }
    }
    for (const tag of ['v1', undefined]) {
      await expect(copyGraph(from, new Slow(), broken, { tag })).rejects.toMatchObject({ side: 'source' });
      expect(open).toBe(0);
    }
  });

  it('holds only some manifests of an index at a time, and asks for only some old layers at a time', async () => {
    let [manifests, questions, most] = [0, 0, 0];
    class Source extends MemoryStore {
      override async fetch(target: Descriptor, options?: CallOptions): Promise<ByteStream> {
        if (target.mediaType === mediaTypes.ociManifest) most = Math.max(most, ++manifests);
        return super.fetch(target, options);
      }

      override async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
        most = Math.max(most, ++questions);
        await new Promise((resolve) => setTimeout(resolve, 1));
        questions--;
        return super.stat(content, options);
      }
    }
    class Sink extends RecordingStore {
      override async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
        await super.push(expected, content, options);
        if (expected.mediaType === mediaTypes.ociManifest) manifests--;
      }
    }
    const from = new Source();
    const images = await Promise.all(Array.from({ length: 50 }, (_, i) => addImage(from, [`layer ${i}`])));
    await copyGraph(from, new Sink(), await addIndex(from, images), { concurrency: 2 });
    expect(most).toBeLessThanOrEqual(8);
    const layers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => from.add(text.encode(`old ${i}`), mediaTypes.dockerLayerGzip)),
    );
    const old = { schemaVersion: 1, fsLayers: layers.map(({ digest }) => ({ blobSum: digest })) };
    const root = await from.add(text.encode(JSON.stringify(old)), mediaTypes.dockerSchema1);
    await copyGraph(from, new Sink(), root, { concurrency: 2 });
    expect(most).toBeLessThanOrEqual(8);
  });

  it('fails as the source when its bytes are not what the descriptor states', async () => {
    const from = new MemoryStore();
    const right = describeBytes(text.encode('right'), mediaTypes.ociLayerGzip);
    const root = await addImage(from, [], { layers: [right] });
    const lying = Object.assign(Object.create(from) as MemoryStore, {
      resolve: from.resolve.bind(from),
      stat: from.stat.bind(from),
      async fetch(target: Descriptor) {
        if (target.digest !== right.digest) return from.fetch(target);
        return {
          async *[Symbol.asyncIterator]() {
            yield text.encode('wrong');
          },
          cancel: async () => {},
        };
      },
    });
    const failure = await copyGraph(lying, new MemoryStore(), root).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CopyError);
    expect(failure).toMatchObject({ side: 'source', code: 'DIGEST_MISMATCH' });
  });

  it('ends with the reason of the signal', async () => {
    const from = new MemoryStore();
    const root = await addImage(from, ['a', 'b', 'c']);
    const abort = new AbortController();
    const copy = copyGraph(from, new RecordingStore(), root, { concurrency: 1, signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(copy).rejects.toThrow('enough');
  });

  it('refuses an index with a manifest and an image at once', async () => {
    const from = new MemoryStore();
    const bytes = text.encode(JSON.stringify({ schemaVersion: 2, manifests: [], layers: [] }));
    const root = await from.add(bytes, mediaTypes.ociIndex);
    await expect(copyGraph(from, new MemoryStore(), root)).rejects.toThrow('an image manifest and an index at once');
  });
});

describe('GraphCopy', () => {
  it('moves what several roots share once, and gives each root its tag', async () => {
    const from = new MemoryStore();
    const to = new RecordingStore();
    const roots = [await addImage(from, ['base', '1']), await addImage(from, ['base', '2'])];
    const copy = new GraphCopy(from, to);
    await Promise.all(roots.map((root, i) => copy.copy(root, `v${i}`)));
    expect(to.pushed.filter((digest) => digest === describeBytes(text.encode('base'), '').digest)).toHaveLength(1);
    expect(await to.resolve('v0')).toEqual(roots[0]);
    expect(await to.resolve('v1')).toEqual(roots[1]);
  });
});
