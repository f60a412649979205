import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { blobOf, imageOf, noise, pushImage, type Sample } from '../../../test/conformance/samples.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { collect } from '../../content/bytes.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { ContentStore } from '../../store/store.ts';
import { registryHandler } from '../handler.ts';
import { diskStorage } from './disk-storage.ts';
import type { DiskStore } from './disk-store.ts';

describe('diskStorage', () => {
  it('has after a restart what it had before: blobs, manifests and their types, tags, referrers', async () => {
    const directory = await testDirectory();
    const before = await open(directory, 'team/app');
    const image = imageOf('kept');
    await pushImage(before, image, 'Latest');
    const referrer = imageOf('referrer', { subject: image.target, artifactType: 'text/x' });
    await pushImage(before, referrer);
    const { mediaType: _unsaid, ...untyped } = JSON.parse(new TextDecoder().decode(image.bytes));
    const docker = blobOf(JSON.stringify(untyped), mediaTypes.dockerManifest);
    await before.push(docker.target, docker.bytes);

    const after = await open(directory, 'team/app');
    expect(await after.resolve('Latest')).toEqual(image.target);
    expect(await after.resolve(docker.target.digest)).toEqual(docker.target);
    for (const sample of [image, docker, ...image.blobs]) await expectContent(after, sample);
    expect(await after.referrers(image.target)).toEqual([{ ...referrer.target, artifactType: 'text/x' }]);
    expect(await tagsOf(after)).toEqual(['Latest']);
    const storage = await diskStorage(directory);
    expect(await storage.find('team/app')).toBeDefined();
    expect(await storage.find('team')).toBeUndefined();
  });

  it('resumes after a restart an upload that was not finished', async () => {
    const directory = await testDirectory();
    const blob = blobOf(noise(300_000));
    const { uploads } = await (await diskStorage(directory)).create('a');
    const upload = await uploads.start();
    expect(await upload.append(blob.bytes.subarray(0, 100_000))).toBe(100_000);

    const again = await (await diskStorage(directory)).create('a');
    const resumed = await again.uploads.find(upload.id);
    expect(await resumed?.size()).toBe(100_000);
    await resumed?.append(blob.bytes.subarray(100_000), { offset: 100_000 });
    expect(await resumed?.finish(blob.target.digest)).toMatchObject({ size: 300_000 });
    await expectContent(again.content, blob);
    expect(await readdir(join(directory, 'uploads'))).toEqual([]);
  });

  it('forgets uploads that nobody touched for a day', async () => {
    const directory = await testDirectory();
    const { uploads } = await (await diskStorage(directory)).create('a');
    const [old, young] = [await uploads.start(), await uploads.start()];
    const longAgo = Date.now() / 1000 - 2 * 24 * 60 * 60;
    for (const file of await readdir(join(directory, 'uploads'))) {
      if (file.startsWith(old.id)) await utimes(join(directory, 'uploads', file), longAgo, longAgo);
    }
    const restarted = await (await diskStorage(directory)).create('a');
    expect(await restarted.uploads.find(old.id)).toBeUndefined();
    expect(await restarted.uploads.find(young.id)).toBeDefined();
    await expect(old.append(noise(5))).rejects.toBeDefined();
  });

  it('keeps the bytes of a blob once for all repositories, until the last one deletes it', async () => {
    const directory = await testDirectory();
    const blob = blobOf(noise(100_000));
    const { digest } = blob.target;
    const shared = join(directory, 'blobs', 'sha256', digest.slice(7, 9), digest.slice(7));
    const [first, second] = [await open(directory, 'first'), await open(directory, 'second')];
    await first.push(blob.target, blob.bytes);
    await second.push(blob.target, blob.bytes);
    expect((await stat(shared)).nlink).toBe(3);
    await first.deleteBlob(digest);
    await expectContent(second, blob);
    await second.deleteBlob(digest);
    await expect(stat(shared)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('replaces a shared copy that was cut short', async () => {
    const directory = await testDirectory();
    const blob = blobOf(noise(10_000));
    const { digest } = blob.target;
    const first = await open(directory, 'first');
    await first.push(blob.target, blob.bytes);
    const shared = join(directory, 'blobs', 'sha256', digest.slice(7, 9), digest.slice(7));
    await rm(shared);
    await writeFile(shared, blob.bytes.subarray(0, 10));
    const second = await open(directory, 'second');
    await second.push(blob.target, blob.bytes);
    await expectContent(second, blob);
  });

  it('shows one process what another does', async () => {
    const directory = await testDirectory();
    const [one, other] = [await open(directory, 'a'), await open(directory, 'a')];
    const image = imageOf('shared');
    await pushImage(one, image, 'x');
    expect(await other.resolve('x')).toEqual(image.target);
    await one.deleteManifest(image.target.digest);
    await expect(other.resolve('x')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(other.resolve(image.target.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('writes nothing outside of its directory whatever it is asked for', async () => {
    const directory = await testDirectory();
    const send = registryHandler(await diskStorage(join(directory, 'registry')));
    const image = imageOf('x');
    for (const path of ['..%2f..%2fevil/blobs/uploads/', '../evil/blobs/uploads/', 'a/blobs/uploads/..%2f..%2fevil']) {
      await send(new Request(`http://registry.test/v2/${path}`, { method: 'POST' }));
    }
    const store = await open(join(directory, 'registry'), 'a');
    await store.push(image.target, image.bytes);
    await expect(store.tag(image.target, '../../../evil')).rejects.toMatchObject({ code: 'INVALID_REFERENCE' });
    await expect(store.resolve('../../../evil')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.deleteTag('../_blobs')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await readdir(directory)).toEqual(['registry']);
  });

  it('works on after a process was killed in the middle of uploads', async () => {
    const directory = await testDirectory();
    const script = join(directory, 'serve.mjs');
    await bundle(script);
    const root = join(directory, 'registry');
    const finished: Sample[] = [];
    for (let round = 0; round < 3; round++) finished.push(...(await uploadUntilKilled(script, root, round)));
    expect(finished.length).toBeGreaterThan(0);
    const store = await open(root, 'a');
    for (const sample of finished) {
      await expectContent(store, sample);
      expect((await store.resolve(`t${sample.target.digest.slice(7, 19)}`)).digest).toBeDefined();
    }
    for (const tag of await tagsOf(store)) {
      const target = await store.resolve(tag);
      const bytes = await collect(await store.fetch(target), target.size);
      const { layers } = JSON.parse(new TextDecoder().decode(bytes)) as { layers: Sample['target'][] };
      for (const layer of layers) await collect(await store.fetch(layer), layer.size);
    }
    await pushImage(store, imageOf('afterwards'), 'afterwards');
  });
});

async function open(directory: string, name: string): Promise<DiskStore> {
  return (await (await diskStorage(directory)).create(name)).content as DiskStore;
}

async function tagsOf(store: DiskStore): Promise<readonly string[]> {
  const tags: string[] = [];
  for await (const page of store.tags()) tags.push(...page);
  return tags;
}

async function expectContent(store: ContentStore, { target, bytes }: Sample): Promise<void> {
  expect(Buffer.compare(await collect(await store.fetch(target), target.size), bytes)).toBe(0);
}

async function bundle(outfile: string): Promise<void> {
  const contents = `
    import { diskStorage, listen } from './src/server/index.ts';
    console.log((await listen({ storage: await diskStorage(process.argv[2]) })).url);`;
  const resolveDir = new URL('../../..', import.meta.url).pathname;
  await build({ stdin: { contents, resolveDir }, outfile, bundle: true, platform: 'node', format: 'esm' });
}

/** Pushes images side by side, kills the server while they are under way, and gives the layers of those it took. */
async function uploadUntilKilled(script: string, root: string, round: number): Promise<readonly Sample[]> {
  const server = spawn(process.execPath, [script, root], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = (await once(createInterface(server.stdout), 'line')) as [string];
  const taken: Sample[] = [];
  const pushing = async (worker: number): Promise<void> => {
    for (let i = 0; ; i++) {
      const layer = blobOf(noise(300_000, 1 + worker + i * 10 + round * 1000), mediaTypes.ociLayer);
      await pushOverHttp(url, layer);
      taken.push(layer);
      if (taken.length >= 6) server.kill('SIGKILL');
    }
  };
  await Promise.allSettled([pushing(0), pushing(1), pushing(2)]);
  if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  expect(server.signalCode).toBe('SIGKILL');
  return taken;
}

async function pushOverHttp(url: string, layer: Sample): Promise<void> {
  const image = imageOf('base', { layers: [layer.target] });
  for (const { target, bytes } of [...image.blobs, layer]) {
    const started = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
    const location = url + (started.headers.get('location') ?? '');
    await fetch(location, { method: 'PATCH', body: bytes.subarray(0, 1000) as Uint8Array<ArrayBuffer> });
    const rest = bytes.subarray(1000) as Uint8Array<ArrayBuffer>;
    const done = await fetch(`${location}?digest=${target.digest}`, { method: 'PUT', body: rest });
    expect(done.status).toBe(201);
  }
  const done = await fetch(`${url}/v2/a/manifests/t${layer.target.digest.slice(7, 19)}`, {
    method: 'PUT',
    headers: { 'content-type': mediaTypes.ociManifest },
    body: image.bytes as Uint8Array<ArrayBuffer>,
  });
  expect(done.status).toBe(201);
}
