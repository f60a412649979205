import { expect, it } from 'vitest';
import { collect } from '../content/bytes.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { AttachedSource } from './attached-source.ts';
import { JoinedSource } from './joined-source.ts';
import { MemoryStore } from './memory.ts';

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
