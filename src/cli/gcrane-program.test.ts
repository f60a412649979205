import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { imageOf } from '../../test/conformance/samples.ts';
import { seeded } from '../../test/quirks/client.ts';
import { simulateRegistry } from '../../test/simulated-registry/simulate.ts';
import { profile } from '../../test/simulated-registry/profiles.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { craneInProcess, gcraneInProcess } from '../../test/support/in-process.ts';
import { platformImage } from '../../test/support/image-registry.ts';
import { configOf } from '../ops/read.ts';
import { copyGraph } from '../ops/copy.ts';
import { craneProgram } from './crane-program.ts';
import { describe as pagesOf } from './framework/page.ts';
import { gcraneProgram } from './gcrane-program.ts';

const home = tmpdir();

describe('gcrane', () => {
  it('has every command of crane, with the same flags, but for its own', async () => {
    const [theirs, own] = await Promise.all([pagesOf(craneProgram), pagesOf(gcraneProgram)]);
    const changed = new Set(['crane', 'crane copy', 'crane ls']);
    const flagsOf = (pages: typeof theirs): Map<string, readonly string[]> =>
      new Map(pages.map(({ path, flags }) => [path.replace(/^gcrane/, 'crane'), flags.map(({ name }) => name)]));
    const names = flagsOf(own);
    expect(Array.from(names.keys()).filter((name) => !flagsOf(theirs).has(name))).toEqual(['crane gc']);
    for (const [name, flags] of flagsOf(theirs)) if (!changed.has(name)) expect(names.get(name), name).toEqual(flags);
  });

  it('says its own name in help, examples and completion', async () => {
    const { stdout: help } = await gcraneInProcess(['mutate', '--help'], { home });
    expect(help).toContain('  gcrane mutate IMAGE [flags]\n');
    expect(help).toMatch(/Examples:\n {2}gcrane mutate /);
    expect(help).not.toMatch(/^ +crane /m);
    const pages = await pagesOf(gcraneProgram);
    const texts = pages.flatMap(({ description, examples = '' }) => [description, examples]).join('\n');
    const names = pages.map(({ path }) => path.split(' ')[1]).filter((name) => name !== undefined);
    expect(texts).not.toMatch(new RegExp(`\\bcrane (?:${names.join('|')})\\b`));
    const { stdout: script } = await gcraneInProcess(['completion', 'bash'], { home });
    expect(script).toContain('_gcrane_complete gcrane');
    const { stdout: candidates } = await gcraneInProcess(['__complete', 'g'], { home });
    expect(candidates).toContain('gc\tList or delete manifests without tags\n');
  });

  it.each([
    ['copy', ['gcrane copy SRC DST [flags]', 'copy, cp', '-r, --recursive', '-j, --jobs int']],
    ['ls', ['gcrane ls REPO|REGISTRY [flags]', '-r, --recursive', '--json']],
    [
      'gc',
      ['gcrane gc REPO|REGISTRY [flags]', '-r, --recursive', '--delete', '--dry-run', '--older-than', '--min-size'],
    ],
  ])('explains %s', async (name, parts) => {
    const { code, stdout } = await gcraneInProcess([name, '--help'], { home });
    expect(code).toBe(0);
    for (const part of parts) expect(stdout).toContain(part);
    expect(stdout).not.toContain('--all-tags');
  });

  it('says the same number of jobs on every machine, in its help', async () => {
    expect((await gcraneInProcess(['copy', '--help'], { home })).stdout).toContain(
      '(default the number of processors, at least 4)',
    );
  });

  it('writes its own name into the history of what it flattens', async () => {
    await using registry = await simulateRegistry({ anonymous: { pull: ['*'], push: ['*'] } });
    const { store, root } = await platformImage();
    const content = await registry.content('app');
    await copyGraph(store, content, root, { tag: 'v1' });
    const { code } = await gcraneInProcess(['flatten', `${registry.host}/app:v1`, '-t', `${registry.host}/app:flat`], {
      home,
    });
    expect(code).toBe(0);
    const config = await configOf({ store: content, root: await content.resolve('flat') });
    expect(config.history?.[0]?.created_by).toContain('gcrane flatten sha256:');
  });

  it('tells registries its name', async () => {
    await using registry = await simulateRegistry();
    await seeded(registry, imageOf('one'));
    await gcraneInProcess(['ls', `${registry.host}/app`], { home });
    expect(registry.requests[0]?.headers['user-agent']).toMatch(/^gcrane\/0\.0\.0 /);
  });

  it('says its own name in hints', async () => {
    await using registry = await simulateRegistry({ ...profile('gar'), users: { joe: {} }, anonymous: {} });
    const { stderr } = await gcraneInProcess(['digest', `${registry.host}/app`], { home });
    expect(stderr).toContain(`gcrane auth login ${registry.host}`);
    expect(stderr).not.toMatch(/\bcrane auth/);
  });

  it('asks Google for credentials before the files of people, of Google’s registries only', async () => {
    const { directory } = await withPrograms({});
    const around = { home: directory, env: { PATH: directory } };
    const [own, theirs, elsewhere] = await Promise.all([
      gcraneInProcess(['auth', 'explain', 'gcr.io'], around),
      craneInProcess(['auth', 'explain', 'gcr.io'], around),
      gcraneInProcess(['auth', 'explain', 'ghcr.io'], around),
    ]);
    const order = (text: string): readonly string[] =>
      Array.from(text.matchAll(/^ {2}\d\. (gcloud|gh|DOCKER_AUTH_CONFIG)\b/gm), ([, name = '']) => name);
    expect(order(own.stdout)).toEqual(['gcloud', 'DOCKER_AUTH_CONFIG']);
    expect(order(theirs.stdout)).toEqual(['DOCKER_AUTH_CONFIG', 'gcloud']);
    expect(order(elsewhere.stdout)).toEqual(['DOCKER_AUTH_CONFIG', 'gh']);
  });

  it('refuses a command that it does not have', async () => {
    const result = await gcraneInProcess(['garbage'], { home });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('unknown command "garbage" for "gcrane"') as string,
    });
  });
});
