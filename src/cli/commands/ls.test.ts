import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blobOf, imageOf, pushImage, type SampleImage } from '../../../test/conformance/samples.ts';
import { countOf, seeded } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../../../test/simulated-registry/simulate.ts';
import { fakeEngine } from '../../../test/support/fake-engine.ts';
import { layeredImage } from '../../../test/support/sample-image.ts';
import { craneInProcess, type InProcessOptions, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openOrCreateLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';

const image = imageOf('listed');
const tags = ['1.10.0', '1.9', '1.9.0-rc.1', '1.10.0-alpine', 'latest', 'v2', `sha256-${'a'.repeat(64)}`];

describe('crane ls of a registry', () => {
  it('prints what it has always printed without further flags', async () => {
    await using registry = await withTags();
    expect(await ls(`${registry.host}/app`)).toMatchObject({ code: 0, stdout: text(tags.toSorted()), stderr: '' });
    expect(await ls('--full-ref', '-O', `${registry.host}/app`)).toMatchObject({
      stdout: text(
        tags
          .filter((tag) => !tag.startsWith('sha256-'))
          .toSorted()
          .map((tag) => `${registry.host}/app:${tag}`),
      ),
    });
  });

  it('asks for as many as are wanted, and for no further page', async () => {
    await using registry = await withTags();
    expect(await linesOf('--limit', '2', `${registry.host}/app`)).toEqual(['1.10.0', '1.10.0-alpine']);
    expect(registry.requests.map(({ query }) => query.get('n'))).toEqual(['2']);
  });

  it('asks for no further page when filtered tags are enough', async () => {
    await using registry = await withTags();
    registry.quirks.tags = { maxN: 2 };
    expect(await linesOf('--limit', '1', '--include', '*-alpine', `${registry.host}/app`)).toEqual(['1.10.0-alpine']);
    expect(countOf(registry, 'GET', 'tags/list')).toBe(1);
    expect(await linesOf('--limit', '1', '--exclude', '1*', '-O', `${registry.host}/app`)).toEqual(['latest']);
    expect(countOf(registry, 'GET', 'tags/list')).toBe(1 + 3);
  });

  it('takes globs and ranges of versions, of which those to leave out win', async () => {
    await using registry = await withTags();
    const filters = ['--include', 'semver:>=1.9', '--include', 'l*', '--exclude', 'v*'];
    expect(await linesOf(...filters, `${registry.host}/app`)).toEqual(['1.10.0', '1.9', 'latest']);
    expect(await ls('--include', 'nothing', `${registry.host}/app`)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('sorts by version, and takes the newest with --reverse and --limit', async () => {
    await using registry = await withTags();
    const order = ['1.9.0-rc.1', '1.9', '1.10.0', '1.10.0-alpine', 'v2', 'latest'];
    expect(await linesOf('-O', '--sort', 'semver', `${registry.host}/app`)).toEqual(order);
    expect(await linesOf('--sort', 'semver', '--reverse', '--limit', '2', `${registry.host}/app`)).toEqual([
      'v2',
      '1.10.0-alpine',
    ]);
  });

  it('reverses the order of the registry, and that of names', async () => {
    await using registry = await withTags();
    registry.quirks.tags = { order: 'random' };
    const listed = await linesOf(`${registry.host}/app`);
    expect(await linesOf('--reverse', `${registry.host}/app`)).toEqual(listed.toReversed());
    expect(await linesOf('--sort', 'name', '--reverse', `${registry.host}/app`)).toEqual(tags.toSorted().toReversed());
  });

  it('sorts by the time the images were made, and says once of which that is not known', async () => {
    await using registry = await simulateRegistry();
    await seeded(registry, madeAt('2024-03-01T00:00:00Z'), 'b');
    await seeded(registry, madeAt('2024-01-01T00:00:00Z'), 'c');
    await seeded(registry, madeAt('2024-02-01T00:00:00Z'), 'a');
    await seeded(registry, image, 'unknown');
    const result = await ls('--sort', 'created', `${registry.host}/app`);
    expect(result).toMatchObject({ code: 0, stdout: text(['c', 'a', 'b', 'unknown']) });
    expect(result.stderr).toMatch(/1 tag comes last, since it is not known when it was made: unknown\n$/);
    expect(await linesOf('--sort', 'created', '--reverse', '--limit', '1', `${registry.host}/app`)).toEqual(['b']);
  });

  it('prints one JSON array, with an object for each tag', async () => {
    await using registry = await withTags();
    const { stdout } = await ls('--json', '--limit', '2', `${registry.host}/app`);
    expect(stdout).toBe(
      `[\n  {\n    "tag": "1.10.0",\n    "reference": "${registry.host}/app:1.10.0"\n  },\n  {\n    "tag": "1.10.0-alpine",\n    "reference": "${registry.host}/app:1.10.0-alpine"\n  }\n]\n`,
    );
    registry.quirks.tags = { maxN: 2 };
    expect(namesIn(await ls('--json', `${registry.host}/app`))).toEqual(tags.toSorted());
    expect((await ls('--json', '--include', 'nothing', `${registry.host}/app`)).stdout).toBe('[]\n');
  });

  it('says in JSON what it had to find out for the order', async () => {
    await using registry = await simulateRegistry();
    const made = madeAt('2024-03-01T12:00:00Z');
    await seeded(registry, made, 'v1');
    const { digest, mediaType, size } = made.target;
    expect(JSON.parse((await ls('--json', '--sort', 'created', `${registry.host}/app`)).stdout)).toEqual([
      { tag: 'v1', reference: `${registry.host}/app:v1`, digest, mediaType, size, created: '2024-03-01T12:00:00.000Z' },
    ]);
  });

  it('prints no end of a JSON array that could not be read to its end', async () => {
    await using registry = await withTags();
    registry.quirks.hostile = { tags: 'endless' };
    const result = await ls('--json', `${registry.host}/app`);
    expect(result).toMatchObject({ code: 1, stdout: '' });
  });

  it.each([
    [['--limit', '-1'], 'cannot be below zero, but is -1'],
    [['--limit', 'many'], 'invalid argument "many"'],
    [['--sort', 'size'], 'it has to be one of name, semver, created'],
    [['--include', 'semver:none'], '"semver:none" is no range of versions'],
    [['--exclude', 'a,'], 'a pattern of tags is empty'],
  ])('refuses %j before anything is asked', async (flags, words) => {
    await using registry = await simulateRegistry();
    const result = await ls(...flags, `${registry.host}/app`);
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(words) as string });
    expect(registry.requests).toEqual([]);
  });
});

describe('crane ls of a registry of Google', () => {
  it('sorts by time with one request, by upload where images do not say when they were made', async () => {
    let now = 1_700_000_000_000;
    await using registry = await simulateRegistry({ ...profile('gar'), now: () => (now += 1000) });
    await seeded(registry, imageOf('one'), 'one');
    await ls('--sort', 'created', `${registry.host}/app`);
    await seeded(registry, imageOf('two'), 'another');
    registry.requests.length = 0;
    const result = await ls('--sort', 'created', `${registry.host}/app`);
    expect(result).toMatchObject({ code: 0, stdout: text(['one', 'another']), stderr: '' });
    expect(countOf(registry, 'GET', '/manifests/') + countOf(registry, 'GET', '/blobs/')).toBe(0);
  });

  it('prints in JSON what the registry tells of each tag', async () => {
    await using registry = await simulateRegistry({ ...profile('gar'), now: () => 1_700_000_000_000 });
    await seeded(registry, image, 'v1');
    const { digest, mediaType } = image.target;
    const imageSize = image.blobs.reduce((sum, { target }) => sum + target.size, 0);
    const uploaded = '2023-11-14T22:13:20.000Z';
    expect(JSON.parse((await ls('--json', `${registry.host}/app`)).stdout)).toEqual([
      { tag: 'v1', reference: `${registry.host}/app:v1`, digest, mediaType, imageSize, uploaded },
    ]);
  });
});

describe('crane ls of local content', () => {
  it('lists a layout with digests', async () => {
    const path = join(await testDirectory(), 'layout');
    const layout = await openOrCreateLayout(path);
    await pushImage(layout, image, 'v1');
    await layout.tag(image.target, 'v10');
    await layout.tag(image.target, 'v9');
    expect(await linesOf('--sort', 'semver', `oci:${path}`)).toEqual(['v1', 'v9', 'v10']);
    expect(await linesOf('--full-ref', '--limit', '1', `oci:${path}`)).toEqual([`oci:${path}:v1`]);
    const { digest, mediaType, size } = image.target;
    expect(JSON.parse((await ls('--json', '--include', 'v9', `oci:${path}`)).stdout)).toEqual([
      { tag: 'v9', reference: `oci:${path}:v9`, digest, mediaType, size },
    ]);
  });

  it('lists archives, by their whole names where they are of docker', async () => {
    await using registry = await simulateRegistry();
    await seeded(registry, image, 'v1');
    const directory = await testDirectory();
    const [oci, docker] = [`oci-archive:${directory}/oci.tar:v1`, `docker-archive:${directory}/docker.tar:app:v1`];
    await craneInProcess(['copy', `${registry.host}/app:v1`, oci], { home: tmpdir() });
    await craneInProcess(['copy', `${registry.host}/app:v1`, docker], { home: tmpdir() });
    expect(JSON.parse((await ls('--json', `oci-archive:${directory}/oci.tar`)).stdout)).toMatchObject([
      { tag: 'v1', reference: oci, digest: image.target.digest },
    ]);
    const [listed] = await linesOf('--full-ref', `docker-archive:${directory}/docker.tar`);
    expect(listed).toBe(docker);
  });

  it('lists a repository of an engine', async () => {
    await using engine = await fakeEngine();
    const layered = layeredImage('kept');
    for (const name of ['app:v1', 'app:v2', 'other:v3', 'ghcr.io/org/app:v4']) {
      engine.images.set(name, { image: layered });
    }
    const env = { DOCKER_HOST: engine.host };
    expect(JSON.parse((await run(['--json', 'docker-daemon:app'], { env })).stdout)).toEqual([
      { tag: 'v1', reference: 'docker-daemon:app:v1', imageSize: 12_345, created: '2023-11-14T22:13:20.000Z' },
      { tag: 'v2', reference: 'docker-daemon:app:v2', imageSize: 12_345, created: '2023-11-14T22:13:20.000Z' },
    ]);
    expect((await run(['--sort', 'created', 'docker-daemon:ghcr.io/org/app'], { env })).stdout).toBe('v4\n');
  });

  it.each(['app', 'team/app'])('lists under the name %s what podman has built under it', async (name) => {
    await using engine = await fakeEngine();
    engine.images.set(`localhost/${name}:v1`, { image: layeredImage('kept') });
    engine.images.set('localhost/other/app:v2', { image: layeredImage('kept') });
    const { stdout } = await run([`docker-daemon:${name}`], { env: { DOCKER_HOST: engine.host } });
    expect(stdout).toBe('v1\n');
  });

  it.each([
    'example.com/app:v1',
    'oci:layout:v1',
    'oci-archive:a.tar:v1',
    'docker-daemon:app:v1',
    `docker-daemon:sha256:${'a'.repeat(64)}`,
  ])('refuses %s, which is one image', async (name) => {
    expect(await ls(name)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(`"${name}" names one image, where`) as string,
    });
  });

  it('says which part of a name is the repository, though a port looks like the tag', async () => {
    const name = 'localhost:5000/app';
    for (const one of [`${name}:5`, `${name}@sha256:${'a'.repeat(64)}`, `${name}:5@sha256:${'a'.repeat(64)}`]) {
      expect((await ls(one)).stderr).toContain(`\n  Write "${name}"\n`);
    }
  });

  it.each(['localhost:5000', '127.0.0.1:5000', 'registry.example.com:443'])(
    'refuses %s, which is a registry',
    async (name) => {
      expect((await ls(name)).stderr).toBe(
        `Error: "${name}" names a registry, where a repository is meant\n  Write ${name}/REPOSITORY; "crane catalog ${name}" lists those that there are\n`,
      );
    },
  );
});

async function withTags(): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry();
  for (const tag of tags) await seeded(registry, image, tag);
  registry.requests.length = 0;
  return registry;
}

function madeAt(created: string): SampleImage {
  const config = blobOf(JSON.stringify({ created, os: 'linux', architecture: 'amd64' }), mediaTypes.ociConfig);
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.target, layers: [] };
  return { ...blobOf(JSON.stringify(manifest), mediaTypes.ociManifest), blobs: [config] };
}

function ls(...args: readonly string[]): Promise<InProcessResult> {
  return run(args);
}

function run(args: readonly string[], options: Partial<InProcessOptions> = {}): Promise<InProcessResult> {
  return craneInProcess(['ls', ...args], { home: tmpdir(), ...options });
}

async function linesOf(...args: readonly string[]): Promise<readonly string[]> {
  const result = await ls(...args);
  expect(result).toMatchObject({ code: 0 });
  return result.stdout.split('\n').slice(0, -1);
}

function namesIn({ stdout }: InProcessResult): readonly string[] {
  return (JSON.parse(stdout) as readonly { readonly tag: string }[]).map(({ tag }) => tag);
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
