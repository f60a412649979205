import { readdir } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeEngine, type FakeEngine, type FakeEngineOptions } from '../../test/support/fake-engine.ts';
import { indexOf, layeredImage, type LayeredImage } from '../../test/support/sample-image.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect, discard } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { openDockerArchive } from '../archive/docker-archive.ts';
import { writeFile } from 'node:fs/promises';
import { dockerTarball } from '../../test/support/sample-image.ts';
import { parseImageConfig } from '../oci/image-config.ts';
import type { ImageManifest } from '../oci/manifest.ts';
import { gunzipSync } from 'node:zlib';
import type { ProgressEvent } from '../store/progress.ts';
import { type DaemonImage, openDaemonImage } from './daemon-image.ts';
import { connectEngine, type Engine } from './engine.ts';
import { parseEngineAddress } from './engine-address.ts';

// Larger than what stays in memory, and smaller.
const large = layeredImage('large', { layers: ['gzip', 'gzip'], family: 'docker', size: 700_000 });
const small = layeredImage('small', { layers: ['gzip'], family: 'docker' });

describe.each(['docker-20', 'docker-25', 'podman'] as const)('an image of %s', (kind) => {
  it.each([
    ['large', large],
    ['small', small],
  ])('has the digest that the archive of docker save has: %s', async (_, image) => {
    const { engine, spoolDirectory } = await engineWith(image, { kind });
    const opened = await open(engine, spoolDirectory);
    const root = await opened.resolveSingle();
    const manifest = JSON.parse(Buffer.from(await collect(await opened.fetch(root), 1e6)).toString()) as ImageManifest;
    const config = await collect(await opened.fetch(manifest.config), 1e6);
    expect(digestOf(config)).toBe(image.config.target.digest);
    const { diff_ids: diffIds } = parseImageConfig(config, manifest.config.digest).rootfs;
    for (const [i, layer] of manifest.layers.entries()) {
      expect(digestOf(gunzipSync(await collect(await opened.fetch(layer), 1e8)))).toBe(diffIds[i]);
    }
    expect(root.digest).toBe(await digestOfSaved(image));
  });
});

it('keeps compressed layers in temporary files until it is disposed of, and nothing else', async () => {
  const { engine, spoolDirectory } = await engineWith(large, {});
  const image = await openDaemonImage(engine, 'app:1', { spoolDirectory });
  expect(await readdir(spoolDirectory)).toHaveLength(2);
  await image[Symbol.asyncDispose]();
  expect(await readdir(spoolDirectory)).toEqual([]);
});

describe("an image of containerd's store", () => {
  it('keeps its digest, and its layers are not compressed anew', async () => {
    const image = layeredImage('kept', { layers: ['gzip', 'none', 'zstd'], size: 700_000 });
    const { engine, spoolDirectory } = await engineWith(image, { kind: 'containerd' });
    const opened = await open(engine, spoolDirectory);
    expect(await opened.resolveSingle()).toEqual(image.target);
    for (const { target, bytes } of [image, ...image.blobs]) {
      expect(Buffer.from(await collect(await opened.fetch(target), 1e8)).equals(bytes), target.mediaType).toBe(true);
    }
  });

  it('tells its digest without being read', async () => {
    const { engine, spoolDirectory, server } = await engineWith(large, { kind: 'containerd' });
    const opened = await open(engine, spoolDirectory);
    expect((await opened.resolve('app:1')).digest).toBe(large.target.digest);
    expect(server.requests).not.toContain('GET /images/get');
    await Promise.all(large.blobs.map(async ({ target }) => discard(await opened.fetch(target))));
    expect(server.requests.filter((what) => what === 'GET /images/get')).toHaveLength(1);
  });

  it('is the whole index when all of it is there', async () => {
    const [amd, arm] = [layeredImage('amd'), layeredImage('arm', { architecture: 'arm64' })];
    const index = indexOf({ 'linux/amd64': amd, 'linux/arm64': arm });
    const { engine, spoolDirectory } = await engineWith(amd, { kind: 'containerd' }, { index, others: [arm] });
    const opened = await open(engine, spoolDirectory);
    expect(await opened.resolveSingle()).toMatchObject({ digest: index.target.digest });
    expect((await opened.resolve('app:1')).digest).toBe(index.target.digest);
    expect((await opened.resolve(arm.target.digest)).digest).toBe(arm.target.digest);
  });

  it('is the one image that is there of an index', async () => {
    const [amd, arm] = [layeredImage('amd'), layeredImage('arm', { architecture: 'arm64' })];
    const index = indexOf({ 'linux/amd64': amd, 'linux/arm64': arm });
    const { engine, spoolDirectory } = await engineWith(amd, { kind: 'containerd' }, { index });
    const opened = await open(engine, spoolDirectory);
    expect((await opened.resolveSingle()).digest).toBe(amd.target.digest);
  });

  it('says which images of an index are there when one is asked for that is not', async () => {
    const [a, b, c] = ['amd64', 'arm64', 's390x'].map((architecture) => layeredImage(architecture, { architecture }));
    const index = indexOf({
      'linux/amd64': a as LayeredImage,
      'linux/arm64': b as LayeredImage,
      'linux/s390x': c as LayeredImage,
    });
    const { engine, spoolDirectory } = await engineWith(
      a as LayeredImage,
      { kind: 'containerd' },
      { index, others: [b as LayeredImage] },
    );
    const opened = await open(engine, spoolDirectory);
    expect((await opened.resolveSingle()).digest).toBe(index.target.digest);
    await expect(opened.fetch((c as LayeredImage).target)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: 'Choose what it has with --platform: linux/amd64, linux/arm64',
    });
  });
});

describe('an archive that is not what it should be', () => {
  it.each([
    ['is cut', (archive: Buffer) => archive.subarray(0, 3000), 'INVALID_ARCHIVE'],
    ['is none', () => Buffer.from('hello'.repeat(500)), 'INVALID_ARCHIVE'],
    ['is empty', () => Buffer.alloc(0), 'INVALID_ARCHIVE'],
    [
      'has another layer than the config says',
      (archive: Buffer) => Buffer.from(archive.toString('latin1').replace('large 0', 'large X'), 'latin1'),
      'DIGEST_MISMATCH',
    ],
  ])('fails and leaves no file: it %s', async (_, change, code) => {
    const archive = change(dockerTarball({ 'app:1': { ...large, layers: plain(large) } }));
    const { engine, spoolDirectory } = await engineWith(large, {
      instead: (what, response) => {
        if (what !== 'GET /images/get') return false;
        response.end(archive);
        return true;
      },
    });
    await expect(openDaemonImage(engine, 'app:1', { spoolDirectory })).rejects.toMatchObject({ code });
    expect(await readdir(spoolDirectory)).toEqual([]);
  });
});

it('is not found when the engine has none of that name', async () => {
  const { engine, spoolDirectory } = await engineWith(small, {});
  await expect(openDaemonImage(engine, 'other:1', { spoolDirectory })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('has no image "other:1"') as string,
  });
});

it('stops when its signal aborts while the engine sends, and leaves no file', async () => {
  const controller = new AbortController();
  const { engine, spoolDirectory } = await engineWith(large, {
    instead: (what, response) => {
      if (what !== 'GET /images/get') return false;
      response.write(dockerTarball({ 'app:1': large }).subarray(0, 20_000));
      setTimeout(() => controller.abort(new Error('enough')), 20);
      return true;
    },
  });
  await expect(openDaemonImage(engine, 'app:1', { spoolDirectory, signal: controller.signal })).rejects.toThrow(
    'enough',
  );
  expect(await readdir(spoolDirectory)).toEqual([]);
});

it('tells of its progress as of one thing, of the size that the engine states', async () => {
  const { engine, spoolDirectory } = await engineWith(large, {});
  const events: ProgressEvent[] = [];
  await open(engine, spoolDirectory, (event) => events.push(event));
  const size = large.tars.reduce((sum, tar) => sum + tar.length, 0);
  expect(events[0]).toEqual({ type: 'queued', target: expect.objectContaining({ size }) as unknown });
  expect(events.at(-1)?.type).toBe('finish');
  const moved = events.reduce((sum, event) => sum + (event.type === 'chunk' ? event.bytes : 0), 0);
  expect(moved).toBe(size);
});

async function engineWith(
  image: LayeredImage,
  options: FakeEngineOptions,
  kept: Partial<Parameters<FakeEngine['images']['set']>[1]> = {},
): Promise<{ readonly engine: Engine; readonly spoolDirectory: string; readonly server: FakeEngine }> {
  const server = await fakeEngine(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.images.set('app:1', { image, ...kept });
  const engine = await connectEngine(parseEngineAddress(server.host));
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return { engine, spoolDirectory: await testDirectory(), server };
}

async function open(
  engine: Engine,
  spoolDirectory: string,
  onProgress?: (event: ProgressEvent) => void,
): Promise<DaemonImage> {
  const image = await openDaemonImage(engine, 'app:1', { spoolDirectory, onProgress });
  onTestFinished(() => image[Symbol.asyncDispose]());
  return image;
}

/** The digest that a file gives which the engine's archive was written to. */
async function digestOfSaved(image: LayeredImage): Promise<string> {
  const path = `${await testDirectory()}/saved.tar`;
  await writeFile(path, dockerTarball({ 'app:1': { ...image, layers: plain(image) } }));
  await using archive = await openDockerArchive(path);
  return (await archive.resolveSingle()).digest;
}

function plain({ layers, tars }: LayeredImage): LayeredImage['layers'] {
  return layers.map((layer, i) => ({ ...layer, bytes: tars[i] ?? layer.bytes }));
}
