import { readFile, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { streamOf } from '../../src/content/bytes.ts';
import { describeBytes, digestOf } from '../../src/content/hash.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { ImageIndex } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { formatPlatform, parsePlatform } from '../../src/oci/platform.ts';
import { appendLayers } from '../../src/ops/edit/append-layers.ts';
import { appendToIndex } from '../../src/ops/edit/append-to-index.ts';
import { filterIndex } from '../../src/ops/edit/filter-index.ts';
import type { ImageEdit } from '../../src/ops/edit/image-edit.ts';
import { mutateImage } from '../../src/ops/edit/mutate-image.ts';
import { emptyImage, emptyIndex } from '../../src/ops/empty.ts';
import { rawManifestOf } from '../../src/ops/read.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { runCommand, succeeded } from '../support/command.ts';
import { craneInProcess } from '../support/in-process.ts';
import { NamedImages } from '../support/named-images.ts';
import { nativeCrane } from '../support/native-crane.ts';
import { describeWith } from '../support/requirements.ts';
import { tarOf } from '../support/sample-image.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// Documents of which crane loses nothing, edited at random by crane and by us: the digests have to be the same.

const rounds = 12;
const theirs = nativeCrane();
const images = new NamedImages();
let work: TemporaryDirectory;

beforeAll(async () => {
  work = await temporaryDirectory();
});

afterAll(async () => {
  await work?.remove();
});

describeWith([theirs], 'Edits by the other crane and by ours', () => {
  test('of images: labels, annotations, environment, command, user, ports, platform', async () => {
    for (let round = 0; round < rounds; round++) {
      const pick = random(round);
      const image = await images.put(await randomImage(pick));
      const edit = randomEdit(pick);
      const args = ['mutate', image.name, '-t', `${image.name}-after`, ...flagsOf(edit)];
      const ours = await mutateImage(image, edit, { reencode: true });
      expect(await digestBy(args), args.join(' ')).toBe(ours.root.digest);
    }
  });

  test('by the command line: the same flags, the same digests, and the same docker tarballs', async () => {
    for (let round = 0; round < rounds; round++) {
      const pick = random(round + 3000);
      const made = await randomImage(pick, ['linux', '']);
      // What crane would write anew although nothing in it changes, we leave as it is.
      const image = await images.put(await mutateImage(made, {}, { reencode: true }));
      const layer = await file(`mutate-${round}.tgz`, gzipSync(tarOf({ [`file-${round}`]: word(pick) })));
      const flags = [...flagsOf(randomEdit(pick)), ...(pick(3) === 0 ? ['--append', layer] : [])];
      const args = ['mutate', image.name, '-t', `${image.name}-after`, ...flags];
      const ours = await craneInProcess(args, { home: work.path });
      expect({ ...ours, stdout: ours.stdout.trim().split('@')[1] }, args.join(' ')).toMatchObject({
        code: 0,
        stdout: await digestBy(args),
      });
      const [tarball, their] = [work.file(`ours-${round}.tar`), work.file(`theirs-${round}.tar`)];
      await craneInProcess([...args, '-o', tarball], { home: work.path });
      succeeded(await runCommand(theirs.path, [...args, '-o', their], { home: work.path }));
      expect((await readFile(tarball)).equals(await readFile(their)), args.join(' ')).toBe(true);
    }
  });

  test('of images: more layers', async () => {
    for (let round = 0; round < rounds; round++) {
      const pick = random(round + 1000);
      const base = pick(4) === 0 ? await emptyImage({ format: pick(2) === 0 ? 'oci' : 'docker' }) : undefined;
      // For Windows crane writes layers anew.
      const image = await images.put(base ?? (await randomImage(pick, ['linux', ''])));
      const bytes = Array.from({ length: 1 + pick(3) }, (_, i) => gzipSync(`layer ${round} ${i}`));
      const files = await Promise.all(bytes.map((content, i) => file(`layer-${round}-${i}.tgz`, content)));
      const args = ['append', '-b', image.name, '-t', `${image.name}-after`, ...files.flatMap((path) => ['-f', path])];
      const layers = bytes.map((content) => ({
        descriptor: describeBytes(content, mediaTypes.ociLayerGzip),
        diffId: digestOf(gunzipSync(content)),
        content: { open: async (start: number) => streamOf(content.subarray(start)) },
      }));
      const ours = await appendLayers(image, layers, { reencode: true });
      expect(await digestBy(args), args.join(' ')).toBe(ours.root.digest);
    }
  });

  test('of indexes: more images, indexes in them, and fewer platforms', async () => {
    for (let round = 0; round < rounds; round++) {
      const pick = random(round + 2000);
      const added = await Promise.all(
        Array.from({ length: 1 + pick(3) }, async () => images.put(await randomImage(pick))),
      );
      const format = pick(2) === 0 ? 'oci' : 'docker';
      const empty = format === 'docker' ? ['--docker-empty-base'] : [];
      const additions = added.map((artifact) => ({ artifact }));
      const index = await images.put(await appendToIndex(await emptyIndex({ format }), additions));
      const append = [
        'index',
        'append',
        '-t',
        `${index.name}-new`,
        ...empty,
        ...added.flatMap(({ name }) => ['-m', name]),
      ];
      expect(await listedBy(append), append.join(' ')).toEqual(await listedIn(index));

      const head = await images.put(await randomImage(pick));
      const longer = await appendToIndex(await emptyIndex(), [{ artifact: head }, { artifact: index }]);
      const nested = ['index', 'append', '-t', `${index.name}-more`, '-m', head.name, '-m', index.name];
      expect(await listedBy(nested), nested.join(' ')).toEqual(await listedIn(longer));

      const wanted = pick(2) === 0 ? 'linux' : 'linux/amd64';
      const filter = ['index', 'filter', index.name, '-t', `${index.name}-less`, '--platform', wanted];
      const filtered = await filterIndex(index, [parsePlatform(wanted)], { allowEmpty: true, reencode: true });
      const isEmpty = (await listedIn(filtered)).length === 0;
      if (!isEmpty) expect(await digestBy(filter), filter.join(' ')).toBe(filtered.root.digest);
    }
  });
});

/** Entries without what releases up to 0.20 left out: annotations of the image, and its type. */
async function listedIn(artifact: Artifact): Promise<readonly object[]> {
  const { manifests } = JSON.parse(Buffer.from(await rawManifestOf(artifact)).toString()) as ImageIndex;
  return manifests.map(({ mediaType, size, digest, platform }) => ({ mediaType, size, digest, platform }));
}

async function listedBy(args: readonly string[]): Promise<readonly object[]> {
  return listedIn(await images.get(await digestBy(args)));
}

async function file(name: string, content: Uint8Array): Promise<string> {
  const path = work.file(name);
  await writeFile(path, content);
  return path;
}

async function digestBy(args: readonly string[]): Promise<string> {
  const { stdout } = succeeded(await runCommand(theirs.path, [...args], { home: work.path }));
  return stdout.trim().split('@')[1] ?? '';
}

type Pick = (below: number) => number;

/** Numbers that follow from a seed. */
function random(seed: number): Pick {
  let state = digestOf(Buffer.from(`${seed}`)).slice(7);
  return (below) => {
    state = digestOf(Buffer.from(state)).slice(7);
    return Number.parseInt(state.slice(0, 8), 16) % below;
  };
}

const words = ['a', 'B', '10', '9', 'x.y/z', '<&>', 'é', '｡', '𐀀', 'with space', '\u2028', '"quoted"', ''];

function word(pick: Pick, list: readonly string[] = words): string {
  return list[pick(list.length)] ?? '';
}

function some<T>(pick: Pick, make: () => T): readonly T[] {
  return Array.from({ length: pick(4) }, make);
}

function record(
  pick: Pick,
  keys: readonly string[] = words,
  values: readonly string[] = words,
): Record<string, string> {
  return Object.fromEntries(some(pick, () => [word(pick, keys), word(pick, values)]));
}

async function randomImage(pick: Pick, systems = ['linux', 'linux', 'windows', '']): Promise<Artifact> {
  const store = new MemoryStore();
  const docker = pick(2) === 0;
  const layers: Descriptor[] = [];
  for (let i = pick(3); i > 0; i--) {
    const type = docker ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerGzip;
    layers.push(await store.add(gzipSync(`layer ${i} ${pick(1000)}`), type));
  }
  const config = {
    os: word(pick, systems),
    architecture: word(pick, ['amd64', 'arm64', '']),
    variant: word(pick, ['', 'v8']),
    'os.version': word(pick, ['', '10.0.1']),
    'os.features': some(pick, () => word(pick)),
    created: word(pick, ['2024-01-02T03:04:05.120000000Z', '2024-01-02T03:04:05+00:00', '2020-02-29T23:59:59.5-07:30']),
    author: word(pick),
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created_by: word(pick), comment: word(pick), empty_layer: false })),
    config: {
      // Of a variable that is there twice crane changes only the first; what counts is the last.
      Env: ['PATH', 'A', 'B'].slice(pick(4)).map((name) => `${name}=${word(pick)}`),
      Labels: record(pick),
      Cmd: some(pick, () => word(pick)),
      Healthcheck: pick(2) === 0 ? null : { Test: ['CMD', word(pick)], Interval: 5_000_000_000, Retries: pick(3) },
      Volumes: { '/v': {}, '/a': {} },
      User: word(pick),
    },
  };
  const target = await store.add(
    Buffer.from(JSON.stringify(config)),
    docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig,
  );
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const manifest = { annotations: record(pick), layers, config: target, mediaType, schemaVersion: 2 };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest, null, 2)), mediaType) };
}

/** Texts that flags with commas and quotes can carry. */
const plain = ['a', 'b.c', '10', '9', '<&>', 'é', '𐀀', '｡'];

function randomEdit(pick: Pick): ImageEdit {
  const maybe = <T>(make: () => T): T | undefined => (pick(2) === 0 ? make() : undefined);
  return {
    annotations: maybe(() => ({ set: record(pick, plain, plain) })),
    labels: maybe(() => ({ set: record(pick, plain, plain) })),
    env: maybe(() => ({
      set: ['A', 'B', 'NEW', 'OTHER'].filter(() => pick(2) === 0).map((key) => `${key}=${word(pick, plain)}`),
    })),
    entrypoint: maybe(() => ['/e', word(pick, plain)]),
    entrypointClearsCmd: true,
    cmd: maybe(() => [word(pick, plain), '<x>']),
    user: maybe(() => 'u:g'),
    workdir: maybe(() => '/w'),
    exposedPorts: maybe(() => ({ replace: ['80/tcp', '443', '8080/udp'].slice(pick(3)) })),
    platform: maybe(() => parsePlatform(word(pick, ['linux/arm64/v8', 'windows/amd64:10', 'linux']))),
  };
}

function flagsOf(edit: ImageEdit): readonly string[] {
  const list = (flag: string, values: Iterable<string> = []): string[] =>
    Array.from(values, (value) => `${flag}=${value}`);
  const pairs = (set: ImageEdit['labels']): string[] =>
    Object.entries(set?.set ?? {}).map(([key, value]) => `${key}=${value}`);
  const { platform } = edit;
  return [
    ...list('--annotation', pairs(edit.annotations)),
    ...list('--label', pairs(edit.labels)),
    ...list('--env', edit.env?.set),
    ...list('--entrypoint', edit.entrypoint ?? []),
    ...list('--cmd', edit.cmd ?? []),
    ...list('--user', edit.user === undefined ? [] : [edit.user ?? '']),
    ...list('--workdir', edit.workdir === undefined ? [] : [edit.workdir ?? '']),
    ...list('--exposed-ports', edit.exposedPorts?.replace),
    ...list('--set-platform', platform === undefined ? [] : [formatPlatform(platform)]),
  ];
}
