import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { streamOf } from '../../src/content/bytes.ts';
import { describeBytes, digestOf } from '../../src/content/hash.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { appendLayers, type LayerAddition } from '../../src/ops/edit/append-layers.ts';
import { appendToIndex } from '../../src/ops/edit/append-to-index.ts';
import { filterIndex } from '../../src/ops/edit/filter-index.ts';
import type { ImageEdit } from '../../src/ops/edit/image-edit.ts';
import { mutateImage } from '../../src/ops/edit/mutate-image.ts';
import { emptyImage, emptyIndex } from '../../src/ops/empty.ts';
import { imageForPlatform } from '../../src/ops/resolve.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { goldenImage } from '../support/golden-image.ts';

// What the newest crane printed for the same edits of the same images.

const folder = join(import.meta.dirname, '../vectors/transcripts');
const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as readonly {
  readonly name: string;
  readonly stdout: string;
}[];

/** The digest that crane printed in a case. */
function printed(name: string): string {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`No transcript ${name}`);
  return found.stdout.trim().split('@')[1] ?? '';
}

function layerOf(name: string): LayerAddition {
  const bytes = readFileSync(join(folder, 'files', name));
  const content = { open: async (start: number) => streamOf(bytes.subarray(start)) };
  return { descriptor: describeBytes(bytes, mediaTypes.ociLayerGzip), diffId: digestOf(gunzipSync(bytes)), content };
}

const edits: readonly (readonly [name: string, edit: ImageEdit])[] = [
  ['mutate entrypoint app:oci', { entrypoint: ['/e', 'arg'], entrypointClearsCmd: true }],
  ['mutate cmd app:oci', { cmd: ['a', 'b'] }],
  ['mutate user app:oci', { user: '65532:65532' }],
  ['mutate workdir app:oci', { workdir: '/srv' }],
  ['mutate ports app:oci', { exposedPorts: { replace: ['80/tcp', '8080'] } }],
  ['mutate annotation app:oci', { annotations: { set: { k: 'v', z: '<' } } }],
  ['mutate set-platform app:oci', { platform: parsePlatform('linux/arm/v7') }],
  ['mutate label app:docker', { labels: { set: { b: '2', c: '<&>' } } }],
  ['mutate env app:docker', { env: { set: ['X=1', 'PATH=/usr/bin'] } }],
  ['mutate entrypoint app:docker', { entrypoint: ['/e', 'arg'], entrypointClearsCmd: true }],
  ['mutate annotation app:docker', { annotations: { set: { k: 'v', z: '<' } } }],
  ['mutate set-platform app:docker', { platform: parsePlatform('linux/arm/v7') }],
  ['mutate nothing app:docker', {}],
];

it.each(edits)('%s gives the digest that crane gives', async (name, edit) => {
  const image = await goldenImage('app', name.endsWith('oci') ? 'oci' : 'docker');
  expect((await mutateImage(image, edit, { reencode: true })).root.digest).toBe(printed(name));
});

const appends: readonly (readonly [name: string, base: () => Promise<Artifact>, files: readonly string[]])[] = [
  ['append gz', () => goldenImage('app', 'oci'), ['cfg.tgz']],
  ['mutate append gz app:docker', () => goldenImage('app', 'docker'), ['cfg.tgz']],
  ['append two', () => goldenImage('app', 'docker'), ['cfg.tgz', 'white.tgz']],
  ['append scratch', () => emptyImage(), ['cfg.tgz']],
  [
    'append index base platform',
    async () => imageForPlatform(await goldenImage('multi', 'oci'), parsePlatform('linux/arm64')),
    ['cfg.tgz'],
  ],
];

it.each(appends)('%s gives the digest that crane gives', async (name, base, files) => {
  const after = await appendLayers(await base(), files.map(layerOf), { reencode: true });
  expect(after.root.digest).toBe(printed(name));
});

it('images in an index give the digests that crane gives', async () => {
  const [amd64, arm64] = [await goldenImage('multi', 'oci-amd'), await goldenImage('multi', 'oci-arm')];
  const both = await appendToIndex(await emptyIndex(), [{ artifact: amd64 }, { artifact: arm64 }]);
  expect(both.root.digest).toBe(printed('index append'));
  const docker = await goldenImage('multi', 'docker-amd');
  const one = await appendToIndex(await emptyIndex({ format: 'docker' }), [{ artifact: docker }]);
  expect(one.root.digest).toBe(printed('index append docker'));
  const added = { artifact: await goldenImage('multi', 'docker') };
  const flat = await appendToIndex(await goldenImage('multi', 'oci'), [added]);
  expect(flat.root.digest).toBe(printed('index append flatten'));
});

it('an index with fewer platforms has the digest that crane gives', async () => {
  const platforms = ['linux/amd64', 'linux/s390x'].map(parsePlatform);
  const oci = await filterIndex(await goldenImage('multi', 'oci'), platforms);
  expect(oci.root.digest).toBe(printed('index filter'));
  const docker = await filterIndex(await goldenImage('multi', 'docker'), [parsePlatform('linux/arm64')]);
  expect(docker.root.digest).toBe(printed('index filter none'));
});
