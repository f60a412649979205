import { join } from 'node:path';
import { writeDockerArchive, writeLegacyArchive, writeOciArchive } from 'crane-oci/archive';
import { openOrCreateLayout } from 'crane-oci/layout';
import { copyGraph, randomImage, validate } from 'crane-oci/ops';
import { MemoryStore, type ProgressEvent } from 'crane-oci/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Artifact } from '../src/store/artifact.ts';
import { type TemporaryDirectory, temporaryDirectory } from './support/temp-directory.ts';

let image: Artifact;
let folder: TemporaryDirectory;

beforeAll(async () => {
  image = await randomImage({ layers: 3, layerSize: 100_000 });
  folder = await temporaryDirectory();
});
afterAll(() => folder.remove());

type OnProgress = (event: ProgressEvent) => void;

/** Everything that moves an image, with how many blobs it moves: the legacy format needs the config beforehand. */
const moves: readonly [name: string, blobs: number, move: (onProgress: OnProgress) => Promise<unknown>][] = [
  [
    'a copy to memory',
    4,
    (onProgress) => copyGraph(image.store, new MemoryStore(), image.root, { onProgress, tag: 'v1' }),
  ],
  [
    'a copy to a layout',
    4,
    async (onProgress) =>
      copyGraph(image.store, await openOrCreateLayout(join(folder.path, 'layout')), image.root, { onProgress }),
  ],
  [
    'a docker archive',
    4,
    (onProgress) => writeDockerArchive([{ artifact: image }], file('docker.tar'), { onProgress }),
  ],
  [
    'a docker archive to a sink',
    4,
    (onProgress) => writeDockerArchive([{ artifact: image }], { write: async () => {} }, { onProgress }),
  ],
  [
    'a legacy archive',
    3,
    (onProgress) => writeLegacyArchive([{ artifact: image }], file('legacy.tar'), { onProgress }),
  ],
  [
    'a legacy archive to a sink',
    3,
    (onProgress) => writeLegacyArchive([{ artifact: image }], { write: async () => {} }, { onProgress }),
  ],
  ['an OCI archive', 4, (onProgress) => writeOciArchive(file('oci.tar'), [{ artifact: image }], { onProgress })],
  ['a check', 3, (onProgress) => validate(image, { onProgress })],
];

describe('events of', () => {
  it.each(moves)('%s: each blob is queued, starts, moves all of its bytes and finishes', async (_name, blobs, move) => {
    const events = new Map<string, ProgressEvent[]>();
    await move((event) => {
      if (event.type === 'warning' || /manifest|index/.test(event.target.mediaType)) return;
      events.set(event.target.digest, [...(events.get(event.target.digest) ?? []), event]);
    });
    expect(events.size).toBe(blobs);
    for (const list of events.values()) {
      expect(list.map(({ type }) => type).join(' ')).toMatch(/^queued start( chunk)+( commit)? finish$/);
      const moved = list.reduce((sum, event) => sum + (event.type === 'chunk' ? event.bytes : 0), 0);
      expect(list[0]).toMatchObject({ target: { size: moved } });
    }
  });

  it('a copy that is repeated: all is there', async () => {
    const sink = new MemoryStore();
    await copyGraph(image.store, sink, image.root, { tag: 'v1' });
    const types: string[] = [];
    const onProgress: OnProgress = (event) => void types.push(event.type === 'skip' ? event.reason : event.type);
    await copyGraph(image.store, sink, image.root, { tag: 'v1', onProgress });
    expect(types.toSorted()).toEqual([...Array<string>(5).fill('exists'), ...Array<string>(5).fill('queued')]);
  });
});

function file(name: string): string {
  return join(folder.path, name);
}
