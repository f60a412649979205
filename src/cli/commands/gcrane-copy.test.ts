import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { countOf, seeded, storeOf } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../../../test/simulated-registry/simulate.ts';
import { gcraneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { sampleTree, treeImages, treeRegistry } from '../../../test/support/sample-tree.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';

const { one, two, three, untagged, index } = treeImages;

describe.each([
  ['between registries of Google', true, true],
  ['from a registry of Google to another', true, false],
  ['from another registry to one of Google', false, true],
  ['between other registries', false, false],
])('gcrane copy -r %s', (_, isSourceGoogle, isTargetGoogle) => {
  it('copies a repository and all below it, and nothing again when it is repeated', async () => {
    await using source = await sampleTree(isSourceGoogle);
    await using target = await treeRegistry(isTargetGoogle);
    const first = await copy(source, 'p', target, 'q/backup');
    expect(first).toMatchObject({ code: 0, stdout: '' });
    const to = (name: string) => storeOf(target, `q/backup${name}`);
    expect((await to('').resolve('v1')).digest).toBe(one.target.digest);
    expect((await to('').resolve('v2')).digest).toBe(one.target.digest);
    expect((await to('/app').resolve('multi')).digest).toBe(index.target.digest);
    expect((await to('/app').resolve(three.target.digest)).digest).toBe(three.target.digest);
    expect((await to('/app/p').resolve('v1')).digest).toBe(two.target.digest);
    const brought = to('/app').resolve(untagged.target.digest);
    if (isSourceGoogle) expect((await brought).digest).toBe(untagged.target.digest);
    else await expect(brought).rejects.toMatchObject({ code: 'NOT_FOUND' });

    target.requests.length = 0;
    const again = await copy(source, 'p', target, 'q/backup');
    expect(again.stderr).toContain('Copied 0 images');
    expect(target.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
    if (isSourceGoogle && isTargetGoogle) {
      expect(target.requests.every(({ path }) => path.includes('/tags/list') || path.includes('token'))).toBe(true);
    }
  });

  it('says with --dry-run what it would copy, and changes nothing', async () => {
    await using source = await sampleTree(isSourceGoogle);
    await using target = await treeRegistry(isTargetGoogle);
    await seeded(target, two, 'v1', 'q');
    const { code, stdout } = await copy(source, 'p', target, 'q', '--dry-run');
    expect(code).toBe(0);
    const [from, to] = [`${source.host}/p`, `${target.host}/q`];
    const { digest } = one.target;
    expect(stdout).toContain(`changed ${from}:v1 -> ${to}:v1 ${digest} (was ${two.target.digest})\n`);
    expect(stdout).toContain(`new     ${from}:v2 -> ${to}:v2 ${digest}\n`);
    expect(stdout).toContain(`new     ${from}/app:multi -> ${to}/app:multi ${index.target.digest}\n`);
    expect(stdout.includes(`${from}/app@${untagged.target.digest} -> ${to}/app@`)).toBe(isSourceGoogle);
    expect(stdout).toMatch(/\d+ repositories: \d+ images to copy, 0 there already\n$/);
    expect(target.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([]);
  });
});

describe('gcrane copy -r', () => {
  it('replaces the name of the source where it stands in front, and nowhere else', async () => {
    await using source = await treeRegistry(true);
    await seeded(source, one, 'v1', 'app/app/app');
    await using target = await treeRegistry(true);
    expect(await copy(source, 'app', target, 'x')).toMatchObject({ code: 0 });
    expect((await storeOf(target, 'x/app/app').resolve('v1')).digest).toBe(one.target.digest);
  });

  it('adds only the tags that are missing, without asking for what the lists tell', async () => {
    await using source = await sampleTree(true);
    await using target = await treeRegistry(true);
    await seeded(target, one, 'v1', 'p');
    await copy(source, 'p', target, 'p');
    expect(target.log.filter((line) => line.startsWith('PUT /v2/p/manifests/'))).toEqual(['PUT /v2/p/manifests/v2']);
    expect(countOf(target, 'HEAD', '/v2/p/manifests/')).toBe(0);
  });

  it('copies the content that was listed, though its tag moves meanwhile', async () => {
    await using source = await treeRegistry(true);
    await seeded(source, one, 'v1', 'p');
    await using target = await treeRegistry(true);
    const moved = await source.content('p');
    source.fault = ({ path }) => {
      if (path.includes('/manifests/')) void moved.push(two.target, two.bytes).then(() => moved.tag(two.target, 'v1'));
      return undefined;
    };
    await copy(source, 'p', target, 'p');
    expect((await storeOf(target, 'p').resolve('v1')).digest).toBe(one.target.digest);
  });

  it('does not copy the target into itself', async () => {
    await using registry = await sampleTree(true);
    for (let round = 0; round < 2; round++) {
      const args = ['copy', '-r', `${registry.host}/p`, `${registry.host}/p/backup`];
      expect(await gcraneInProcess(args, { home: tmpdir() })).toMatchObject({ code: 0 });
    }
    expect((await storeOf(registry, 'p/backup/app/p').resolve('v1')).digest).toBe(two.target.digest);
    expect(await registry.storage.find('p/backup/backup/app')).toBeUndefined();
  });

  it('mounts within one registry', async () => {
    await using registry = await sampleTree(true);
    await copy(registry, 'p', registry, 'q');
    expect(countOf(registry, 'POST', '/blobs/uploads/')).toBeGreaterThan(0);
    expect(
      registry.requests.filter(
        ({ bodyLength, method }) => method === 'PATCH' || (method === 'PUT' && bodyLength === 0),
      ),
    ).toEqual([]);
  });

  it('asks for one token for each repository, there and here', async () => {
    const login = { users: { joe: { password: 'secret' } }, anonymous: {} };
    await using source = await simulateRegistry({ ...profile('gar'), ...login });
    await using target = await simulateRegistry({ ...profile('gar'), ...login });
    for (const name of ['p/a', 'p/b']) await seeded(source, one, 'v1', name);
    const auths = [source, target].map(({ host }) => [host, { auth: Buffer.from('joe:secret').toString('base64') }]);
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: Object.fromEntries(auths) as object }) };
    const args = ['copy', '-r', '-j', '1', `${source.host}/p`, `${target.host}/q`];
    expect(await gcraneInProcess(args, { home: tmpdir(), env })).toMatchObject({ code: 0 });
    const scopes = ({ tokenServer }: SimulatedRegistry): readonly string[] =>
      tokenServer.requests.flatMap(({ query }) => query.getAll('scope')).toSorted();
    expect(scopes(source)).toEqual(['repository:p/a:pull', 'repository:p/b:pull', 'repository:p:pull']);
    expect(scopes(target)).toEqual(['repository:q/a:push,pull', 'repository:q/b:push,pull']);
  });

  it('copies only what filters let through, and asks nothing about the rest', async () => {
    for (const isGoogle of [true, false]) {
      await using source = await sampleTree(isGoogle);
      await using target = await treeRegistry(isGoogle);
      const flags = ['--include', 'app/**', '--include', '.:v1', '--exclude', 'app:multi', '--exclude', 'app/p/**'];
      expect(await copy(source, 'p', target, 'q', ...flags)).toMatchObject({ code: 0 });
      const tagsOf = async (name: string) =>
        (
          await storeOf(target, name)
            .list()
            .catch(() => ({ tags: [] }))
        ).tags;
      expect([await tagsOf('q'), await tagsOf('q/app'), await tagsOf('q/app/p')]).toEqual([['v1'], ['three'], []]);
      const untaggedThere = storeOf(target, 'q/app').resolve(untagged.target.digest);
      if (isGoogle) await expect(untaggedThere).resolves.toMatchObject({ digest: untagged.target.digest });
      else await expect(untaggedThere).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(countOf(source, 'GET', '/v2/p/app/p/')).toBe(0);
    }
  });

  it.each([true, false])('copies a whole registry, below a name or to another (of Google: %s)', async (isGoogle) => {
    await using source = await sampleTree(isGoogle);
    await using target = await treeRegistry(false);
    const run = (...args: readonly string[]) => gcraneInProcess(['copy', '-r', ...args], { home: tmpdir() });
    expect(await run(source.host, `${target.host}/all`)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('of 3 repositories') as string,
    });
    expect(await run(source.host, target.host)).toMatchObject({ code: 0 });
    for (const name of ['all/p/app/p', 'p/app/p']) {
      expect((await storeOf(target, name).resolve('v1')).digest).toBe(two.target.digest);
    }
    expect(await run(`${source.host}/p`, target.host)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`"${target.host}" is a registry, and the images need a repository`) as string,
    });
    expect(await run(source.host, `${source.host}/`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('are the same registry') as string,
    });
  });

  it('refuses to copy a repository to itself', async () => {
    await using registry = await sampleTree(true);
    expect(await copy(registry, 'p', registry, 'p')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('are the same repository') as string,
    });
  });

  it('ends with the first failure and says what was done', async () => {
    await using source = await sampleTree(true);
    await using target = await treeRegistry(true);
    target.fault = ({ method, path }) => (method === 'PUT' && path.endsWith('/v1') ? 418 : undefined);
    const { code, stderr } = await copy(source, 'p', target, 'p');
    expect(code).toBe(1);
    expect(stderr).toMatch(/Copied \d+ images? \(/);
    expect(stderr).toContain('Error: ');
  });

  it('goes on with --keep-going, names all failures at the end, and fails', async () => {
    await using source = await sampleTree(true);
    await using target = await treeRegistry(true);
    target.fault = ({ method, path }) => (method === 'PUT' && path.endsWith('/multi') ? 418 : undefined);
    source.fault = ({ path }) => (path.includes('/p/app/p/tags') ? 418 : undefined);
    const { code, stderr } = await copy(source, 'p', target, 'p', '--keep-going');
    expect(code).toBe(1);
    expect(stderr).toMatch(/Copied 4 images \(.*; 2 failed\n/);
    expect(stderr).toContain('Error: not everything could be copied; 2 failed:');
    expect(stderr).toContain(`\n  copying "${source.host}/p/app@${index.target.digest}": `);
    expect(stderr).toContain(`\n  Could not list the tags of ${source.host}/p/app/p: `);
    expect((await storeOf(target, 'p').resolve('v1')).digest).toBe(one.target.digest);
    expect((await storeOf(target, 'p/app').resolve(untagged.target.digest)).digest).toBe(untagged.target.digest);
  });

  it('tries again what a registry is too busy for', async () => {
    await using source = await sampleTree(true);
    await using target = await treeRegistry(true);
    const refused = new Set<string>();
    const fault: SimulatedRegistry['fault'] = ({ method, target: path }) => {
      const key = `${method} ${path}`;
      if (refused.has(key) || refused.size >= 4) return undefined;
      refused.add(key);
      return refused.size % 2 === 0 ? 429 : 503;
    };
    source.fault = fault;
    target.fault = fault;
    expect(await copy(source, 'p', target, 'p')).toMatchObject({ code: 0 });
    expect((await storeOf(target, 'p/app').resolve('multi')).digest).toBe(index.target.digest);
  });

  it('says of a registry without a catalog that it cannot tell what lies below', async () => {
    await using source = await sampleTree(false);
    source.quirks.catalog = 404;
    await using target = await treeRegistry(false);
    expect(await copy(source, 'p', target, 'p')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`annot list the repositories below ${source.host}/p`) as string,
    });
  });

  it.each([
    [['-j', '0'], 'invalid argument "0" for "-j, --jobs" flag'],
    [['-j=-3'], 'invalid argument "-3" for "-j, --jobs" flag'],
    [['--jobs', 'many'], 'for "-j, --jobs" flag'],
    [['--platform', 'linux/arm64'], '--platform does not go with --recursive'],
    [['--all-tags'], 'unknown flag: --all-tags'],
    [['--include', ':'], 'a pattern of repositories is empty'],
    [['--exclude', 'app:semver:nonsense'], '"semver:nonsense" is no range of versions'],
  ])('refuses %j', async (args, message) => {
    const result = await gcraneInProcess(['copy', '-r', ...args, 'example.com/a', 'example.com/b'], { home: tmpdir() });
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) as string });
  });

  it.each([
    ['example.com/a:v1', 'example.com/b'],
    ['example.com/a', 'oci:layout:v1'],
    ['oci-archive:file', 'example.com/b'],
  ])('refuses %s and %s, which are not both repositories', async (from, to) => {
    expect(await gcraneInProcess(['cp', '-r', from, to], { home: tmpdir() })).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('gcrane copy without -r', () => {
  it.each(['--include', '--exclude'])('has no use for %s', async (flag) => {
    expect(await gcraneInProcess(['cp', flag, 'x', 'a', 'b'], { home: tmpdir() })).toMatchObject({
      code: 1,
      stderr: `Error: ${flag} goes with --recursive\n`,
    });
  });

  it('copies one image, as crane does', async () => {
    await using source = await sampleTree(true);
    const home = await testDirectory();
    const args = ['cp', '-j', '2', `${source.host}/p/app:multi`, `oci:${home}/layout:x`];
    expect(await gcraneInProcess(args, { home })).toMatchObject({ code: 0, stdout: '' });
    const digest = await gcraneInProcess(['digest', `oci:${home}/layout:x`], { home });
    expect(digest.stdout).toBe(`${index.target.digest}\n`);
  });

  it('has no use for --keep-going', async () => {
    expect(await gcraneInProcess(['cp', '--keep-going', 'a', 'b'], { home: tmpdir() })).toMatchObject({
      code: 1,
      stderr: 'Error: --keep-going goes with --recursive\n',
    });
  });
});

function copy(
  source: SimulatedRegistry,
  from: string,
  target: SimulatedRegistry,
  to: string,
  ...flags: readonly string[]
): Promise<InProcessResult> {
  return gcraneInProcess(['copy', '-r', ...flags, `${source.host}/${from}`, `${target.host}/${to}`], {
    home: tmpdir(),
  });
}
