import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  blobOf,
  imageOf,
  noise,
  pushImage,
  type Sample,
  type SampleImage,
  WatchedStream,
} from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { type ByteStream, collect } from '../content/bytes.ts';
import { indexTar } from '../content/tar/tar-index.ts';
import { type TarInput, writeTar } from '../content/tar/writer.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { hexOf } from '../oci/digest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { MemoryStore } from '../store/memory.ts';
import type { ProgressEvent } from '../store/progress.ts';
import { type ByteSink, writeOutput } from './archive-output.ts';
import { writeDockerArchive } from './docker-archive-writer.ts';
import { writeLegacyArchive } from './legacy-archive-writer.ts';
import { ociArchiveChunks, writeOciArchive } from './oci-archive-writer.ts';
import { openOciArchive } from './oci-archive.ts';

async function storeOf(...images: readonly SampleImage[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const image of images) await pushImage(store, image);
  return store;
}

function fileOf(name: string, body: string | Uint8Array): TarInput {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return { header: { name, size: bytes.byteLength }, body: bytes };
}

async function writeTarFile(path: string, ...entries: readonly TarInput[]): Promise<void> {
  await writeFile(path, writeTar(entries));
}

async function expectContent(path: string, ...samples: readonly Sample[]): Promise<void> {
  await using archive = await openOciArchive(path);
  for (const { target, bytes } of samples) {
    expect(await archive.stat(target)).toEqual(target);
    expect(Buffer.from(await collect(await archive.fetch(target), target.size))).toEqual(Buffer.from(bytes));
  }
}

describe('writing', () => {
  it('releases a layer that was opened when its header can no longer be written', async () => {
    const image = imageOf('released');
    const store = await storeOf(image);
    const opened: WatchedStream[] = [];
    const watched = {
      resolve: store.resolve.bind(store),
      stat: store.stat.bind(store),
      async fetch(target: Descriptor): Promise<ByteStream> {
        const stream = new WatchedStream([await collect(await store.fetch(target), target.size)]);
        opened.push(stream);
        return stream;
      },
    };
    const artifact = { store: watched, root: image.target };
    const archives = [
      (sink: ByteSink) =>
        writeOutput(
          sink,
          async () => {},
          () => ociArchiveChunks([{ artifact }]),
          {},
        ),
      (sink: ByteSink) => writeDockerArchive([{ artifact }], sink),
      (sink: ByteSink) => writeLegacyArchive([{ artifact }], sink),
    ];
    for (const write of archives) {
      let chunks = 0;
      await write({ write: async () => void chunks++ });
      for (let room = 0; room < chunks; room++) {
        let left = room;
        const full = async (): Promise<void> => {
          if (left-- === 0) throw new Error('no space');
        };
        opened.length = 0;
        await expect(write({ write: full })).rejects.toThrow('no space');
        expect(opened.map(({ released }) => released)).toEqual(opened.map(() => true));
      }
    }
  });

  const [first, second] = [imageOf('first'), imageOf('second')];
  const index = blobOf(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [first.target, second.target] }),
    mediaTypes.ociIndex,
  );

  it('keeps every byte of an index and its images, named by tag and digest', async () => {
    const path = join(await testDirectory(), 'archive.tar');
    const store = await storeOf(first, second);
    await store.push(index.target, index.bytes);
    await writeOciArchive(path, [{ artifact: { store, root: index.target }, refName: 'v1' }]);
    await expectContent(path, index, first, ...first.blobs, second, ...second.blobs);
    await using archive = await openOciArchive(path);
    expect(await archive.resolve('v1')).toMatchObject(index.target);
    expect(await archive.resolveSingle()).toMatchObject(index.target);
    expect(await archive.resolve(second.target.digest)).toEqual(second.target);
    for await (const page of archive.tags()) expect(page).toEqual(['v1']);
    await expect(archive.resolve('v2')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(archive.fetch(blobOf('absent').target)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await archive.stat(blobOf('absent').target)).toBeUndefined();
  });

  it('gives the same bytes each time, and holds what artifacts share once', async () => {
    const directory = await testDirectory();
    const shared = first.blobs[1] ?? first;
    const store = await storeOf(first, second);
    const artifacts = [
      { artifact: { store, root: first.target }, refName: 'a' },
      { artifact: { store, root: second.target }, refName: 'b' },
      { artifact: { store, root: first.target }, refName: 'c' },
    ];
    await writeOciArchive(join(directory, '1.tar'), artifacts);
    await writeOciArchive(join(directory, '2.tar'), artifacts);
    expect(await readFile(join(directory, '1.tar'))).toEqual(await readFile(join(directory, '2.tar')));
    const names = (await indexTar(join(directory, '1.tar'))).entries.map(({ header }) => header.name);
    expect(names.slice(0, 2)).toEqual(['oci-layout', 'index.json']);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain(`blobs/sha256/${hexOf(shared.target.digest)}`);
    await using archive = await openOciArchive(join(directory, '1.tar'));
    expect(archive.entries()).toHaveLength(3);
    await expect(archive.resolveSingle()).rejects.toThrow(/lists 3 entries: "a"/);
  });

  it('leaves nothing when the content is not what its descriptor says', async () => {
    const directory = await testDirectory();
    const store = await storeOf(first);
    const lying = { ...blobOf('truth', mediaTypes.ociLayer) };
    const manifest = JSON.parse(new TextDecoder().decode(first.bytes)) as object;
    const broken = blobOf(JSON.stringify({ ...manifest, layers: [lying.target] }), mediaTypes.ociManifest);
    await store.push(broken.target, broken.bytes);
    const artifact = { store, root: broken.target };
    await expect(writeOciArchive(join(directory, 'x.tar'), [{ artifact }])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await readdir(directory)).toEqual([]);
  });

  it('leaves out layers that a licence keeps elsewhere, when the source lacks them', async () => {
    const path = join(await testDirectory(), 'x.tar');
    const store = await storeOf(first);
    const foreign = blobOf('windows', mediaTypes.dockerForeignLayerGzip);
    const manifest = JSON.parse(new TextDecoder().decode(first.bytes)) as object;
    const image = blobOf(JSON.stringify({ ...manifest, layers: [foreign.target] }), mediaTypes.ociManifest);
    await store.push(image.target, image.bytes);
    const events: ProgressEvent[] = [];
    const artifacts = [{ artifact: { store, root: image.target } }];
    await writeOciArchive(path, artifacts, { onProgress: (event) => events.push(event) });
    expect(events).toContainEqual({ type: 'skip', target: foreign.target, reason: 'nondistributable' });
    await expectContent(path, image);
  });

  it('streams: large layers pass in chunks', async () => {
    const large = blobOf(noise(3_000_000), mediaTypes.ociLayer);
    const store = await storeOf(first);
    const manifest = JSON.parse(new TextDecoder().decode(first.bytes)) as object;
    const image = blobOf(JSON.stringify({ ...manifest, layers: [large.target] }), mediaTypes.ociManifest);
    await store.push(large.target, large.bytes);
    await store.push(image.target, image.bytes);
    let size = 0;
    for await (const chunk of ociArchiveChunks([{ artifact: { store, root: image.target } }])) size += chunk.byteLength;
    expect(size % 512).toBe(0);
    expect(size).toBeGreaterThan(3_000_000);
  });

  it("ends with the signal's reason", async () => {
    const directory = await testDirectory();
    const reason = new Error('enough');
    const artifact = { store: await storeOf(first), root: first.target };
    const writing = writeOciArchive(join(directory, 'x.tar'), [{ artifact }], { signal: AbortSignal.abort(reason) });
    await expect(writing).rejects.toBe(reason);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('reading', () => {
  const image = imageOf('read');

  async function archiveOf(): Promise<Buffer> {
    const artifact = { store: await storeOf(image), root: image.target };
    const chunks: Uint8Array[] = [];
    for await (const chunk of ociArchiveChunks([{ artifact, refName: 'v1' }])) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  it('unpacks a compressed archive aside and removes that at the end', async () => {
    const directory = await testDirectory();
    const path = join(directory, 'archive.tar.gz');
    const spoolDirectory = join(directory, 'spool');
    await writeFile(path, gzipSync(await archiveOf()));
    {
      await using archive = await openOciArchive(path, { spoolDirectory });
      expect(await archive.resolve('v1')).toMatchObject(image.target);
      expect(Buffer.from(await collect(await archive.fetch(image.target), 10_000))).toEqual(Buffer.from(image.bytes));
      expect(await readdir(spoolDirectory)).toHaveLength(1);
    }
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  it('refuses a compressed archive that unpacks to more than the limit, and keeps nothing of it', async () => {
    const directory = await testDirectory();
    const path = join(directory, 'bomb.tar.gz');
    const spoolDirectory = join(directory, 'spool');
    await writeFile(path, gzipSync(Buffer.alloc(10_000_000)));
    await expect(openOciArchive(path, { spoolDirectory, maxUnpackedSize: 1_000_000 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  it('reads archives whose names start with ./, as tar makes them of a directory', async () => {
    const path = join(await testDirectory(), 'dots.tar');
    const entry = { ...image.target, annotations: { 'org.opencontainers.image.ref.name': 'v1' } };
    await writeTarFile(
      path,
      { header: { name: './', type: 'directory' } },
      fileOf('./index.json', JSON.stringify({ schemaVersion: 2, manifests: [entry] })),
      fileOf('./oci-layout', '{"imageLayoutVersion": "1.0.0"}'),
      fileOf(`./blobs/sha256/${hexOf(image.target.digest)}`, image.bytes),
    );
    await using archive = await openOciArchive(path);
    expect(await archive.resolve('v1')).toEqual(entry);
    expect(await archive.resolve(image.target.digest)).toEqual(entry);
  });

  it('verifies what it reads', async () => {
    const path = join(await testDirectory(), 'lie.tar');
    const lie = Uint8Array.from(image.bytes, (byte) => (byte === 0x32 ? 0x33 : byte));
    const index = JSON.stringify({ schemaVersion: 2, manifests: [image.target] });
    const name = `blobs/sha256/${hexOf(image.target.digest)}`;
    await writeTarFile(path, fileOf('index.json', index), fileOf(name, lie));
    await using archive = await openOciArchive(path);
    await expect(collect(await archive.fetch(image.target), 10_000)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    const short = { ...image.target, size: image.target.size - 1 };
    await expect(collect(await archive.fetch(short), 10_000)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
  });

  it.each<readonly [string, TarInput[], object]>([
    ['is empty', [], { code: 'INVALID_LAYOUT', message: /no index\.json/ }],
    [
      'was made by docker save',
      [fileOf('manifest.json', '[]')],
      { code: 'INVALID_LAYOUT', hint: expect.stringContaining('docker-archive') },
    ],
    ['has a broken index.json', [fileOf('index.json', '{')], { code: 'INVALID_LAYOUT', message: /not JSON/ }],
    [
      'has an index.json that links out of it',
      [{ header: { name: 'index.json', type: 'symlink', linkname: '../../etc/passwd' } }],
      { code: 'INVALID_ARCHIVE' },
    ],
    [
      'has an index.json of 9 MiB',
      [fileOf('index.json', Buffer.alloc(9 * 1024 * 1024, ' '))],
      { code: 'LIMIT_EXCEEDED' },
    ],
    [
      'is of another version',
      [fileOf('index.json', '{"schemaVersion":2,"manifests":[]}'), fileOf('oci-layout', '{"imageLayoutVersion":"9"}')],
      { code: 'UNSUPPORTED' },
    ],
  ])('refuses an archive that %s', async (_, entries, failure) => {
    const path = join(await testDirectory(), 'x.tar');
    await writeTarFile(path, ...entries);
    await expect(openOciArchive(path)).rejects.toMatchObject(failure);
    await expect(openOciArchive(path)).rejects.toThrow('x.tar');
  });

  it('refuses files that are no tar, are cut, or are not there', async () => {
    const directory = await testDirectory();
    const path = join(directory, 'x.tar');
    await writeFile(path, 'this is text, not an archive'.repeat(100));
    await expect(openOciArchive(path)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    const whole = await archiveOf();
    await writeFile(path, whole.subarray(0, 1500));
    await expect(openOciArchive(path)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    await writeFile(path, gzipSync(whole).subarray(0, 300));
    await expect(openOciArchive(path)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    await expect(openOciArchive(join(directory, 'missing.tar'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(openOciArchive(directory)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
