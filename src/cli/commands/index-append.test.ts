import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  entriesIn,
  annotationsIn,
  imageRegistry,
  platformImage,
  platformIndex,
} from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { dockerTarball, layeredImage } from '../../../test/support/sample-image.ts';
import { openOciArchive } from '../../archive/oci-archive.ts';
import { openLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { validate } from '../../ops/validate.ts';
import type { Artifact } from '../../store/artifact.ts';

const images = imageRegistry();

async function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(['index', 'append', ...args], { home: '/nowhere' });
}

async function append(...args: readonly string[]): Promise<string> {
  const result = await crane(...args);
  expect(result.stderr).not.toContain('Error');
  expect(result.code).toBe(0);
  return result.stdout.trim();
}

async function refusal(...args: readonly string[]): Promise<string> {
  const result = await crane(...args);
  expect(result).toMatchObject({ code: 1, stdout: '' });
  return result.stderr.replaceAll(/^\d{4}\/.*\n/gm, '');
}

async function platformsIn(artifact: Artifact): Promise<readonly string[]> {
  return (await entriesIn(artifact)).map(({ platform }) => (platform === undefined ? '-' : formatPlatform(platform)));
}

/** A repository that the requests of a command are about, without those about others. */
function asked(repository: string): readonly string[] {
  return images.requests.filter((request) => request.includes(`/v2/${repository}/`));
}

describe('crane index append', () => {
  it('begins with an empty index, byte for byte as crane’s, and says so', async () => {
    const result = await crane('-t', `${images.host}/app:oci`);
    expect(result.stdout).toBe(
      `${images.host}/app@sha256:dff9de10919148711140d349bf03f1a99eb06f94b03e51715ccebfa7cdc518e2\n`,
    );
    expect(result.stderr).toContain(' base unspecified, using empty index\n');
    expect(await append('--docker-empty-base', '-t', `${images.host}/app:docker`)).toContain(
      '@sha256:9d23fb26fef6bd93a9ec12b89d4674b270a7a54cb09dfed6933c0abcacddfc0f',
    );
  });

  it('adds to the index in place, or under another name, or to one named by digest', async () => {
    const base = await images.put(await platformIndex('linux/amd64'));
    const image = await images.put(await platformImage('linux/arm64'), 'arm64', 'other');
    const more = await images.put(await platformImage('linux/s390x'), 's390x');
    const printed = await append(base, '-m', image, more);
    const after = await images.get();
    expect(printed).toBe(`${images.host}/app@${after.root.digest}`);
    expect(await platformsIn(after)).toEqual(['linux/amd64', 'linux/arm64', 'linux/s390x']);
    await append(base, '-m', image, '-t', `${images.host}/app:v2`);
    expect(await images.get('v2')).toMatchObject({ root: { digest: after.root.digest } });
    const other = await append(`${images.host}/app@${after.root.digest}`, '--annotation', 'a=b');
    expect(await images.get()).toMatchObject({ root: { digest: after.root.digest } });
    expect(await annotationsIn(await images.get(other.split('@')[1]))).toEqual({ a: 'b' });
    expect(await validate(await images.get())).toEqual([]);
  });

  it('lists the images of an index, or the index itself, or its images for some platforms', async () => {
    const index = await images.put(await platformIndex('linux/amd64', 'linux/arm64', 'windows/amd64'));
    const to = (tag: string): string[] => ['-t', `${images.host}/app:${tag}`];
    await append(...to('flat'), '-m', index);
    expect(await platformsIn(await images.get('flat'))).toEqual(['linux/amd64', 'linux/arm64', 'windows/amd64']);
    await append(...to('deep'), '-m', index, '--flatten=false');
    expect(await entriesIn(await images.get('deep'))).toMatchObject([{ mediaType: mediaTypes.ociIndex }]);
    await append(...to('some'), '-m', index, '--platform', 'linux/arm64,windows');
    expect(await platformsIn(await images.get('some'))).toEqual(['linux/arm64', 'windows/amd64']);
  });

  it('states platform and annotations, and corrects those of what is listed already', async () => {
    const base = await images.put(await platformIndex('linux/amd64', 'linux/arm'));
    const [, arm] = await entriesIn(await images.get());
    const edit = ['--entry-platform', 'linux/arm/v6', '--entry-annotation', 'a=b'];
    await append(base, `${images.host}/app@${arm?.digest}`, ...edit);
    expect(await entriesIn(await images.get())).toMatchObject([
      { platform: { architecture: 'amd64' } },
      { digest: arm?.digest, platform: { architecture: 'arm', variant: 'v6' }, annotations: { a: 'b' } },
    ]);
    await append(base, `${images.host}/app@${arm?.digest}`, '--entry-platform', 'none');
    expect(await platformsIn(await images.get())).toEqual(['linux/amd64', '-']);
    expect(await refusal(base, base, base, '--entry-platform', 'linux/arm')).toBe(
      'Error: --entry-platform is for one MANIFEST, and there are 2\n',
    );
    expect(await refusal(base, base, '--entry-platform', 'linux/arm')).toContain('cannot all get one platform');
  });

  it('asks for manifest and config of the image only, and mounts its blobs', async () => {
    const base = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
    const image = await images.put(await platformImage('linux/s390x'), 'v1', 'other');
    await append(base, image);
    const digests = asked('app').filter((request) => request.startsWith('GET') || request.startsWith('HEAD'));
    // The base; the manifest and the blobs that are to be there.
    expect(digests.map((request) => request.replaceAll(/sha256:[a-f0-9]+/g, 'D')).toSorted()).toEqual([
      'GET /v2/app/manifests/v1',
      'HEAD /v2/app/blobs/D',
      'HEAD /v2/app/blobs/D',
      'HEAD /v2/app/manifests/D',
    ]);
    expect(asked('app').filter((request) => request.includes('mount='))).toHaveLength(2);
    expect(asked('other').map((request) => request.replaceAll(/sha256:[a-f0-9]+/g, 'D'))).toEqual([
      'GET /v2/other/manifests/v1',
      'GET /v2/other/blobs/D',
    ]);
  });

  it('asks for nothing twice where the image is in the same repository', async () => {
    const base = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
    const image = await images.put(await platformImage('linux/s390x'), 's390x');
    await append(base, image);
    expect(images.requests.filter((request) => !request.includes('/v2/ ')).map((one) => one.split(' ')[0])).toEqual(
      expect.not.arrayContaining(['POST', 'PATCH']),
    );
    expect(images.requests).toHaveLength(4);
  });
});

describe('crane index append to a layout', () => {
  it('makes it, copies images into it, and lists them once', async () => {
    const path = join(await testDirectory(), 'layout');
    const index = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
    const image = await images.put(await platformImage('linux/s390x'), 's390x');
    expect(await append(path, index)).toBe('');
    expect(await append(`oci:${path}`, image, index)).toBe('');
    const layout = await openLayout(path);
    const whole = await layout.indexArtifact();
    expect(await platformsIn(whole)).toEqual(['linux/amd64', 'linux/arm64', 'linux/s390x']);
    expect(await validate(whole)).toEqual([]);
    expect((await readdir(path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(await readFile(join(path, 'index.json'), 'utf8')).toMatch(/^\{\n {3}"schemaVersion": 2,\n {3}"mediaType"/);
  });

  it('adds to an index within, and to what index.json lists under another name', async () => {
    const path = join(await testDirectory(), 'layout');
    const image = await images.put(await platformImage('linux/s390x'), 's390x');
    const index = await images.put(await platformIndex('linux/amd64'));
    await append('-t', `oci:${path}:v1`, '-m', index);
    const printed = await append(`oci:${path}:v1`, image);
    const layout = await openLayout(path);
    const root = await layout.resolve('v1');
    expect(printed).toBe(`oci:${path}@${root.digest}`);
    expect(await platformsIn({ store: layout, root })).toEqual(['linux/amd64', 'linux/s390x']);
    await append(path, image, '-t', `${images.host}/app:copied`);
    expect(await entriesIn(await images.get('copied'))).toMatchObject([
      { digest: root.digest },
      { mediaType: mediaTypes.ociManifest },
    ]);
    expect(await layout.entries()).toHaveLength(1);
    const archive = join(path, 'index.tar');
    await append('-m', `${index},${image}`, '-t', `oci-archive:${archive}:v2`);
    await using opened = await openOciArchive(archive);
    expect(await platformsIn({ store: opened, root: await opened.resolve('v2') })).toHaveLength(2);
  });

  it('leaves a directory alone that is none and has other things in it', async () => {
    const path = await testDirectory();
    await writeFile(join(path, 'notes.txt'), 'mine');
    const image = await images.put(await platformImage());
    expect(await refusal(path, image)).toContain(' is no OCI image layout: it has no index.json\n');
    expect(await readdir(path)).toEqual(['notes.txt']);
  });

  it('leaves nothing of a new layout behind when an image cannot be had', async () => {
    const path = join(await testDirectory(), 'a', 'layout');
    const image = await images.put(await platformImage());
    expect(await refusal(path, image, `${images.host}/app:missing`)).toContain('Could not read manifest "missing"');
    await expect(readdir(join(path, '..'))).rejects.toThrow('ENOENT');
  });
});

describe('what a MANIFEST may be', () => {
  it('a file, a layout as a whole, and whatever a prefix says', async () => {
    const directory = await testDirectory();
    const [tarball, layout] = [join(directory, 'app.tar'), join(directory, 'layout')];
    await writeFile(tarball, dockerTarball({ 'app:v1': layeredImage('app') }));
    const index = await images.put(await platformIndex('linux/arm64', 'linux/s390x'));
    await append(layout, index);
    await append('-t', `oci:${layout}-2:v1`, '-m', index);
    await append(
      '-t',
      `${images.host}/app:all`,
      '-m',
      tarball,
      '-m',
      layout,
      '-m',
      `oci:${layout}-2`,
      '-m',
      `docker-archive:${tarball}`,
    );
    expect(await platformsIn(await images.get('all'))).toEqual(['linux/amd64', 'linux/arm64', 'linux/s390x']);
    expect(await validate(await images.get('all'))).toEqual([]);
  });

  // crane asks Docker Hub for an image that is called like the file.
  it('is not looked for in a registry when it is there and broken', async () => {
    const broken = join(await testDirectory(), 'broken.tar');
    await writeFile(broken, 'no archive');
    const to = ['-t', `${images.host}/app:x`];
    expect(await refusal(...to, '-m', broken)).toContain('broken.tar": the data is not a tar archive');
    expect(await refusal(...to, '-m', join(broken, '..', 'missing'))).toContain('There is no file or directory');
    expect(await refusal(...to, '-m', `oci:${broken}`)).toMatch(/^Error: /);
    expect(await refusal(...to, broken)).toContain('broken.tar": the data is not a tar archive');
    expect(images.requests).toEqual([]);
  });

  it('a directory called like an image is a layout if it is one, and that is said', async () => {
    const directory = await testDirectory();
    const home = process.cwd();
    const index = await images.put(await platformIndex('linux/arm64'));
    await append(join(directory, 'layout'), index);
    await mkdir(join(directory, '127.0.0.1:1'));
    process.chdir(directory);
    try {
      const taken = await crane('-t', `${images.host}/app:x`, '-m', 'layout');
      const message = 'layout is a directory here and taken for a layout';
      expect(taken).toMatchObject({ code: 0, stderr: expect.stringContaining(message) });
      const other = await crane('-t', `${images.host}/app:x`, '-m', '127.0.0.1:1');
      expect(other.stderr).toContain('127.0.0.1:1 is a directory here but no layout');
    } finally {
      process.chdir(home);
    }
  });
});

describe('what is refused', () => {
  it('in crane’s words, where those are true', async () => {
    const image = await images.put(await platformImage());
    expect(await refusal()).toBe('Error: at least one of BASE or --tag must be specified\n');
    expect(await refusal(image, '-m', image)).toBe(
      `Error: expected ${image} to be an index, got "${mediaTypes.ociManifest}"\n`,
    );
    expect(await refusal('no such:::name')).toMatch(/^Error: /);
    expect(await refusal(image, '-m', image, '-t', 'docker-archive:x.tar')).toContain(
      'A docker archive cannot hold an index',
    );
    expect(await refusal('oci-archive:x.tar')).toContain('cannot be changed in place');
    expect(await refusal(`${images.host}/app:missing`, image)).toContain('Could not read manifest "missing"');
  });

  it('before anything is asked for', async () => {
    await refusal(`${images.host}/app:v1`, '-m', 'no such:::name');
    await refusal(`${images.host}/app:v1`, '-t', 'no such:::name');
    expect(images.requests).toEqual([]);
  });
});
