import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { imageOf, indexOfImages, pushImage } from '../conformance/samples.ts';
import { storeOf } from '../quirks/client.ts';
import { profile } from '../simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';
import { type CommandResult, runCommand } from '../support/command.ts';
import { gcraneInProcess, type InProcessResult } from '../support/in-process.ts';
import { nativeCrane } from '../support/native-crane.ts';
import { describeWith } from '../support/requirements.ts';
import { scriptedServer, type ScriptedServer } from '../support/scripted-server.ts';

// The same command lines for the other gcrane and for ours, with one registry. gcrane lists manifests in any order, we by digest.

const theirs = nativeCrane('gcrane');
const rounds = 4;

describeWith([theirs], 'gcrane, the other one and ours', () => {
  describe.each([
    ['a registry of Google', true],
    ['another registry', false],
  ])('with %s', (_, isGoogle) => {
    test('list the same', async () => {
      for (let round = 0; round < rounds; round++) {
        await using registry = await grown(isGoogle, round);
        for (const name of await repositoriesIn(registry)) {
          for (const flags of [[], ['--json'], ...(isGoogle ? [['-r'], ['-r', '--json']] : [])]) {
            const [expected, result] = await both(['ls', ...flags, `${registry.host}/${name}`]);
            const shown = isGoogle ? expected.stdout : named(expected.stdout, name);
            expect(inOrder(result.stdout), `${flags.join(' ')} ${name}`).toEqual(inOrder(shown));
            expect(result.code).toBe(expected.code);
          }
        }
      }
    });

    test('copy the same, and nothing when they are told again', async () => {
      for (let round = 0; round < rounds; round++) {
        await using source = await grown(true, round);
        await using target = await empty(isGoogle);
        const args = ['copy', '-r', '-j', '4', `${source.host}/tree`];
        const first = await Promise.all([
          other([...args, `${target.host}/theirs`]),
          own([...args, `${target.host}/ours`]),
        ]);
        expect(first).toMatchObject([{ code: 0 }, { code: 0, stdout: '' }]);
        expect(await contentBelow(target, 'ours')).toEqual(await contentBelow(target, 'theirs'));
        expect((await contentBelow(target, 'ours')).length).toBeGreaterThan(0);
        target.requests.length = 0;
        expect(await own([...args, `${target.host}/ours`])).toMatchObject({ code: 0 });
        // What one of them has copied the other finds complete.
        expect(await own([...args, `${target.host}/theirs`])).toMatchObject({ code: 0 });
        expect(target.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([]);
      }
    });
  });

  test('find the same manifests without a tag', async () => {
    for (let round = 0; round < rounds; round++) {
      await using registry = await grown(true, round);
      for (const flags of [[], ['-r']]) {
        const [expected, result] = await both(['gc', ...flags, `${registry.host}/tree`]);
        expect(result.stdout.split('\n').toSorted()).toEqual(expected.stdout.split('\n').toSorted());
        expect(result).toMatchObject({ code: expected.code, stderr: '' });
      }
    }
  });

  test('write the same JSON, whatever there is to escape', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const entry = {
      imageSizeBytes: '123456789012',
      layerId: '',
      tag: ['v1'],
      timeCreatedMs: '1',
      timeUploadedMs: '1700000000123',
    };
    const type = 'application/x;a="<b>&\u2028\u00e9"';
    await using registry = await listing({
      child: ['a.b', 'x__y', 'z-1'],
      manifest: { [digest]: { ...entry, mediaType: type } },
      name: 'app<&>',
      tags: ['v1'],
      more: { unknown: true },
    });
    const [expected, result] = await both(['ls', '--json', `${registry.host}/app`]);
    expect(result.stdout).toBe(expected.stdout);
    expect(result.stdout).toContain('"imageSizeBytes":"123456789012"');
  });

  test('take the same words and flags, and refuse the same', async () => {
    const [words, ours] = await Promise.all([other(['--help']), own(['--help'])]);
    const commands = Array.from(words.stdout.matchAll(/^ {2}([a-z]+) {2}/gm), ([, name = '']) => name);
    expect(commands).toContain('gc');
    for (const name of commands) {
      expect(ours.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
      const [expected, result] = await both([name, '--help']);
      const flags = expected.stdout.matchAll(/^ {2,6}(?:(-\w), |(?: {4}))?(--[\w-]+)/gm);
      for (const [, short, long = ''] of flags) {
        expect(result.stdout, `${name} ${long}`).toMatch(
          new RegExp(`${short === undefined ? '' : `${short}, `}${long}\\b`),
        );
      }
    }
    for (const args of [
      ['ls'],
      ['gc', 'a', 'b'],
      ['copy', 'a'],
      ['ls', '--nothing', 'a'],
      ['copy', '-j', 'x', 'a', 'b'],
    ]) {
      const [expected, result] = await both(args);
      expect(result.code).toBe(expected.code);
      // The usage follows.
      if (!args.includes('-j')) expect(result.stderr.split(/(?<=\n)/)[0]).toBe(expected.stderr);
    }
  });

  test.each([
    ['ls', ['ls', 'HOST/none']],
    ['ls -r', ['ls', '-r', 'HOST/none']],
    ['gc', ['gc', 'HOST/none']],
    ['copy', ['copy', 'HOST/none:v1', 'HOST/b:v1']],
    ['copy -r', ['copy', '-r', 'HOST/none', 'HOST/b']],
    ['a tag', ['ls', 'HOST/tree:v1']],
    ['no name', ['ls', '']],
  ])('fail alike (%s)', async (_, args) => {
    await using registry = await grown(true, 1);
    const [expected, result] = await both(args.map((arg) => arg.replace('HOST', registry.host)));
    expect([result.code, result.stdout]).toEqual([expected.code, expected.stdout]);
    expect(result.code).toBe(1);
  });
});

async function both(args: readonly string[]): Promise<readonly [CommandResult, InProcessResult]> {
  return Promise.all([other(args), own(args)]);
}

function other(args: readonly string[]): Promise<CommandResult> {
  // No metadata server of Google's is looked for.
  const env = { GCE_METADATA_HOST: '127.0.0.1:1' };
  return runCommand(theirs.path, args, { home: '/nowhere', env });
}

function own(args: readonly string[]): Promise<InProcessResult> {
  return gcraneInProcess(args, { home: tmpdir() });
}

/** Lines as they stand, but manifests, each with its tags, by digest. */
function inOrder(stdout: string): readonly string[] {
  const lines = stdout.split('\n');
  const before: string[] = [];
  const manifests: string[][] = [];
  for (const line of lines) {
    if (line.includes('@')) manifests.push([line]);
    else (manifests.at(-1) ?? before).push(line);
  }
  const key = ([first = '']: readonly string[]): string => first;
  const byRepository = (a: readonly string[], b: readonly string[]): number => {
    const [[x = '', p = ''], [y = '', q = '']] = [key(a).split('@'), key(b).split('@')];
    return x === y ? (p < q ? -1 : 1) : 0;
  };
  return [...before, ...manifests.toSorted(byRepository).flat()].filter((line) => line !== '');
}

/** Of registries of others gcrane leaves the name out of its JSON. */
function named(stdout: string, name: string): string {
  return stdout.replace('"name":""', `"name":"${name}"`);
}

/** A tree of repositories with images, indexes, tags and what has none, which the number decides. */
async function grown(isGoogle: boolean, seed: number): Promise<SimulatedRegistry> {
  const registry = await empty(isGoogle);
  const pick = random(seed);
  const names = ['tree', 'tree/a', 'tree/a/deep/er', 'tree/b', 'tree/tree', 'trees'].filter(
    (_, i) => i === 0 || pick(4) > 0,
  );
  for (const name of names) {
    const content = await registry.content(name);
    const images = Array.from({ length: 1 + pick(4) }, (_, i) =>
      imageOf(`${seed} ${pick(3) === 0 ? 'shared' : name} ${i}`),
    );
    for (const [i, image] of images.entries()) {
      await pushImage(content, image);
      for (let j = pick(3); j > 0; j--) await content.tag(image.target, `v${i}.${j}`);
    }
    if (pick(2) === 0) await pushImage(content, indexOfImages(images), pick(3) === 0 ? undefined : 'multi');
  }
  return registry;
}

async function empty(isGoogle: boolean): Promise<SimulatedRegistry> {
  const options = isGoogle ? { ...profile('gar'), challenge: undefined } : {};
  return simulateRegistry({ ...options, anonymous: { pull: ['*'], push: ['*'] }, now: () => 1_700_000_000_123 });
}

async function repositoriesIn({ storage }: SimulatedRegistry): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of storage.repositories?.() ?? []) names.push(...page);
  return names;
}

/** What is in a tree, as its registry holds it. */
async function contentBelow(registry: SimulatedRegistry, root: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await repositoriesIn(registry)) {
    if (name !== root && !name.startsWith(`${root}/`)) continue;
    const content = await registry.content(name);
    const store = storeOf(registry, name);
    for await (const page of store.tags()) {
      for (const tag of page) found.push(`${name.slice(root.length)}:${tag} ${(await content.resolve(tag)).digest}`);
    }
    if (registry.quirks.tags?.google !== true) continue;
    for (const digest of (await store.list()).manifests.keys()) found.push(`${name.slice(root.length)}@${digest}`);
  }
  return found.toSorted();
}

/** A registry that says the same of each repository. */
async function listing(document: object): Promise<ScriptedServer & { readonly host: string }> {
  const server = await scriptedServer(({ target }) => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: target.includes('/tags/list') ? JSON.stringify(document) : '{}',
  }));
  return Object.assign(server, { host: new URL(server.origin).host });
}

/** Numbers below a limit, the same for the same seed. */
function random(seed: number): (limit: number) => number {
  let state = (seed + 1) * 2_654_435_761;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
