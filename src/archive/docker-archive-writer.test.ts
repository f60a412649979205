import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenImage } from '../../test/support/golden-image.ts';
import { collect } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { TarReader } from '../content/tar/reader.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { parseReference } from '../oci/reference.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';
import type { ProgressEvent } from '../store/progress.ts';
import { writeDockerArchive } from './docker-archive-writer.ts';
import { writeLegacyArchive } from './legacy-archive-writer.ts';

let root: string;
let path: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'docker-archive-writer-'));
  path = join(root, 'archive.tar');
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

const digestReference = 'app@sha256:982a261b1a18faf11475cb3291fb6060c026d67bb65ef9d654a4ec9145ba61e9';

// SHA-256 of the files that `crane pull` writes for these images of the transcripts from a registry at localhost:5000.
describe.each([
  [
    'app:docker',
    'ecf1da3262057f33058a524bb9756b4e1e46440e84552d79c4cd65af6924d601',
    'd0a1f320f9e6265184adc187b4cb15cf6321a1f38d5cb0d06cebc1ccbc25bfaf',
  ],
  [
    'app:oci',
    'b629c66bf23ab57bbe420255ad0d28596d058ef4d674ab86040b33c0f6e4d3ae',
    '1caac855455910ee246a25a74690b1b2395bcaebc9b8298813bbd30c35990b65',
  ],
  [
    'app:white',
    '2d4a5e19d50fd8453d64f2549b1afc49154c72e2eadf5ef4f77ff6b4bba74b47',
    '9aeb35be4ad289c74edb8524bed195ebeb5163e3f8c606f0bb0c53427e0f0d8a',
  ],
  [
    'multi:oci-arm',
    '2fc872cf381b3d60c7cc2d9a9aa8be76b574f2e26191a00e289df3ad9a32c8a6',
    '554a8b6759502ca663cac23417b01815b900b9ed9b2377ebbc97f947fa1bb1db',
  ],
  [
    'base:old',
    '40e0007eb78996c8943c0d32a1cba138fd93e7641b28b8299778ba7cc3e460a2',
    'fbd5717613284f51403b9d9b0cbde8ee32701db628b85b5acfad8f13ae02f3e0',
  ],
  [
    digestReference,
    'acb8eb4593cbafd6c9632094356c4737503f78229c31746fbd751615df2aa99a',
    'a9947ca26e48a1e4c97c6b6af3702e3a6672754cfabe5b6c4d931aaa9de07773',
  ],
])('the archive of the golden image %s', (reference, tarball, legacy) => {
  it.each([
    ['tarball', writeDockerArchive, tarball],
    ['legacy tarball', writeLegacyArchive, legacy],
  ])('is the %s that crane writes, in a file and in a pipe', async (_, write, expected) => {
    const [repository = '', tag = 'docker'] = reference.split(/[:@]/, reference.includes('@') ? 1 : 2);
    const images = [{ artifact: await goldenImage(repository, tag), name: `localhost:5000/${reference}` }];
    await write(images, path);
    expect(digestOf(await readFile(path))).toBe(`sha256:${expected}`);
    expect(digestOf(await piped((sink) => write(images, sink)))).toBe(`sha256:${expected}`);
  });
});

describe('names in the archive', () => {
  it.each([
    ['alpine', 'alpine:latest'],
    ['alpine:latest', 'alpine:latest'],
    ['example.com:5000/a/b', 'example.com:5000/a/b:latest'],
    ['example.com/a:1', 'example.com/a:1'],
  ])('are as typed, with the tag that is implied: %s', async (name, expected) => {
    for (const write of [writeDockerArchive, writeLegacyArchive]) {
      await write([{ artifact: await anImage(), name }], path);
      expect((await manifestIn(path)).map(({ RepoTags }) => RepoTags)).toEqual([[expected]]);
    }
  });

  it('may be missing', async () => {
    await writeDockerArchive([{ artifact: await anImage() }], path);
    expect((await manifestIn(path))[0]?.RepoTags).toBeNull();
  });

  it('of several digests of one repository do not overwrite each other (crane keeps only one of the images)', async () => {
    const images = [await anImage({ layers: ['one'] }), await anImage({ layers: ['two'] })];
    await writeDockerArchive(
      images.map((artifact) => ({ artifact, name: parseReference(`alpine@${artifact.root.digest}`) })),
      path,
    );
    expect((await manifestIn(path)).flatMap(({ RepoTags }) => RepoTags ?? [])).toEqual(
      images.map(({ root }) => `index.docker.io/library/alpine:i-was-a-digest-${root.digest.slice(7, 19)}`).sort(),
    );
  });

  it('that are given twice count once', async () => {
    const artifact = await anImage();
    await writeDockerArchive(
      [
        { artifact, name: 'a:1' },
        { artifact, name: 'a:1' },
        { artifact, name: 'b:1' },
      ],
      path,
    );
    expect((await manifestIn(path)).map(({ RepoTags }) => RepoTags)).toEqual([['a:1'], ['b:1']]);
  });
});

it('does not depend on the order of the images, and holds shared layers once', async () => {
  const [a, b] = [await anImage({ layers: ['shared', 'a'] }), await anImage({ layers: ['shared', 'b'] })];
  await writeDockerArchive(
    [
      { artifact: a, name: 'a' },
      { artifact: b, name: 'b' },
    ],
    path,
  );
  const first = await readFile(path);
  await writeDockerArchive(
    [
      { artifact: b, name: 'b' },
      { artifact: a, name: 'a' },
    ],
    path,
  );
  expect(first.equals(await readFile(path))).toBe(true);
  expect(await namesIn(path)).toHaveLength(2 + 3 + 1);
});

it('names layers by their compression and keeps where licensed ones come from', async () => {
  const types = [
    mediaTypes.ociLayerZstd,
    mediaTypes.ociLayer,
    mediaTypes.dockerLayer,
    mediaTypes.ociLayerGzip,
    mediaTypes.dockerForeignLayerGzip,
  ];
  const artifact = await anImage({ layers: types, types, urls: ['https://example.com/?a&b'] });
  await writeDockerArchive([{ artifact, name: 'a' }], path);
  const [entry] = await manifestIn(path);
  expect(entry?.Layers.map((name) => name.slice(64))).toEqual(['.tar.zst', '.tar', '.tar', '.tar.gz', '.tar.gz']);
  const sources = Object.values(entry?.LayerSources ?? {});
  expect(sources).toMatchObject([{ mediaType: mediaTypes.dockerForeignLayerGzip, urls: ['https://example.com/?a&b'] }]);
});

it.each([
  ['tarball', writeDockerArchive],
  ['legacy tarball', writeLegacyArchive],
])('a zero-layer image gives a %s that is read again (crane crashes on the legacy one)', async (_, write) => {
  await write([{ artifact: await anImage({ layers: [] }), name: 'empty:1' }], path);
  expect((await manifestIn(path))[0]).toMatchObject({ Layers: [], RepoTags: ['empty:1'] });
});

it('refuses an index', async () => {
  const artifact = await goldenImage('multi', 'oci');
  for (const write of [writeDockerArchive, writeLegacyArchive]) {
    await expect(write([{ artifact, name: 'a' }], path)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('--platform') as string,
    });
  }
});

it('refuses a legacy archive of an image whose history does not fit', async () => {
  const artifact = await anImage({ layers: ['a', 'b'], history: [{ created_by: 'x' }] });
  await expect(writeLegacyArchive([{ artifact, name: 'a' }], path)).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('1 layers, but the image has 2') as string,
  });
});

it.each([
  ['tarball', writeDockerArchive],
  ['legacy tarball', writeLegacyArchive],
])('leaves an older file and nothing else when fetching for a %s fails', async (_, write) => {
  await rm(path, { force: true });
  await writeFile(join(root, 'old.tar'), 'old');
  const { store, root: target } = await anImage({ layers: ['fine', 'broken'] });
  const broken: Artifact = {
    root: target,
    store: {
      resolve: (reference) => store.resolve(reference),
      stat: (content) => store.stat(content),
      async fetch(content, options) {
        if (content.digest === digestOf(Buffer.from('broken')))
          return store.fetch({ ...content, digest: digestOf(Buffer.from('fine')) });
        return store.fetch(content, options);
      },
    },
  };
  await expect(write([{ artifact: broken, name: 'a' }], join(root, 'old.tar'))).rejects.toMatchObject({
    code: expect.stringMatching('_MISMATCH') as string,
  });
  expect(await readFile(join(root, 'old.tar'), 'utf8')).toBe('old');
  expect(await readdir(root)).toEqual(['old.tar']);
});

it('ends with the reason of its signal, and no fetch goes on', async () => {
  const controller = new AbortController();
  const { store, root: target } = await anImage({ layers: ['a', 'b', 'c'] });
  let open = 0;
  const hanging: Artifact = {
    root: target,
    store: {
      resolve: (reference) => store.resolve(reference),
      stat: (content) => store.stat(content),
      async fetch(content, options = {}) {
        if (content.mediaType !== mediaTypes.dockerLayerGzip) return store.fetch(content, options);
        open++;
        queueMicrotask(() => controller.abort(new Error('enough')));
        return {
          async *[Symbol.asyncIterator]() {
            yield Buffer.from('');
            await new Promise((resolve) => options.signal?.addEventListener('abort', resolve, { once: true }));
            open--;
          },
          cancel: async () => {},
        };
      },
    },
  };
  await expect(
    writeDockerArchive([{ artifact: hanging, name: 'a' }], path, { signal: controller.signal }),
  ).rejects.toThrow('enough');
  expect(await readdir(root)).toEqual(['old.tar']);
});

it('tells of its progress', async () => {
  const events: ProgressEvent[] = [];
  await writeDockerArchive([{ artifact: await anImage({ layers: ['abc'] }), name: 'a' }], path, {
    onProgress: (event) => events.push(event),
  });
  const ofLayer = events.filter((event) => 'target' in event && event.target.mediaType === mediaTypes.dockerLayerGzip);
  expect(ofLayer.map(({ type }) => type)).toEqual(['queued', 'start', 'chunk', 'finish']);
  expect(ofLayer[2]).toMatchObject({ bytes: 3 });
});

interface ImageParts {
  readonly layers?: readonly string[];
  readonly types?: readonly string[];
  readonly urls?: readonly string[];
  readonly history?: readonly unknown[];
}

/** An image whose layers are the given texts, which stand for layers well enough here. */
async function anImage({ layers = ['layer'], types = [], urls, history }: ImageParts = {}): Promise<Artifact> {
  const store = new MemoryStore();
  const described: Descriptor[] = [];
  for (const [i, text] of layers.entries()) {
    const type = types[i] ?? mediaTypes.dockerLayerGzip;
    const layer = await store.add(Buffer.from(text), type);
    described.push(type.includes('foreign') ? { ...layer, urls } : layer);
  }
  const diffIds = layers.map((text) => digestOf(Buffer.from(`diff of ${text}`)));
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds }, history };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: await store.add(Buffer.from(JSON.stringify(config)), mediaTypes.dockerConfig),
    layers: described,
  };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.dockerManifest) };
}

interface Entry {
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
  readonly LayerSources?: Readonly<Record<string, Descriptor>>;
}

async function manifestIn(file: string): Promise<readonly Entry[]> {
  for await (const { header, body } of new TarReader(await readFile(file))) {
    if (header.name === 'manifest.json') return JSON.parse(Buffer.from(await collect(body, 1e6)).toString()) as Entry[];
  }
  throw new Error('no manifest.json');
}

async function namesIn(file: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { header } of new TarReader(await readFile(file))) names.push(header.name);
  return names;
}

async function piped(write: (sink: { write(chunk: Uint8Array): Promise<void> }) => Promise<void>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  await write({
    async write(chunk) {
      chunks.push(Uint8Array.from(chunk));
    },
  });
  return Buffer.concat(chunks);
}
