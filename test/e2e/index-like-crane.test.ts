import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/content/hash.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { validate } from '../../src/ops/validate.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { runCommand, succeeded } from '../support/command.ts';
import { imageOfDocuments } from '../support/golden-operations.ts';
import { entriesIn, imageRegistry } from '../support/image-registry.ts';
import { craneInProcess } from '../support/in-process.ts';
import { nativeCrane } from '../support/native-crane.ts';
import { describeWith } from '../support/requirements.ts';

// The same command lines for the other crane and for ours, with one registry. Both make the same of documents of which crane
// loses nothing.

const rounds = 16;
const theirs = nativeCrane();
const images = imageRegistry();
const systems = [
  'linux/amd64',
  'linux/arm/v7',
  'linux/arm/v6',
  'linux/s390x',
  'windows/amd64:10.0.1',
  'windows/amd64:10.0.2',
];
const wanted = [
  'linux',
  'windows',
  'linux/arm',
  'linux/arm/v7',
  'linux/amd64',
  'windows/amd64:10.0.2',
  'linux/riscv64',
];

describeWith([theirs], 'crane index, the other one and ours', () => {
  test('append lists the same', async () => {
    for (let round = 0; round < rounds; round++) {
      const pick = random(round);
      const manifests = await several(1 + pick(3), async (i) => {
        const made = pick(3) === 0 ? await randomIndex(pick, `${i}`) : await randomImage(pick, `${i}`);
        return images.put(made, `m${round}-${i}`, pick(2) === 0 ? 'app' : 'other');
      });
      const base = pick(2) === 0 ? [] : [await images.put(await randomIndex(pick, 'base'), `base-${round}`)];
      const flags = [
        ...manifests.flatMap((name) => ['-m', name]),
        ...(pick(3) === 0 ? ['--flatten=false'] : []),
        ...(pick(3) === 0 ? ['--docker-empty-base'] : []),
      ];
      const args = ['index', 'append', ...base, ...flags];
      const [expected, after] = await both(args, `after-${round}`);
      expect(await stated(after), args.join(' ')).toEqual(await stated(expected));
      expect(await validate(after)).toEqual([]);
    }
  });

  test('filter gives the same digest', async () => {
    for (let round = 0; round < rounds; round++) {
      const pick = random(round + 500);
      const index = await images.put(await randomIndex(pick, 'index'), `index-${round}`);
      const platforms = await several(1 + pick(3), async () => one(pick, wanted));
      const args = ['index', 'filter', index, ...platforms.flatMap((platform) => ['--platform', platform])];
      const [expected, after] = await both([...args], `less-${round}`, ['--allow-empty']);
      const isEmpty = (await stated(expected)).length === 0;
      // Where nothing stays crane writes null, which is no list.
      if (isEmpty) expect(await entriesIn(after)).toEqual([]);
      else expect(after.root.digest, args.join(' ')).toBe(expected.root.digest);
    }
  });
});

describe('crane index append, ours', () => {
  test('in place gives what it gives under another name', async () => {
    const pick = random(1);
    const index = await images.put(await randomIndex(pick, 'index'), 'in-place');
    const image = await images.put(await randomImage(pick, 'image'), 'image');
    await run(['index', 'append', index, '-m', image, '-t', `${images.host}/app:elsewhere`]);
    await run(['index', 'append', index, '-m', image]);
    expect((await images.get('in-place')).root.digest).toBe((await images.get('elsewhere')).root.digest);
  });
});

/** What the other crane makes, and ours. */
async function both(
  args: readonly string[],
  tag: string,
  ours: readonly string[] = [],
): Promise<readonly [Artifact, Artifact]> {
  const expected = await images.get(await other([...args, '-t', `${images.host}/app:theirs-${tag}`]));
  const printed = await run([...args, ...ours, '-t', `${images.host}/app:ours-${tag}`]);
  const after = await images.get(`ours-${tag}`);
  expect(printed).toBe(`${images.host}/app@${after.root.digest}\n`);
  return [expected, after];
}

async function other(args: readonly string[]): Promise<string> {
  if (!theirs.available) throw new Error('There is no other crane');
  const { stdout } = succeeded(await runCommand(theirs.path, [...args], { home: '/nowhere' }));
  return stdout.trim().split('@')[1] ?? '';
}

async function run(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await craneInProcess(args, { home: '/nowhere' });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** Entries without what releases up to 0.20 left out: annotations of the image, and its type. */
async function stated(artifact: Artifact): Promise<readonly object[]> {
  return ((await entriesIn(artifact)) ?? []).map(({ mediaType, size, digest, platform }) => ({
    mediaType,
    size,
    digest,
    platform,
  }));
}

type Pick = (below: number) => number;

/** Numbers that follow from a seed. */
function random(seed: number): Pick {
  let state = digestOf(Buffer.from(`index ${seed}`)).slice(7);
  return (below) => {
    state = digestOf(Buffer.from(state)).slice(7);
    return Number.parseInt(state.slice(0, 8), 16) % below;
  };
}

function one(pick: Pick, list: readonly string[]): string {
  return list[pick(list.length)] ?? '';
}

async function several<T>(count: number, make: (i: number) => Promise<T>): Promise<readonly T[]> {
  const made: T[] = [];
  for (let i = 0; i < count; i++) made.push(await make(i));
  return made;
}

/** @param name makes it differ from others of the same round: what is listed twice ours lists once */
async function randomImage(pick: Pick, name: string, system: string = one(pick, systems)): Promise<Artifact> {
  const platform = parsePlatform(system);
  const config = { ...platform, config: {}, author: `${name} ${pick(1e6)}`, rootfs: { type: 'layers', diff_ids: [] } };
  const isOci = pick(2) === 0;
  return imageOfDocuments(JSON.stringify(config), isOci && pick(2) === 0 ? { annotations: { a: name } } : {}, {
    manifest: isOci ? mediaTypes.ociManifest : mediaTypes.dockerManifest,
    config: isOci ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
  });
}

async function randomIndex(pick: Pick, name: string): Promise<Artifact> {
  const store = new MemoryStore();
  const manifests: object[] = [];
  for (let i = 0; i < 1 + pick(4); i++) {
    const system = one(pick, systems);
    const image = await randomImage(pick, `${name} ${i}`, system);
    await copyGraph(image.store, store, image.root);
    manifests.push(entryOf(image.root, pick(5) === 0 ? undefined : system));
  }
  const isOci = pick(2) === 0;
  const mediaType = isOci ? mediaTypes.ociIndex : mediaTypes.dockerManifestList;
  const annotations = isOci && pick(2) === 0 ? { annotations: { 'b<': '&', a: '' } } : {};
  // In the order in which crane writes: what is not changed keeps its bytes here, and is written anew there.
  const document = { schemaVersion: 2, mediaType, manifests, ...annotations };
  const text = JSON.stringify(document).replaceAll('<', '\\u003c').replaceAll('&', '\\u0026');
  const sorted = text.replace('{"b\\u003c":"\\u0026","a":""}', '{"a":"","b\\u003c":"\\u0026"}');
  return { store, root: await store.add(Buffer.from(sorted), mediaType) };
}

function entryOf({ mediaType, size, digest }: Descriptor, system: string | undefined): object {
  if (system === undefined) return { mediaType, size, digest };
  const { os, architecture, variant, 'os.version': version } = parsePlatform(system);
  return { mediaType, size, digest, platform: { architecture, os, 'os.version': version, variant } };
}
