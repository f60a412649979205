import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeTarHeader } from '../../src/content/tar/encode-header.ts';
import { tarTrailer } from '../../src/content/tar/writer.ts';
import { crane } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { fakeEngine, type FakeEngine } from '../support/fake-engine.ts';
import { writeDockerTarball } from '../support/image-files.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temp-directory.ts';
import { treeImage, writeTreeTar } from '../support/tree-image.ts';

/** Node alone takes about 45 MB. Layers and tar are larger than this without compression, so nothing fits that is held whole. */
const maxMemory = 150 * 1024 * 1024;
const megabytes = 160;

describe('crane with an image that is larger than its memory', () => {
  let registry: CraneRegistry;
  let work: TemporaryDirectory;

  beforeAll(async () => {
    [registry, work] = await Promise.all([startCraneRegistry(), temporaryDirectory()]);
    const { layout } = await treeImage(megabytes);
    await expectSmall(['push', layout, `${registry.address}/tree:1`]);
    await writeTreeTar(work.file('layer.tar'), megabytes);
  }, 300_000);

  afterAll(async () => {
    await registry.stop();
    await work.remove();
  });

  it.each([
    ['exports its file system', () => ['export', `${registry.address}/tree:1`, join(work.path, 'files.tar')]],
    ['validates it', () => ['validate', '--remote', `${registry.address}/tree:1`]],
    [
      'appends a layer',
      () => [
        'append',
        '-b',
        `${registry.address}/tree:1`,
        '-f',
        work.file('layer.tar'),
        '-t',
        `${registry.address}/tree:2`,
      ],
    ],
    [
      'adds a file to it',
      () => ['edit', 'fs', `${registry.address}/tree:1`, '-f', '/etc/new', '-t', `${registry.address}/tree:3`],
    ],
    ['flattens it', () => ['flatten', `${registry.address}/tree:1`, '-t', `${registry.address}/tree:flat`]],
  ])('%s', { timeout: 120_000 }, async (_, argsOf) => {
    await expectSmall(argsOf());
  });
});

describe('crane with an image of very many files', () => {
  it('exports and flattens it', { timeout: 240_000 }, async () => {
    const work = await temporaryDirectory();
    try {
      await pipeline(manyFiles(600_000), createGzip({ level: 1 }), createWriteStream(work.file('layer.tar.gz')));
      const layout = `oci:${work.file('layout')}:1`;
      await expectSmall(['append', '-f', work.file('layer.tar.gz'), '-t', layout]);
      await expectSmall(['export', layout, work.file('files.tar')]);
      await expectSmall(['flatten', layout, '-t', layout]);
    } finally {
      await work.remove();
    }
  });
});

describe('crane with an image in an engine that is larger than its memory', () => {
  let engine: FakeEngine;
  let work: TemporaryDirectory;
  let layout: string;

  beforeAll(async () => {
    work = await temporaryDirectory();
    const image = await treeImage(megabytes);
    layout = image.layout;
    const archive = work.file('saved.tar');
    await writeDockerTarball(image, archive, { tag: 'tree.test/tree:1', compressed: false });
    let isLoaded = false;
    engine = await fakeEngine({
      async instead(what, response, request) {
        if (what === 'GET /images/get') await pipeline(createReadStream(archive), response);
        else if (what === 'POST /images/load') {
          for await (const _ of request) isLoaded = true;
          response.end('{"stream":"Loaded image"}');
        } else if (/^GET .*tree.*json$/.test(what) || (isLoaded && /^GET .*json$/.test(what))) {
          response.end(JSON.stringify({ Id: image.configDigest, Size: megabytes * 1e6 }));
        } else return false;
        return true;
      },
    });
  }, 300_000);

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await work.remove();
  });

  it.each([
    ['copies it out', () => ['copy', 'docker-daemon:tree.test/tree:1', `oci:${work.file('copy')}:1`]],
    ['loads it', () => ['copy', `oci:${layout}`, 'docker-daemon:new.test/new:1']],
  ])('%s', { timeout: 120_000 }, async (_, argsOf) => {
    await expectSmall(argsOf(), { DOCKER_HOST: engine.host });
  });
});

/** An archive of empty files, a thousand to a directory. */
async function* manyFiles(count: number): AsyncGenerator<Uint8Array, void> {
  const gathered: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const directory = Math.floor(i / 1000);
    if (i % 1000 === 0) gathered.push(encodeTarHeader({ name: `files/of/${directory}/`, type: 'directory' }));
    gathered.push(encodeTarHeader({ name: `files/of/${directory}/a-file-called-${i}` }));
    if (gathered.length >= 1000) yield Buffer.concat(gathered.splice(0));
  }
  yield Buffer.concat([...gathered, tarTrailer]);
}

async function expectSmall(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { code, stderr, peakMemory } = await crane(args, { timeout: 110_000, env });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(peakMemory).toBeLessThan(maxMemory);
}
