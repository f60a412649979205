import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { entriesIn, imageRegistry, platformImage, platformIndex } from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { validate } from '../../ops/validate.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { copyGraph } from '../../ops/copy.ts';

const images = imageRegistry();

async function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(args, { home: '/nowhere' });
}

async function succeed(...args: readonly string[]): Promise<string> {
  const result = await crane(...args);
  expect(result.stderr).not.toContain('Error');
  expect(result.code).toBe(0);
  return result.stdout;
}

async function refusal(...args: readonly string[]): Promise<string> {
  const result = await crane(...args);
  expect(result).toMatchObject({ code: 1, stdout: '' });
  return result.stderr;
}

async function platformsIn(artifact: Artifact): Promise<readonly string[]> {
  return (await entriesIn(artifact)).map(({ platform }) => (platform === undefined ? '-' : formatPlatform(platform)));
}

async function putIndex(): Promise<string> {
  return images.put(await platformIndex('linux/amd64', 'linux/arm64', 'windows/amd64'));
}

/** An index with an attestation of its one image. */
async function attestedIndex(): Promise<Artifact> {
  const store = new MemoryStore();
  const [image, seal] = [await platformImage('linux/amd64'), await platformImage('unknown/unknown')];
  for (const one of [image, seal]) await copyGraph(one.store, store, one.root);
  const annotations = { 'vnd.docker.reference.digest': image.root.digest };
  const manifests = [
    { ...image.root, platform: { os: 'linux', architecture: 'amd64' } },
    { ...seal.root, platform: { os: 'unknown', architecture: 'unknown' }, annotations },
  ];
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return { store, root: await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociIndex) };
}

describe('crane index filter', () => {
  it('keeps what fits, in place or elsewhere, and prints where it is', async () => {
    const index = await putIndex();
    const printed = await succeed('index', 'filter', index, '--platform', 'linux', '-t', `${images.host}/app:linux`);
    expect(await platformsIn(await images.get('linux'))).toEqual(['linux/amd64', 'linux/arm64']);
    expect(printed).toBe(`${images.host}/app@${(await images.get('linux')).root.digest}\n`);
    expect(await platformsIn(await images.get())).toHaveLength(3);
    await succeed('index', 'filter', index, '--platform', 'linux/arm64');
    expect(await platformsIn(await images.get())).toEqual(['linux/arm64']);
    expect(await validate(await images.get())).toEqual([]);
  });

  // The help of crane promises lists, which it does not split.
  it('takes lists of platforms, and the flag several times', async () => {
    const index = await putIndex();
    await succeed('index', 'filter', '--platform=linux/amd64,windows/amd64', '--platform', 'linux/arm64', index);
    expect(await platformsIn(await images.get())).toHaveLength(3);
    await succeed('index', 'filter', '--platform', 'linux/amd64,windows', index);
    expect(await platformsIn(await images.get())).toEqual(['linux/amd64', 'windows/amd64']);
  });

  // crane-cli reference, section 15, item 4: crane publishes an empty index, also in place.
  it('publishes no empty index unless it is told to', async () => {
    const index = await putIndex();
    const { root } = await images.get();
    expect(await refusal('index', 'filter', index)).toBe(
      'Error: no --platform is given, so that nothing would stay; --allow-empty lets that pass\n',
    );
    expect(await refusal('index', 'filter', index, '--platform', 'linux/s390x')).toBe(
      `Error: No image for platform linux/s390x in index ${root.digest}\n` +
        '  Available platforms: linux/amd64, linux/arm64, windows/amd64\n',
    );
    expect(await refusal('index', 'filter', index, '--platform', '')).toContain('Available platforms');
    expect(await images.get()).toMatchObject({ root });
    await succeed('index', 'filter', index, '--allow-empty');
    expect(await entriesIn(await images.get())).toEqual([]);
  });

  // crane-cli reference, section 15, item 14: crane panics.
  it('keeps everything for all', async () => {
    const index = await putIndex();
    const { root } = await images.get();
    await succeed('index', 'filter', index, '--platform', 'all', '-t', `${images.host}/app:all`);
    await succeed('index', 'filter', index, '--platform', 'linux/arm64,all');
    expect(await images.get()).toMatchObject({ root });
    expect(await images.get('all')).toMatchObject({ root });
  });

  it('keeps attestations of images that stay, unless they shall go', async () => {
    const index = await images.put(await attestedIndex());
    await succeed('index', 'filter', index, '--platform', 'linux/amd64', '-t', `${images.host}/app:kept`);
    expect(await entriesIn(await images.get('kept'))).toHaveLength(2);
    await succeed('index', 'filter', index, '--platform', 'all', '--drop-attestations');
    expect(await platformsIn(await images.get())).toEqual(['linux/amd64']);
  });

  it('asks for nothing but the index where it is filtered in place', async () => {
    const index = await putIndex();
    await succeed('index', 'filter', index, '--platform', 'linux/arm64');
    expect(images.requests.map((request) => request.replaceAll(/sha256:[a-f0-9]+/g, 'D'))).toEqual([
      'GET /v2/app/manifests/v1',
      'PUT /v2/app/manifests/v1',
    ]);
  });

  it('filters layouts as a whole, and indexes in them', async () => {
    const path = join(await testDirectory(), 'layout');
    await succeed('pull', '--format', 'oci', '--annotate-ref', await putIndex(), path);
    expect(await succeed('index', 'filter', `oci:${path}`, '--platform', 'linux/arm64')).toBe('');
    const layout = await openLayout(path);
    const [entry] = await layout.entries();
    expect(await layout.entries()).toHaveLength(1);
    expect(entry?.annotations).toHaveProperty(['org.opencontainers.image.ref.name']);
    expect(await platformsIn({ store: layout, root: await layout.resolve('v1') })).toEqual(['linux/arm64']);
    await succeed('index', 'filter', `oci:${path}:v1`, '--platform', 'linux', '-t', `oci:${path}:v2`);
    expect(await layout.entries()).toHaveLength(2);
    expect(await validate(await layout.indexArtifact())).toEqual([]);
  });

  it('wants an index', async () => {
    const image = await images.put(await platformImage());
    expect(await refusal('index', 'filter', image, '--platform', 'linux')).toBe(
      `Error: expected ${image} to be an index, got "${mediaTypes.ociManifest}"\n`,
    );
    expect(await refusal('index', 'filter', '/nowhere/at/all', '--platform', 'linux')).toContain(
      'There is no file or directory',
    );
  });
});

describe('crane index remove', () => {
  it('removes by platform and digest, in place or elsewhere', async () => {
    const index = await putIndex();
    const [amd64] = await entriesIn(await images.get());
    await succeed('index', 'remove', index, 'linux/arm64', `${amd64?.digest}`, '-t', `${images.host}/app:less`);
    expect(await platformsIn(await images.get('less'))).toEqual(['windows/amd64']);
    await succeed('index', 'rm', index, 'windows,linux/arm64');
    expect(await platformsIn(await images.get())).toEqual(['linux/amd64']);
    expect(await refusal('index', 'rm', index, 'linux')).toContain('would stay');
    expect(await refusal('index', 'rm', index, 'linux/s390x')).toContain(
      'has no entry for "linux/s390x"\n  It lists linux/amd64\n',
    );
    expect(await refusal('index', 'rm', index, 'sha256:abcdef0123456789abcdef0123456789')).toContain('Invalid digest');
    await succeed('index', 'rm', index, 'linux', '--allow-empty');
    expect(await entriesIn(await images.get())).toEqual([]);
  });
});

describe('crane index list', () => {
  it('prints the columns of crane', async () => {
    const index = await images.put(await attestedIndex());
    const [image, seal] = await entriesIn(await images.get());
    const header = `Digest${' '.repeat(65)}MediaType            Platform\n`;
    const lines = [
      `${image?.digest} ${mediaTypes.ociManifest} linux/amd64\n`,
      `${seal?.digest} ${mediaTypes.ociManifest} unknown/unknown\n`,
    ];
    expect(await succeed('index', 'list', index)).toBe(header + lines.join(''));
    expect(await succeed('index', 'list', index, '--platform', 'linux')).toBe(header + lines[0]);
    expect(JSON.parse(await succeed('index', 'list', index, '--json'))).toEqual([image, seal]);
    expect(images.requests.filter((request) => !request.startsWith('GET /v2/app/manifests/v1'))).toEqual([]);
  });

  it('lists layouts, and indexes in them, and shows no control characters', async () => {
    const path = join(await testDirectory(), 'layout');
    await succeed('index', 'append', path, await putIndex());
    const rows = (await succeed('index', 'list', path)).split('\n');
    expect(rows.map((row) => row.split(' ').at(-1))).toEqual([
      'Platform',
      'linux/amd64',
      'linux/arm64',
      'windows/amd64',
      '',
    ]);
    expect(JSON.parse(await succeed('index', 'list', `oci:${path}`, '--json'))).toEqual(
      (JSON.parse(await readFile(join(path, 'index.json'), 'utf8')) as { manifests: unknown }).manifests,
    );
    await succeed('index', 'append', '-t', `oci:${path}:v1`, '-m', path);
    expect((await succeed('index', 'list', `oci:${path}:v1`)).split('\n')).toHaveLength(5);
    const archive = `${path}.tar`;
    execFileSync('tar', ['-C', path, '-cf', archive, '.']);
    const whole = await succeed('index', 'list', path);
    for (const name of [archive, `oci-archive:${archive}`]) expect(await succeed('index', 'list', name)).toBe(whole);
    const piped = await craneInProcess(['index', 'list', '-'], { home: '/nowhere', input: await readFile(archive) });
    expect(piped.stdout).toBe(whole);
    expect((await succeed('index', 'list', `oci-archive:${archive}:v1`)).split('\n')).toHaveLength(5);
    const entry = {
      ...(await platformImage()).root,
      mediaType: 'a/\u001b[31m',
      platform: { os: '', architecture: '' },
    };
    await writeFile(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    const shown = await succeed('index', 'list', path);
    expect(shown).not.toContain('\u001b');
    expect(shown.endsWith(' \n'), 'an empty platform where there is one without a system').toBe(true);
  });

  it('wants an index', async () => {
    const image = await images.put(await platformImage());
    expect(await refusal('index', 'list', image)).toContain(`expected ${image} to be an index`);
  });
});

describe('crane index', () => {
  it('wants one of its commands', async () => {
    expect(await crane('index')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Error: accepts 1 arg(s), received 0\n  Usage: crane index [command]\n',
    });
    expect(await crane('index', 'lists')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'Error: unknown command "lists" for "crane index"\n\nDid you mean this?\n\tlist\n\nRun \'crane index --help\' for usage.\n',
    });
  });
});
