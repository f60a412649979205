import { expect, it } from 'vitest';
import { type ByteStream, collect, streamOf } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { AttachedSource } from './attached-source.ts';
import { originOf } from './capabilities.ts';
import { JoinedSource } from './joined-source.ts';
import { MemoryStore } from './memory.ts';
import { OverlayStore } from './overlay.ts';
import type { ContentSource } from './store.ts';

it('gives what any of its sources has, and asks for nothing twice', async () => {
  const [first, second] = [new MemoryStore(), new MemoryStore()];
  const blob = await second.add(Buffer.from('blob'), mediaTypes.octetStream);
  const manifest = await second.add(Buffer.from('{"layers":[]}'), mediaTypes.ociManifest);
  await second.tag(manifest, 'v1');
  let asked = 0;
  const counting = Object.assign(Object.create(first) as MemoryStore, {
    stat: async () => {
      asked++;
      return undefined;
    },
    resolve: first.resolve.bind(first),
  });
  const joined = new JoinedSource([counting, second]);
  expect(await joined.resolve('v1')).toEqual(manifest);
  for (let times = 0; times < 2; times++) {
    expect(Buffer.from(await collect(await joined.fetch(blob), 9)).toString()).toBe('blob');
    expect(await joined.stat(blob)).toEqual(blob);
  }
  expect(asked).toBe(1);
  await expect(joined.resolve('v2')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const missing = { ...blob, digest: manifest.digest };
  expect(await joined.stat(missing)).toBeUndefined();
});

it('does not look elsewhere for what it was told the place of', async () => {
  const [first, second] = [new MemoryStore(), new MemoryStore()];
  const blob = await second.add(Buffer.from('blob'), mediaTypes.octetStream);
  const joined = new JoinedSource([first, second]);
  joined.place(blob, second);
  joined.place(blob, first);
  expect(await joined.stat(blob)).toEqual(blob);
  expect(Buffer.from(await collect(await joined.fetch(blob), 9)).toString()).toBe('blob');
});

it('attached blobs stand before a source, whose manifests are its own', async () => {
  const lower = new MemoryStore();
  const manifest = await lower.add(Buffer.from('{"layers":[]}'), mediaTypes.ociManifest);
  await lower.tag(manifest, 'v1');
  const descriptor = { ...manifest, mediaType: mediaTypes.octetStream };
  const open = async (): Promise<never> => Promise.reject(new Error('opened'));
  const attached = new AttachedSource([{ descriptor, content: { open } }], lower);
  expect(await attached.resolve('v1')).toEqual(manifest);
  expect(await attached.stat(descriptor)).toEqual(descriptor);
  await expect(attached.fetch(descriptor)).rejects.toThrow('opened');
  expect(Buffer.from(await collect(await attached.fetch(manifest), 99)).toString()).toBe('{"layers":[]}');
});

it('says where content really is, through all that lies above it', async () => {
  const [first, second, upper] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
  const mine = await first.add(Buffer.from('mine'), mediaTypes.octetStream);
  const theirs = await second.add(Buffer.from('theirs'), mediaTypes.octetStream);
  const made = await upper.add(Buffer.from('made'), mediaTypes.octetStream);
  const attached = { ...made, digest: digestOf(Buffer.from('attached')), size: 8 };
  const open = async (start: number): Promise<ByteStream> => streamOf(Buffer.from('attached').subarray(start));
  const beside = new AttachedSource([{ descriptor: attached, content: { open } }], new JoinedSource([first, second]));
  const all = new OverlayStore(upper, beside);
  expect(await originOf(all, mine)).toBe(first);
  expect(await originOf(all, theirs)).toBe(second);
  expect(await originOf(all, made)).toBe(upper);
  expect(await originOf(all, attached)).toBe(beside);
  expect(await originOf(first, theirs)).toBe(first);
});

it('attached blobs and those of the source below can be read in parts', async () => {
  const lower = new MemoryStore();
  const below = await lower.add(Buffer.from('below it'), mediaTypes.octetStream);
  const attached = { ...below, digest: digestOf(Buffer.from('attached')), size: 8 };
  const open = async (start: number): Promise<ByteStream> => streamOf(Buffer.from('attached').subarray(start));
  const withRanges = new AttachedSource([{ descriptor: attached, content: { open } }], lower);
  const plain: ContentSource = {
    resolve: (reference) => lower.resolve(reference),
    stat: (content) => lower.stat(content),
    fetch: (target) => lower.fetch(target),
  };
  const without = new AttachedSource([], plain);
  const text = async (stream: ByteStream): Promise<string> => Buffer.from(await collect(stream, 99)).toString();
  expect(await text(await withRanges.fetchRange(attached, 2, 6))).toBe('tach');
  expect(await text(await withRanges.fetchRange(below, 2, 6))).toBe('low ');
  expect(await text(await without.fetchRange(below, 2, 6))).toBe('low ');
});
