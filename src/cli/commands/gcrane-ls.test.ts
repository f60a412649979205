import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageOf } from '../../../test/conformance/samples.ts';
import { seeded } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../../../test/simulated-registry/simulate.ts';
import { gcraneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';

const image = imageOf('one');
const other = imageOf('two');
const size = image.blobs.reduce((sum, { target }) => sum + target.size, 0);

describe('gcrane ls of a registry of Google', () => {
  it('prints what lies below, then manifests by digest, each with its tags behind it', async () => {
    await using registry = await google();
    const name = `${registry.host}/project/app`;
    const manifests = [
      { digest: image.target.digest, tags: ['v1', 'v2'] },
      { digest: other.target.digest, tags: [] },
    ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    const lines = manifests.flatMap(({ digest, tags }) =>
      [`${name}@${digest}`].concat(tags.map((tag) => `${name}:${tag}`)),
    );
    expect(await ls(name)).toMatchObject({ code: 0, stdout: text([`${name}/web`, ...lines]), stderr: '' });
  });

  it('prints with -r everything below, and no names of repositories', async () => {
    await using registry = await google();
    const { stdout } = await ls('-r', `${registry.host}/project`);
    const name = `${registry.host}/project/app`;
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(6);
    expect(lines.slice(-2)).toEqual([`${name}/web@${image.target.digest}`, `${name}/web:latest`]);
    expect(lines.slice(0, 4).every((line) => line.startsWith(`${name}@`) || line.startsWith(`${name}:`))).toBe(true);
  });

  it('prints with filters what they let through', async () => {
    await using registry = await google();
    const name = `${registry.host}/project`;
    const { stdout } = await ls('-r', '--include', 'app:v1', '--include', '**/web', name);
    expect(stdout.split('\n')).toEqual([
      `${name}/app@${image.target.digest}`,
      `${name}/app:v1`,
      `${name}/app/web@${image.target.digest}`,
      `${name}/app/web:latest`,
      '',
    ]);
    expect((await ls('-r', '--exclude', '**', name)).stdout).toBe('');
    expect(await ls('--include', 'app', name)).toMatchObject({ code: 1, stdout: '' });
  });

  it('prints JSON as gcrane does: one line, keys in the order of the alphabet, numbers as text', async () => {
    await using registry = await google();
    const { stdout } = await ls('--json', `${registry.host}/project/app/web`);
    expect(stdout).toBe(
      `{"child":[],"manifest":{"${image.target.digest}":{"imageSizeBytes":"${size}","mediaType":"${image.target.mediaType}",` +
        `"timeCreatedMs":"0","timeUploadedMs":"1700000000000","tag":["latest"]}},"name":"project/app/web","tags":["latest"]}\n`,
    );
  });

  it('prints with -r --json one line for each repository', async () => {
    await using registry = await google();
    const { stdout } = await ls('-r', '--json', `${registry.host}/project`);
    const documents = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly name: string; readonly child: unknown });
    expect(documents.map(({ name }) => name)).toEqual(['project', 'project/app', 'project/app/web']);
    expect(documents.map(({ child }) => child)).toEqual([['app'], ['web'], []]);
  });

  it('says of a repository that is not there that it is not', async () => {
    await using registry = await google();
    expect(await ls(`${registry.host}/nothing`)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(`${registry.host}/nothing`) as string,
    });
  });
});

describe('gcrane ls of another registry', () => {
  it('prints the tags with full names', async () => {
    await using registry = await plain();
    const name = `${registry.host}/project/app`;
    expect(await ls(name)).toMatchObject({ code: 0, stdout: text([`${name}:v1`, `${name}:v2`]) });
    expect(await ls('--json', name)).toMatchObject({
      stdout: '{"child":null,"manifest":null,"name":"project/app","tags":["v1","v2"]}\n',
    });
  });

  it('prints with -r what the catalog has below, where gcrane prints nothing', async () => {
    await using registry = await plain();
    const name = `${registry.host}/project/app`;
    expect(await ls('-r', `${registry.host}/project`)).toMatchObject({
      code: 0,
      stdout: text([`${name}:v1`, `${name}:v2`, `${name}/web:latest`]),
    });
  });

  it.each(['', '/'])('prints with -r all that the catalog names where a registry is the root (%j)', async (slash) => {
    await using registry = await plain();
    const name = `${registry.host}/project/app`;
    expect(await ls('-r', `${registry.host}${slash}`)).toMatchObject({
      code: 0,
      stdout: text([`${name}:v1`, `${name}:v2`, `${name}/web:latest`]),
    });
    expect((await ls('-r', '--include', '**/web', registry.host)).stdout).toBe(`${name}/web:latest\n`);
    expect(await ls(registry.host)).toMatchObject({ code: 1, stdout: '' });
  });

  it.each([401, 403, 500])(
    'goes on with -r behind a repository that answers %i, and fails at the end',
    async (status) => {
      await using registry = await plain();
      const name = `${registry.host}/project/app`;
      registry.fault = ({ path }) => (path.includes('/app/tags') ? status : undefined);
      const result = await ls('-r', registry.host);
      expect(result).toMatchObject({ code: 1, stdout: `${name}/web:latest\n` });
      expect(result.stderr).toContain(
        `Error: not everything could be listed; 1 failed:\n  Could not list the tags of ${name}`,
      );
    },
  );

  it('says with -r that it cannot tell where there is no catalog', async () => {
    await using registry = await plain();
    registry.quirks.catalog = 404;
    expect(await ls('-r', `${registry.host}/project/app`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`annot list the repositories below ${registry.host}/project/app`) as string,
    });
  });

  it('refuses with -r what may be an image or a registry', async () => {
    expect(await ls('-r', 'registry:5000')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Write "registry:5000/" for the registry, or "registry" for') as string,
    });
  });

  it('refuses what is no repository', async () => {
    expect(await ls('example.com/app:v1')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"example.com/app"') as string,
    });
  });
});

describe('gcrane ls of what is no registry', () => {
  it('prints of layouts the names below, then manifests with their tags, and with -r those of all', async () => {
    await using registry = await plain();
    const directory = await testDirectory();
    await gcraneInProcess(['copy', '-r', `${registry.host}/project`, `oci:${directory}`], { home: directory });
    const name = `oci:${directory}/app`;
    const manifests = [
      [`${name}@${image.target.digest}`, `${name}:v1`, `${name}:v2`],
      [`${name}/web@${image.target.digest}`, `${name}/web:latest`],
    ] as const;
    expect(await ls(name)).toMatchObject({ code: 0, stdout: text([`${name}/web`, ...manifests[0]]), stderr: '' });
    expect(await ls('-r', `oci:${directory}`)).toMatchObject({ code: 0, stdout: text(manifests.flat()) });
    expect((await ls('-r', '--include', '**/web', `oci:${directory}`)).stdout).toBe(text(manifests[1]));
    // No layout itself, it only has some.
    expect((await ls(`oci:${directory}`)).stdout).toBe(`${name}\n`);
    const { stdout } = await ls('--json', name);
    expect(JSON.parse(stdout)).toMatchObject({ child: ['web'], name, tags: ['v1', 'v2'] });
  });

  it('prints of an archive the tags with full names', async () => {
    await using registry = await plain();
    const file = join(await testDirectory(), 'some.tar');
    await gcraneInProcess(['copy', `${registry.host}/project/app:v1`, `oci-archive:${file}:v1`], { home: tmpdir() });
    expect(await ls(`oci-archive:${file}`)).toMatchObject({ code: 0, stdout: `oci-archive:${file}:v1\n` });
    expect((await ls('--json', `oci-archive:${file}`)).stdout).toBe(
      `{"child":null,"manifest":null,"name":"oci-archive:${file}","tags":["v1"]}\n`,
    );
  });

  it.each([
    ['a directory without layouts', [], 'oci:', 'there is no OCI layout in the directory'],
    ['one image', [], 'oci:some:v1', 'names one image, where a directory is meant'],
    ['an archive with -r', ['-r'], 'oci-archive:some.tar', 'is neither a repository nor a directory of layouts'],
  ])('refuses %s', async (_, flags, place, message) => {
    const name = place === 'oci:' ? `oci:${await testDirectory()}` : place;
    const result = await ls(...flags, name);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(message);
  });
});

async function google(): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({ ...profile('gar'), now: () => 1_700_000_000_000 });
  await fill(registry);
  return registry;
}

async function plain(): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry();
  await fill(registry);
  return registry;
}

async function fill(registry: SimulatedRegistry): Promise<void> {
  await seeded(registry, other, 'v1', 'project/app');
  await seeded(registry, image, 'v1', 'project/app');
  await seeded(registry, image, 'v2', 'project/app');
  await seeded(registry, image, 'latest', 'project/app/web');
}

function ls(...args: readonly string[]): Promise<InProcessResult> {
  return gcraneInProcess(['ls', ...args], { home: tmpdir() });
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
