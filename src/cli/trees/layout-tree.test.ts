import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seeded, storeOf } from '../../../test/quirks/client.ts';
import { gcraneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { sampleTree, treeImages, treeRegistry } from '../../../test/support/sample-tree.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openLayout } from '../../layout/layout-store.ts';

const { one, two, three, untagged, index } = treeImages;

describe.each([
  ['a registry of Google', true],
  ['another registry', false],
])('gcrane copy -r of %s and layouts', (_, isGoogle) => {
  it('makes a layout of each repository, at its path below the directory', async () => {
    await using source = await sampleTree(isGoogle);
    const directory = join(await testDirectory(), 'mirror');
    expect(await copy(`${source.host}/p`, `oci:${directory}`)).toMatchObject({ code: 0, stdout: '' });
    expect((await (await openLayout(directory)).resolve('v2')).digest).toBe(one.target.digest);
    const app = await openLayout(join(directory, 'app'));
    expect((await app.resolve('multi')).digest).toBe(index.target.digest);
    expect((await app.resolve('three')).digest).toBe(three.target.digest);
    expect((await (await openLayout(join(directory, 'app/p'))).resolve('v1')).digest).toBe(two.target.digest);
    const nameless = (await app.entries()).filter(({ annotations }) => annotations === undefined);
    // What an index of the layout has need not be listed beside it.
    expect(nameless.map(({ digest }) => digest)).toEqual(isGoogle ? [untagged.target.digest] : []);
  });

  it('moves nothing when it is repeated', async () => {
    await using source = await sampleTree(isGoogle);
    const directory = await testDirectory();
    await copy(`${source.host}/p`, `oci:${directory}`);
    source.requests.length = 0;
    const again = await copy(`${source.host}/p`, `oci:${directory}`);
    expect(again.stderr).toContain('Copied 0 images (0 tags, 0 blobs, 0 bytes) of 3 repositories');
    expect(source.requests.filter(({ path }) => path.includes('/blobs/'))).toEqual([]);
    if (isGoogle) expect(source.requests.every(({ path }) => path.endsWith('/tags/list'))).toBe(true);
    const plan = await copy(`${source.host}/p`, `oci:${directory}`, '--dry-run');
    expect(plan.stdout).toMatch(/^3 repositories: 0 images to copy, \d there already\n$/);
  });

  it('brings layouts back into a registry, with all that they have', async () => {
    await using source = await sampleTree(isGoogle);
    await using target = await treeRegistry(isGoogle);
    const directory = await testDirectory();
    await copy(`${source.host}/p`, `oci:${directory}`);
    expect(await copy(`oci:${directory}`, `${target.host}/q/back`)).toMatchObject({ code: 0 });
    for (const [name, tag] of [
      ['', 'v1'],
      ['', 'v2'],
      ['/app', 'multi'],
      ['/app', 'three'],
      ['/app/p', 'v1'],
    ] as const) {
      const [there, here] = await Promise.all([
        storeOf(source, `p${name}`).resolve(tag),
        storeOf(target, `q/back${name}`).resolve(tag),
      ]);
      expect(here.digest, `${name}:${tag}`).toBe(there.digest);
    }
    const lost = storeOf(target, 'q/back/app').resolve(untagged.target.digest);
    if (isGoogle) expect((await lost).digest).toBe(untagged.target.digest);
    else await expect(lost).rejects.toMatchObject({ code: 'NOT_FOUND' });
    target.requests.length = 0;
    const again = await copy(`oci:${directory}`, `${target.host}/q/back`);
    expect(again.stderr).toContain('Copied 0 images');
    expect(target.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
  });
});

describe('gcrane copy -r with layouts', () => {
  it('shows with --dry-run what it would do, and leaves no directory behind', async () => {
    await using source = await sampleTree(true);
    const directory = await testDirectory();
    const { code, stdout } = await copy(`${source.host}/p`, `oci:${directory}/new`, '--dry-run');
    expect(code).toBe(0);
    const { digest } = one.target;
    expect(stdout).toContain(`new     ${source.host}/p:v1 -> oci:${directory}/new:v1 ${digest}\n`);
    expect(stdout).toContain(`new     ${source.host}/p/app:multi -> oci:${directory}/new/app:multi `);
    expect(await readdir(directory)).toEqual([]);
  });

  it('copies layouts to layouts, and not into themselves', async () => {
    await using source = await sampleTree(true);
    const directory = await testDirectory();
    await copy(`${source.host}/p`, `oci:${directory}`);
    for (let round = 0; round < 2; round++) {
      expect(await copy(`oci:${directory}`, `oci:${directory}/backup`)).toMatchObject({ code: 0 });
    }
    expect((await (await openLayout(join(directory, 'backup/app'))).resolve('three')).digest).toBe(three.target.digest);
    expect(await readdir(join(directory, 'backup'))).not.toContain('backup');
    expect(await copy(`oci:${directory}`, `oci:${directory}/./`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('are the same directory') as string,
    });
  });

  it('moves only what filters let through', async () => {
    await using source = await sampleTree(true);
    const directory = await testDirectory();
    const flags = ['--include', 'app/**', '--include', '.:v1', '--exclude', 'app/p'];
    expect(await copy(`${source.host}/p`, `oci:${directory}`, ...flags)).toMatchObject({ code: 0 });
    expect(await tagsIn(directory)).toEqual(['v1']);
    expect(await tagsIn(join(directory, 'app'))).toEqual(['multi', 'three']);
    expect(await readdir(join(directory, 'app'))).not.toContain('p');
  });

  it('refuses a repository that would lie inside of a layout', async () => {
    await using source = await treeRegistry(true);
    for (const name of ['p', 'p/blobs', 'p/index.json/x', 'p/z']) await seeded(source, one, 'v1', name);
    const directory = await testDirectory();
    const { code, stderr } = await copy(`${source.host}/p`, `oci:${directory}`, '--keep-going');
    expect(code).toBe(1);
    expect(stderr).toContain('"blobs" cannot be a layout below');
    expect(stderr).toContain('"index.json/x" cannot be a layout below');
    expect(await tagsIn(join(directory, 'z'))).toEqual(['v1']);
  });

  it('follows no links, and takes no directory for a repository that cannot be one', async () => {
    await using target = await treeRegistry(false);
    const directory = await testDirectory();
    for (const name of ['good', 'BAD']) {
      await gcraneInProcess(['copy', `oci:${await layoutOf()}:v1`, `oci:${directory}/${name}:v1`], { home: tmpdir() });
    }
    await symlink(directory, join(directory, 'good', 'loop'));
    const { code, stderr } = await copy(`oci:${directory}`, `${target.host}/p`, '--keep-going');
    expect(code).toBe(1);
    expect(stderr).toContain('"p/BAD" cannot be the name of a repository');
    expect(stderr).toContain('Copied 1 image (1 tag, ');
    expect(await copy(`oci:${directory}`, `${target.host}/p`, '--exclude', 'BAD')).toMatchObject({ code: 0 });
  });

  it('says which layout is broken, and goes on with --keep-going', async () => {
    await using target = await treeRegistry(false);
    const directory = await testDirectory();
    await gcraneInProcess(['copy', `oci:${await layoutOf()}:v1`, `oci:${directory}/good:v1`], { home: tmpdir() });
    await mkdir(join(directory, 'broken'));
    await writeFile(join(directory, 'broken/index.json'), '{');
    for (const flags of [[], ['--keep-going']]) {
      const { code, stderr } = await copy(`oci:${directory}`, `${target.host}/p`, ...flags);
      expect(code).toBe(1);
      expect(stderr).toContain(join(directory, 'broken'));
    }
    expect((await storeOf(target, 'p/good').resolve('v1')).digest).toBe(one.target.digest);
  });

  it.each([
    ['oci:nowhere', 'Could not read the directory "nowhere"'],
    ['oci:layout:v1', '"oci:layout:v1" names one image, where a directory is meant'],
    ['oci-archive:file.tar', '"oci-archive:file.tar" is neither a repository nor a directory of layouts'],
    ['docker-daemon:app', '"docker-daemon:app" is neither a repository nor a directory of layouts'],
    ['-', '"-" is neither a repository nor a directory of layouts'],
  ])('refuses %s', async (place, message) => {
    await using registry = await treeRegistry(false);
    const source = await copy(place, `${registry.host}/p`);
    expect(source).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) as string });
    expect(registry.requests).toEqual([]);
  });

  it('says that a directory has no layouts', async () => {
    await using registry = await treeRegistry(false);
    const directory = await testDirectory();
    await mkdir(join(directory, 'empty'));
    expect(await copy(`oci:${directory}`, `${registry.host}/p`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no OCI layout in the directory') as string,
    });
  });
});

async function tagsIn(directory: string): Promise<readonly string[]> {
  const tags: string[] = [];
  for await (const page of (await openLayout(directory)).tags()) tags.push(...page);
  return tags;
}

/** With `v1`. */
async function layoutOf(): Promise<string> {
  await using registry = await treeRegistry(false);
  await seeded(registry, one, 'v1', 'p');
  const directory = await testDirectory();
  await gcraneInProcess(['copy', `${registry.host}/p:v1`, `oci:${directory}:v1`], { home: tmpdir() });
  return directory;
}

function copy(from: string, to: string, ...flags: readonly string[]): Promise<InProcessResult> {
  return gcraneInProcess(['copy', '-r', ...flags, from, to], { home: tmpdir() });
}
