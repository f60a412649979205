import { existsSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Artifact,
  copyGraph,
  createTransport,
  imageForPlatform,
  manifestOf,
  openArtifact,
  openLayout,
  parsePlatform,
  parseReference,
  remote,
  type Transport,
  validate,
  writeDockerArchive,
  writeOciArchive,
} from 'crane-oci';
import { collect, digestOf } from 'crane-oci/content';
import { layersOf, mutateImage, randomImage, randomIndex, rawConfigOf } from 'crane-oci/ops';
import { fixedKeychain } from 'crane-oci/remote';
import type { ListeningRegistry } from 'crane-oci/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyImage } from '../examples/copy.ts';
import { connectEverywhere } from '../examples/credentials.ts';
import { fileArtifact, pushFile } from '../examples/custom-store.ts';
import { deleteOld } from '../examples/delete-old.ts';
import {
  addDirectory,
  changeImage,
  convertedTo,
  flattened,
  indexOf,
  onlyLinux,
  ontoBase,
  recompressed,
  replaceFile,
  writeFilesystem,
} from '../examples/edit-image.ts';
import { inspect } from '../examples/inspect.ts';
import { pullToLayout } from '../examples/pull-to-layout.ts';
import { registryInMemory, serveDirectory, serveLayout } from '../examples/serve-registry.ts';
import { problemsOf } from '../examples/validate.ts';
import { simulateRegistry } from './simulated-registry/simulate.ts';
import { runCommand, succeeded } from './support/command.ts';
import { projectRoot } from './support/paths.ts';
import { testDirectory } from './support/test-directory.ts';
import { type TemporaryDirectory, temporaryDirectory } from './support/temp-directory.ts';

const joe = { source: 'the test', username: 'joe', password: 'secret' };

let directory: TemporaryDirectory;
let registry: ListeningRegistry;
let transport: Transport;
let address: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  registry = await serveDirectory(directory.path, 0);
  address = registry.url.replace('http://', '');
  transport = createTransport({ userAgent: 'test' });
});

afterEach(async () => {
  transport.close();
  await registry.close();
  await directory.remove();
});

describe('copy.ts', () => {
  it('copies an index and says what moved', async () => {
    const { root } = await pushed(await randomIndex({ seed: 'copy' }), 'from/app:1');
    const lines: string[] = [];
    const digest = await copyImage(`${address}/from/app:1`, `${address}/to/app:2`, transport, (line) =>
      lines.push(line),
    );
    expect(digest).toBe(root.digest);
    expect((await remote(parseReference(`${address}/to/app`), { transport }).resolve('2')).digest).toBe(root.digest);
    expect(lines.filter((line) => line.endsWith(': mounted'))).toHaveLength(2 * 4);
    expect(lines.at(-1)).toBe(`copied ${digest}, ${root.size} bytes`);
  });

  it('runs as a program', async () => {
    const { root } = await pushed(await randomImage({ seed: 'program' }), 'from/app:1');
    const result = await runExample('copy.ts', `${address}/from/app:1`, `${address}/to/app:1`);
    expect(result.stdout.trimEnd().split('\n').at(-1)).toBe(root.digest);
  });
});

describe('inspect.ts', () => {
  it('tells platform and layers of the image that was chosen', async () => {
    const index = await pushed(await randomIndex({ seed: 'inspect', layers: 2 }), 'app:1');
    const image = await imageForPlatform(index, { os: 'linux', architecture: 'arm64' });
    expect(await inspect(`${address}/app:1`, 'linux/arm64', transport)).toEqual({
      digest: image.root.digest,
      platform: 'linux/arm64',
      layers: await layersOf(image),
    });
  });

  it('runs as a program', async () => {
    const { root } = await pushed(await randomImage({ seed: 'program', layers: 1 }), 'app:1');
    const { stdout } = await runExample('inspect.ts', `${address}/app:1`);
    expect(stdout).toMatch(new RegExp(`^${root.digest} for linux/amd64\n {2}sha256:[0-9a-f]{64} \\d+ bytes\n$`));
  });
});

describe('credentials.ts', () => {
  it('finds what a pull secret has for the registry', async () => {
    const guarded = await simulateRegistry({ users: { joe: { password: 'secret' } } });
    try {
      const secret = join(directory.path, 'secret.json');
      await writeFile(secret, JSON.stringify({ auths: { [guarded.host]: { username: 'joe', password: 'secret' } } }));
      const writer = createTransport({ userAgent: 'test', keychain: fixedKeychain(joe) });
      const { store, root } = await randomImage({ seed: 'guarded', layers: 1 });
      const reference = parseReference(`${guarded.host}/app:v1`);
      await copyGraph(store, remote(reference, { transport: writer, access: 'push' }), root, { tag: 'v1' });
      writer.close();
      const reader = connectEverywhere([secret], expect.unreachable);
      expect((await remote(reference, { transport: reader }).resolve('v1')).digest).toBe(root.digest);
      reader.close();
      const { stdout } = await runExample('credentials.ts', `${guarded.host}/app:v1`, secret);
      expect(stdout).toBe(`${root.digest}\n`);
    } finally {
      await guarded.close();
    }
  });
});

describe('delete-old.ts', () => {
  it('leaves the newest images and those of an index, and runs as a program', async () => {
    const images = await Promise.all(
      [1, 2, 3, 4].map(async (day) => {
        const image = await randomImage({ seed: `day ${day}`, layers: 1 });
        return pushed(await mutateImage(image, { created: `2026-11-0${day}T00:00:00Z` }), `app:day-${day}`);
      }),
    );
    const digests = images.map(({ root }) => root.digest);
    // As new as the first image in it.
    await pushed(await indexOf([images[3], images[0]].filter((image) => image !== undefined)), 'app:index');
    const kept = `kept ${digests[0]}: an index lists it`;
    const { stdout } = await runExample('delete-old.ts', `${address}/app`, '3');
    expect(stdout).toBe(`deleted ${digests[1]}: day-2\n${kept}\n`);
    const lines: string[] = [];
    await deleteOld(`${address}/app`, 2, transport, (line) => lines.push(line));
    expect(lines).toEqual([`deleted ${digests[2]}: day-3`, kept]);
    expect((await pulled('app:day-1')).root.digest).toBe(digests[0]);
  });
});

describe('edit-image.ts', () => {
  it('labels the Linux images of an index, and runs as a program', async () => {
    await pushed(await randomIndex({ seed: 'edit' }), 'app:1');
    const { stdout } = await runExample('edit-image.ts', `${address}/app:1`, `${address}/app:2`, 'team=web');
    const edited = await pulled('app:2');
    expect(stdout).toBe(`${address}/app:2 is ${edited.root.digest}\n`);
    for (const architecture of ['amd64', 'arm64']) {
      const image = await imageForPlatform(edited, { os: 'linux', architecture });
      const config: unknown = JSON.parse(Buffer.from(await rawConfigOf(image)).toString());
      expect(config).toMatchObject({ config: { Labels: { team: 'web' } } });
    }
  });

  it('makes a site of a directory, changes a file of it, and writes it as a tarball', async () => {
    const folder = await testDirectory();
    await writeFile(join(folder, 'index.html'), 'hello');
    await pushed(await randomImage({ seed: 'site', layers: 1 }), 'site:1');
    await changeImage(`${address}/site:1`, `${address}/site:2`, transport, (image, publish) =>
      addDirectory(image, folder, publish),
    );
    await changeImage(`${address}/site:2`, `${address}/site:3`, transport, (image, publish) =>
      replaceFile(image, '/srv/www/index.html', 'bye', publish),
    );
    const site = await pulled('site:3');
    expect(await layersOf(site)).toHaveLength(3);
    expect(await validate(site)).toEqual([]);
    const tarball = join(folder, 'site.tar');
    await writeFilesystem(site, tarball);
    expect(execFileSync('tar', ['-xOf', tarball, 'srv/www/index.html'], { encoding: 'utf8' })).toBe('bye');
  });

  it('flattens, compresses anew and converts, and the results are valid', async () => {
    await pushed(await randomImage({ seed: 'small', layers: 3 }), 'app:1');
    for (const [tag, change] of [
      ['flat', flattened],
      ['small', recompressed],
      ['docker', convertedTo.bind(undefined, 'docker')],
    ] as const) {
      await changeImage(`${address}/app:1`, `${address}/app:${tag}`, transport, change);
      expect(await validate(await pulled(`app:${tag}`))).toEqual([]);
    }
    expect(await layersOf(await pulled('app:flat'))).toHaveLength(1);
    expect((await pulled('app:docker')).root.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json');
  });

  it('puts an image on another base', async () => {
    const [base, other] = [await randomImage({ seed: 'old' }), await randomImage({ seed: 'new', layers: 1 })];
    const folder = await testDirectory();
    await writeFile(join(folder, 'app'), 'app');
    await pushed(base, 'app:base');
    await changeImage(`${address}/app:base`, `${address}/app:1`, transport, (image, publish) =>
      addDirectory(image, folder, publish),
    );
    const app = await pulled('app:1');
    const [layer] = (await layersOf(app)).slice(-1);
    const lines: string[] = [];
    const rebased = await ontoBase(app, { oldBase: base, newBase: other }, (line) => lines.push(line));
    expect(lines).toEqual([`${rebased.root.digest}: 3 layers went, 1 came`]);
    expect(await layersOf(rebased)).toEqual([...(await layersOf(other)), layer]);
  });

  it('makes an index of images, and takes some of it', async () => {
    const platforms = ['linux/amd64', 'windows/amd64'].map((name) => parsePlatform(name));
    const images = await Promise.all(platforms.map((platform) => randomImage({ seed: platform.os, platform })));
    const index = await indexOf(images);
    expect(await validate(index)).toEqual([]);
    const manifest = await manifestOf(await onlyLinux(index));
    if (manifest.kind !== 'index') throw new Error('no index');
    expect(manifest.index.manifests.map(({ digest }) => digest)).toEqual([images[0]?.root.digest]);
  });
});

describe('serve-registry.ts', () => {
  it('answers requests as a function', async () => {
    const handle = registryInMemory();
    expect((await handle(new Request('http://registry.test/v2/'))).status).toBe(200);
    const absent = await handle(new Request('http://registry.test/v2/app/manifests/latest'));
    expect({ status: absent.status, body: await absent.json() }).toMatchObject({
      status: 404,
      body: { errors: [{ code: 'NAME_UNKNOWN' }] },
    });
  });

  it('serves a layout as a repository', async () => {
    const layout = await testDirectory();
    const { root } = await pushed(await randomImage({ seed: 'layout' }), 'app:1');
    await pullToLayout(`${address}/app:1`, layout, transport);
    const handle = await serveLayout(layout, 'site');
    const answer = await handle(new Request('http://registry.test/v2/site/manifests/1'));
    expect(answer.headers.get('docker-content-digest')).toBe(root.digest);
    expect(digestOf(new Uint8Array(await answer.arrayBuffer()))).toBe(root.digest);
  });

  it('keeps what was pushed across a restart', async () => {
    await pushed(await randomImage({ seed: 'kept' }), 'app:1');
    await registry.close();
    registry = await serveDirectory(directory.path, 0);
    const tags = await fetch(`${registry.url}/v2/app/tags/list`);
    expect(await tags.json()).toEqual({ name: 'app', tags: ['1'] });
  });
});

describe('pull-to-layout.ts', () => {
  it('leaves a valid layout that names the image by its tag', async () => {
    const { root } = await pushed(await randomIndex({ seed: 'pull' }), 'app:1');
    const path = join(await testDirectory(), 'layout');
    await pullToLayout(`${address}/app:1`, path, transport);
    const store = await openLayout(path);
    expect((await store.resolve('1')).digest).toBe(root.digest);
    expect(await validate({ store, root })).toEqual([]);
  });

  it('leaves nothing when the image is not there', async () => {
    const path = join(await testDirectory(), 'layout');
    await expect(pullToLayout(`${address}/app:1`, path, transport)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(existsSync(path)).toBe(false);
  });
});

describe('validate.ts', () => {
  it('finds nothing wrong with archives of either kind', async () => {
    const folder = await testDirectory();
    const artifact = await randomImage({ seed: 'valid' });
    await writeDockerArchive([{ artifact, name: 'app:1' }], join(folder, 'docker.tar'));
    await writeOciArchive(join(folder, 'oci.tar'), [{ artifact, refName: '1' }]);
    expect(await problemsOf(join(folder, 'docker.tar'))).toEqual([]);
    expect(await problemsOf(join(folder, 'oci.tar'))).toEqual([]);
  });

  it('names the layer whose bytes are not those of its digest', async () => {
    const file = join(await testDirectory(), 'oci.tar');
    const artifact = await randomImage({ seed: 'broken', layers: 1 });
    await writeOciArchive(file, [{ artifact }]);
    const [layer] = await layersOf(artifact);
    const [layerBytes, archive] = [await contentOf(artifact, layer), await readFile(file)];
    const at = archive.indexOf(layerBytes);
    archive.writeUInt8(archive.readUInt8(at + 100) ^ 1, at + 100);
    await writeFile(file, archive);
    expect(await problemsOf(file)).toEqual([expect.stringMatching(/^layers\[0\]: .*digest/)]);
  });
});

describe('custom-store.ts', () => {
  it('pushes a file as an artifact', async () => {
    const file = join(await testDirectory(), 'notes.txt');
    await writeFile(file, 'remember the milk');
    const root = await pushFile(file, `${address}/notes:1`, transport);
    const store = remote(parseReference(`${address}/notes`), { transport });
    expect((await store.resolve('1')).digest).toBe(root.digest);
    const [layer] = await layersOf({ store, root });
    expect(layer).toMatchObject({ mediaType: 'text/plain', size: 17 });
    expect(await contentOf({ store, root }, layer)).toEqual(Buffer.from('remember the milk'));
    expect(await validate({ store, root })).toEqual([]);
  });

  it('does not push a file that changed after it was hashed', async () => {
    const file = join(await testDirectory(), 'notes.txt');
    await writeFile(file, 'before');
    const source = await fileArtifact(file, 'text/plain');
    await writeFile(file, 'after!');
    const target = remote(parseReference(`${address}/notes`), { transport, access: 'push' });
    await expect(copyGraph(source, target, source.root)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      side: 'source',
    });
  });
});

/** Puts an artifact into the running registry. */
async function pushed(artifact: Artifact, name: string): Promise<Artifact> {
  const target = parseReference(`${address}/${name}`);
  await copyGraph(artifact.store, remote(target, { transport, access: 'push' }), artifact.root, { tag: target.tag });
  return artifact;
}

async function pulled(name: string): Promise<Artifact> {
  const reference = parseReference(`${address}/${name}`);
  return openArtifact(remote(reference, { transport }), reference.tag ?? 'latest');
}

async function contentOf({ store }: Artifact, target: Artifact['root'] | undefined): Promise<Buffer> {
  if (target === undefined) throw new Error('no such layer');
  return Buffer.from(await collect(await store.fetch(target), 1024 * 1024));
}

async function runExample(name: string, ...args: readonly string[]): Promise<{ readonly stdout: string }> {
  const program = [join(projectRoot, 'scripts/run-typescript.mjs'), join(projectRoot, 'examples', name)];
  return succeeded(await runCommand(process.execPath, [...program, ...args]));
}
