import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { configOf, layersOf } from '../../src/ops/read.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { runCommand, succeeded } from '../support/command.ts';
import { imageOfDocuments } from '../support/golden-operations.ts';
import { craneInProcess } from '../support/in-process.ts';
import { layerTar } from '../support/layer-stack.ts';
import { NamedImages } from '../support/named-images.ts';
import { nativeCrane } from '../support/native-crane.ts';
import { layerStack } from '../support/random-layers.ts';
import { describeWith } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// The same command lines for the other crane and for ours: manifests have the same digest where layers are compressed already;
// where each compresses in its own way, the archives within are the same.

const theirs = nativeCrane();
const images = new NamedImages();
let work: TemporaryDirectory;

beforeAll(async () => {
  work = await temporaryDirectory();
});

afterAll(async () => {
  await work?.remove();
});

const baseOf = fc.record({
  family: fc.constantFrom('oci' as const, 'docker' as const),
  config: fc.record({
    os: fc.constantFrom('linux', ''),
    architecture: fc.constantFrom('amd64', ''),
    created: fc.constantFrom('2024-01-02T03:04:05.120000000Z', '2020-02-29T23:59:59-07:30'),
    author: fc.constantFrom('', '<&>'),
    history: fc.array(fc.record({ created_by: fc.constantFrom('', 'é\u2028'), empty_layer: fc.constant(true) })),
    config: fc.record({ Labels: fc.dictionary(fc.constantFrom('a', 'B', '10'), fc.string({ maxLength: 5 })) }),
  }),
  annotations: fc.dictionary(fc.constantFrom('x', 'Y', '9'), fc.constantFrom('', '&')),
});
const flags = fc.subarray(['--set-base-image-annotations']);

describeWith([theirs], 'Layers put on images by the other crane and by ours', () => {
  test('give the same digests where they are compressed already', async () => {
    const rounds = fc.sample(fc.record({ base: baseOf, layers: layerStack, more: flags }), { seed: 4, numRuns: 20 });
    for (const [i, { base, layers, more }] of rounds.entries()) {
      const packed = await Promise.all(layers.map(async (entries) => gzipSync(await layerTar(entries))));
      const files = await Promise.all(packed.map((bytes, at) => file(`${i}-${at}.tgz`, bytes)));
      const args = [
        '-b',
        (await images.put(await baseImage(base))).name,
        ...files.flatMap((path) => ['-f', path]),
        ...more,
      ];
      const [ours, others] = await both(args);
      expect(ours.root.digest, args.join(' ')).toBe(others.root.digest);
    }
  });

  test('without a base give the same digests', async () => {
    const packed = await file('scratch.tgz', gzipSync(await layerTar([{ name: 'a', body: 'x' }])));
    for (const args of [
      ['-f', packed],
      ['-f', packed, '--oci-empty-base'],
      ['-f', ''],
      ['-f', '', '--oci-empty-base'],
    ]) {
      const [ours, others] = await both(args);
      expect(ours.root.digest, args.join(' ')).toBe(others.root.digest);
    }
  });

  test('of archives that are not compressed differ in their compression only', async () => {
    for (const [i, layers] of fc.sample(layerStack, { seed: 5, numRuns: 6 }).entries()) {
      const path = await file(`plain-${i}.tar`, await layerTar(layers[0] ?? []));
      const [ours, others] = await both(['-f', path]);
      expect(await configOf(ours)).toEqual(await configOf(others));
      expect(types(await layersOf(ours))).toEqual(types(await layersOf(others)));
    }
  });

  test('of Windows have the same archives', async () => {
    const { name: base } = await images.put(await baseImage({ config: { os: 'windows', architecture: 'amd64' } }));
    for (const [i, layers] of fc.sample(layerStack, { seed: 6, numRuns: 12 }).entries()) {
      // The other crane leaves the targets of hard links, where nothing is any more.
      const entries = layers.flat().filter(({ type }) => type !== 'hardlink');
      const path = await file(`windows-${i}.tar`, await layerTar(entries));
      const [ours, others] = await both(['-b', base, '-f', path]);
      expect((await configOf(ours)).rootfs, JSON.stringify(entries)).toEqual((await configOf(others)).rootfs);
    }
  });

  test.each(['gnu', 'posix', 'ustar', 'v7', 'posix --sparse', 'posix --xattrs'])(
    'of Windows have the same archives, made of those of GNU tar (%s)',
    async (format) => {
      const { name: base } = await images.put(await baseImage({ config: { os: 'windows' }, family: 'docker' }));
      const path = work.file(`${format}.tar`);
      await mkdir(work.file('tree/dir'), { recursive: true });
      await writeFile(work.file('tree/dir/a.exe'), 'MZ');
      await writeFile(work.file(`tree/${'n'.repeat(60)}`), 'long');
      await writeFile(work.file('tree/holes'), '');
      await truncate(work.file('tree/holes'), 300_000);
      await rm(work.file('tree/link'), { force: true });
      await symlink('dir/a.exe', work.file('tree/link'));
      execFileSync('tar', [...`--format=${format}`.split(' '), '-C', work.file('tree'), '-cf', path, '.']);
      const [ours, others] = await both(['-b', base, '-f', path]);
      expect((await configOf(ours)).rootfs).toEqual((await configOf(others)).rootfs);
    },
  );
});

interface Base {
  readonly family?: 'oci' | 'docker';
  readonly config: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

async function baseImage({ family = 'oci', config, annotations = {} }: Base): Promise<Artifact> {
  const document = { ...config, rootfs: { type: 'layers', diff_ids: [] } };
  const types =
    family === 'oci'
      ? { manifest: mediaTypes.ociManifest, config: mediaTypes.ociConfig }
      : { manifest: mediaTypes.dockerManifest, config: mediaTypes.dockerConfig };
  return imageOfDocuments(JSON.stringify(document), { annotations, layers: [] }, types);
}

/** What our command makes, and theirs. */
async function both(args: readonly string[]): Promise<readonly [Artifact, Artifact]> {
  const line = (tag: string): string[] => ['append', ...args, '-t', `${images.host}/images:${tag}`];
  const result = await craneInProcess(line('ours'), { home: work.path });
  expect(result.stderr).not.toContain('Error');
  succeeded(await runCommand(theirs.path, line('theirs'), { home: work.path }));
  return [await images.get('ours'), await images.get('theirs')];
}

async function file(name: string, content: Uint8Array): Promise<string> {
  const path = work.file(name);
  await writeFile(path, content);
  return path;
}

function types(layers: readonly { readonly mediaType: string }[]): readonly string[] {
  return layers.map(({ mediaType }) => mediaType);
}
