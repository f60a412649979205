import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { packZstd } from '../../test/support/pack-zstd.ts';
import { dockerTarball, layeredImage, layoutFiles, tarOf } from '../../test/support/sample-image.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { pushImage } from '../../test/conformance/samples.ts';
import { collect } from '../content/bytes.ts';
import { MemoryStore } from '../store/memory.ts';
import { DockerArchive, openDockerArchive } from './docker-archive.ts';
import { writeOciArchive } from './oci-archive-writer.ts';
import { OciArchive, openOciArchive } from './oci-archive.ts';
import { openArchive } from './open-archive.ts';

const image = layeredImage('app');
const layout = tarOf(layoutFiles([image, ...image.blobs], { v1: image }));
const docker = dockerTarball({ 'app:v1': image });

let spoolDirectory: string;

beforeEach(async () => {
  spoolDirectory = join(await testDirectory(), 'spool');
  await mkdir(spoolDirectory);
});

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
}

describe.each([
  ['plain', (bytes: Uint8Array) => bytes],
  ['gzip', (bytes: Uint8Array) => gzipSync(bytes)],
  ['zstd', (bytes: Uint8Array) => packZstd(bytes)],
])('an archive that comes as a stream, %s', (_, pack) => {
  it('is read as what it is', async () => {
    await using dockers = await openArchive(inPieces(pack(docker)), { spoolDirectory });
    expect(dockers).toBeInstanceOf(DockerArchive);
    expect(await dockers.resolve('app:v1')).toMatchObject({ size: expect.any(Number) as number });
    await using layouts = await openArchive(inPieces(pack(layout)), { spoolDirectory });
    expect(layouts).toBeInstanceOf(OciArchive);
    const [layer] = image.layers;
    const content = await collect(await layouts.fetch(layer?.target ?? image.target), 1e6);
    expect(Buffer.from(content)).toEqual(Buffer.from(layer?.bytes ?? []));
  });

  it('is kept in one temporary file, which goes with it', async () => {
    {
      await using archive = await openOciArchive(inPieces(pack(layout)), { spoolDirectory });
      expect(await archive.resolveSingle()).toMatchObject({ digest: image.target.digest });
      expect(await readdir(spoolDirectory)).toHaveLength(1);
    }
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  it('leaves nothing when it is the other kind', async () => {
    await expect(openDockerArchive(inPieces(pack(layout)), { spoolDirectory, name: 'standard input' })).rejects.toThrow(
      '"standard input" is no docker archive',
    );
    await expect(openOciArchive(pack(docker), { spoolDirectory })).rejects.toThrow('"the archive" is no OCI archive');
    expect(await readdir(spoolDirectory)).toEqual([]);
  });
});

it('a stream that is cancelled is let go, and leaves nothing', async () => {
  let isReleased = false;
  async function* endless(): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) yield Buffer.alloc(1024, 'x');
    } finally {
      isReleased = true;
    }
  }
  const gone = new AbortController();
  const opening = openArchive(endless(), { spoolDirectory, signal: gone.signal });
  gone.abort(new Error('enough'));
  await expect(opening).rejects.toThrow('enough');
  expect(isReleased).toBe(true);
  expect(await readdir(spoolDirectory)).toEqual([]);
});

it('an OCI archive is the same in a file and in a stream', async () => {
  const store = new MemoryStore();
  await pushImage(store, image);
  const artifacts = [{ artifact: { store, root: image.target }, refName: 'v1' }];
  const chunks: Uint8Array[] = [];
  await writeOciArchive({ write: async (chunk) => void chunks.push(chunk) }, artifacts);
  const path = join(spoolDirectory, 'layout.tar');
  await writeOciArchive(path, artifacts);
  expect(Buffer.concat(chunks)).toEqual(await readFile(path));
});
