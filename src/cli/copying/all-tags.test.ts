import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { indexOf, layeredImage } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { hexOf } from '../../oci/digest.ts';
import { parseRepository } from '../../oci/reference.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import { createTransport, type Transport } from '../../remote/transport/transport.ts';
import { listen, type ListeningRegistry } from '../../server/listen.ts';
import { memoryStorage } from '../../server/memory-storage.ts';

const images = new Map(['1.0.0', '1.1.0', '2.0.0', 'latest'].map((tag) => [tag, imageOf(tag)]));
let transport: Transport;
let registries: ListeningRegistry[];
let [source, target] = ['', ''];
let requests: string[];

beforeEach(async () => {
  transport = createTransport({ userAgent: 'test' });
  requests = [];
  const onRequest = ({ method, url }: { method: string; url: string }): void => void requests.push(`${method} ${url}`);
  registries = [await listen({ storage: memoryStorage() }), await listen({ storage: memoryStorage(), onRequest })];
  [source = '', target = ''] = registries.map(({ port }) => `127.0.0.1:${port}/app`);
  for (const [tag, image] of images) await pushImage(store(source), image, tag);
});

afterEach(async () => {
  transport.close();
  for (const registry of registries) await registry.close();
});

function store(name: string): RemoteStore {
  return new RemoteStore(parseRepository(name), { transport, access: 'push' });
}

async function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(args, { home: '/nowhere' });
}

async function succeed(...args: readonly string[]): Promise<InProcessResult> {
  const result = await crane(...args);
  expect(result.stderr).not.toContain('Error');
  expect(result.code).toBe(0);
  return result;
}

async function tagsOf(name: string): Promise<readonly string[]> {
  return (await succeed('ls', name)).stdout.split('\n').filter((line) => line !== '');
}

function digestOf(tag: string): string {
  return images.get(tag)?.target.digest ?? '';
}

describe('crane copy --all-tags', () => {
  it('copies the tags that pass the filters', async () => {
    const flags = ['--include', 'semver:>=1.1', '--include', 'lat*', '--exclude', '2.*'];
    await succeed('copy', '-a', ...flags, source, target);
    expect(await tagsOf(target)).toEqual(['1.1.0', 'latest']);
    expect(await crane('copy', '--include', 'x', `${source}:latest`, target)).toMatchObject({
      code: 1,
      stderr: 'Error: --include goes with --all-tags\n',
    });
    expect((await crane('copy', '-a', '--include', 'semver:nonsense', source, target)).stderr).toContain(
      'is no range of versions',
    );
  });

  it.each(['oci', 'oci-archive'])('copies a repository to %s and back', async (kind) => {
    const path = `${kind}:${await testDirectory()}/local`;
    await succeed('copy', '-a', source, path);
    expect(await tagsOf(path)).toEqual(Array.from(images.keys()));
    await succeed('copy', '-a', path, target);
    for (const [tag, image] of images) expect(await store(target).resolve(tag)).toMatchObject(image.target);
  });

  it('names what is on standard input by the kind of archive that it is', async () => {
    const path = `${await testDirectory()}/a.tar`;
    await succeed('copy', '-a', source, `oci-archive:${path}`);
    const input = await readFile(path);
    const { code, stderr } = await craneInProcess(['copy', '-a', '-', target], { home: '/nowhere', input });
    expect([code, stderr]).toEqual([0, expect.stringContaining('Fetching oci-archive:-:1.0.0\n')]);
  });

  it('copies a repository to a docker archive, under the names it has or those it is told, and back', async () => {
    const [path, real] = [`docker-archive:${await testDirectory()}/a.tar`, source.replace('/app', '/real')];
    for (const tag of ['1', '2', '3']) await pushImage(store(real), layeredImage(tag), tag);
    await succeed('copy', '-a', real, path);
    expect(await tagsOf(path)).toEqual(['1', '2', '3'].map((tag) => `${real}:${tag}`));
    await succeed('copy', '-a', '--exclude', '3', path, `${path}2:other.test/app`);
    expect(await tagsOf(`${path}2`)).toEqual(['other.test/app:1', 'other.test/app:2']);
    await succeed('copy', '-a', `${path}2:other.test/app`, target);
    expect(await tagsOf(target)).toEqual(['1', '2']);
    expect((await succeed('digest', `${path}2:other.test/app:2`)).stdout).toBe(
      (await succeed('digest', `${target}:2`)).stdout,
    );
  });

  it('wants names for a docker archive, and one repository for a registry', async () => {
    const [directory, real] = [await testDirectory(), source.replace('/app', '/real')];
    await pushImage(store(real), layeredImage('1'), '1');
    await pushImage(store(`${real}/two`), layeredImage('2'), '2');
    await succeed('copy', '-a', real, `oci:${directory}/layout`);
    const unnamed = await crane('copy', '-a', `oci:${directory}/layout`, `docker-archive:${directory}/a.tar`);
    expect([unnamed.code, unnamed.stderr]).toEqual([
      1,
      expect.stringMatching(/a docker archive names images in full.*\n {2}Write the name .*a\.tar:NAME\n/),
    ]);
    const both = `docker-archive:${directory}/both.tar`;
    await succeed('pull', `${real}:1`, `${real}/two:2`, `${directory}/both.tar`);
    const several = await crane('copy', '-a', both, target);
    expect([several.code, several.stderr]).toEqual([1, expect.stringContaining('images of 2 repositories')]);
    await succeed('copy', '-a', both, `${both}2`);
    expect(await tagsOf(`${both}2`)).toEqual([`${real}/two:2`, `${real}:1`]);
    await succeed('copy', '-a', `${both}:${real}`, target);
    expect(await tagsOf(target)).toEqual(['1']);
    expect((await crane('copy', '-a', `${both}:${real}:1`, target)).stderr).toContain(`Write "${both}:${real}"`);
  });

  it('refuses what names one image', async () => {
    const { stderr } = await crane('copy', '-a', source, 'oci:layout:v1');
    expect(stderr).toContain('names one image, where all are meant');
  });

  it('asks little when nothing has changed, and heals what is missing', async () => {
    await succeed('copy', '-a', source, target);
    requests.length = 0;
    await succeed('copy', '-a', source, target);
    // One question for each tag, and one for each blob.
    expect(requests).toHaveLength(4 + 8);
    expect(requests.every((request) => request.startsWith('HEAD '))).toBe(true);
    requests.length = 0;
    await succeed('copy', '-a', '--fast', source, target);
    expect(requests).toHaveLength(4);
    const lost = images.get('2.0.0')?.blobs[1]?.target;
    if (lost !== undefined) await store(target).deleteBlob(lost.digest);
    requests.length = 0;
    await succeed('copy', '-a', source, target);
    expect(requests.filter((request) => !request.startsWith('HEAD ')).map((request) => request.split(' ')[0])).toEqual([
      'POST',
      'PUT',
    ]);
  });

  it('leaves what the target has alone when told to: tags, digest tags, an archive', async () => {
    const image = images.get('latest') ?? imageOf('latest');
    const [theirs, ours] = [imageOf('their signature'), imageOf('our signature')];
    const tag = `sha256-${hexOf(image.target.digest)}.sig`;
    await pushImage(store(source), theirs, tag);
    await pushImage(store(target), ours, tag);
    const flags = ['-n', '--digest-tags', '--include', 'latest'];
    const { stderr } = await succeed('copy', '-a', ...flags, source, target);
    expect(stderr).toContain(`The tag ${tag} is not copied`);
    expect(await tagsOf(target)).toEqual(['latest', tag].toSorted());
    expect(await store(target).resolve(tag)).toMatchObject(ours.target);
    expect((await succeed('copy', '-a', ...flags, source, target)).stderr).toContain('Skipping latest');
    const archive = `oci-archive:${await testDirectory()}/a.tar`;
    await succeed('copy', '-a', '-n', '--include', 'latest', source, archive);
    const again = await crane('copy', '-a', '-n', source, archive);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('refusing to replace the file') });
    expect(await tagsOf(archive)).toEqual(['latest']);
  });

  it('plans without changing anything', async () => {
    await pushImage(store(target), imageOf('other'), 'latest');
    const same = images.get('1.0.0');
    if (same !== undefined) await pushImage(store(target), same, '1.0.0');
    requests.length = 0;
    const { stdout } = await succeed('copy', '-a', '--dry-run', source, target);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['same', 'new', 'new', 'changed', '4']);
    expect(lines[0]).toBe(`same    ${source}:1.0.0 -> ${target}:1.0.0 ${digestOf('1.0.0')}`);
    expect(lines[3]).toContain(`${digestOf('latest')} (was ${imageOf('other').target.digest}): 2 blobs`);
    expect(lines[4]).toMatch(/^4 tags: 2 new, 1 changed, 1 same; 6 blobs, \d+ bytes to copy$/);
    expect(requests.every((request) => /^(?:HEAD|GET) /.test(request))).toBe(true);
    const kept = await succeed('copy', '-a', '-n', '--dry-run', source, target);
    expect(kept.stdout).toContain('4 tags: 2 new, 0 changed, 0 same, 2 skipped;');
  });

  it('goes on after a failure when told to, and tells of all failures at the end', async () => {
    const broken = images.get('1.1.0')?.blobs[1]?.target;
    if (broken !== undefined) await store(source).deleteBlob(broken.digest);
    const { code, stderr } = await crane('copy', '-a', '--keep-going', source, target);
    expect(code).toBe(1);
    expect(stderr).toContain('Error: 1 of 4 tags could not be copied:\n  1.1.0: copying ');
    expect(await tagsOf(target)).toEqual(['1.0.0', '2.0.0', 'latest']);
    if (broken !== undefined)
      await store(source).push(broken, images.get('1.1.0')?.blobs[1]?.bytes ?? new Uint8Array());
    await succeed('copy', '-a', '--keep-going', source, target);
    expect(await tagsOf(target)).toEqual(Array.from(images.keys()));
  });

  it('trims each index, or keeps it sparse', async () => {
    const [amd64, arm64] = [imageOf('amd64'), imageOf('arm64')];
    const s390x = imageOf('s390x');
    for (const image of [amd64, arm64, s390x]) await pushImage(store(source), image);
    const indexes = [
      indexOf({ 'linux/amd64': amd64, 'linux/arm64': arm64, 'linux/s390x': s390x }),
      indexOf({ 'linux/s390x': s390x, 'linux/arm64': arm64, 'linux/amd64': amd64 }),
    ];
    for (const [i, index] of indexes.entries()) await store(source).pushTagged(index.target, index.bytes, `m${i}`);
    const flags = ['--include', 'm?', '--platform', 'linux/amd64,linux/arm64'];
    await succeed('copy', '-a', ...flags, source, target);
    expect((await succeed('manifest', `${target}:m1`)).stdout).toBe(
      Buffer.from(indexOf({ 'linux/arm64': arm64, 'linux/amd64': amd64 }).bytes).toString(),
    );
    const archive = `oci:${await testDirectory()}`;
    await succeed('copy', '-a', '--sparse', ...flags, source, archive);
    expect((await succeed('digest', `${archive}:m0`)).stdout).toBe(`${indexes[0]?.target.digest}\n`);
    expect((await crane('manifest', `${archive.replace(/$/, '')}@${s390x.target.digest}`)).code).toBe(1);
  });

  it('copies attachments of what passes the filters, and no lists of referrers', async () => {
    const image = images.get('latest');
    if (image === undefined) return;
    const seal = imageOf('seal', { artifactType: 'a/b', subject: image.target });
    await pushImage(store(source), seal);
    const name = `sha256-${hexOf(image.target.digest)}`;
    await pushImage(store(source), imageOf('cosign'), `${name}.sig`);
    await pushImage(store(source), imageOf('list'), name);
    await succeed('copy', '-a', '--referrers', '--digest-tags', '--exclude', 'sha256-*', source, target);
    expect(await tagsOf(target)).toEqual([...images.keys(), `${name}.sig`].toSorted());
    expect(await store(target).referrers(image.target)).toMatchObject([seal.target]);
    const layout = `oci:${await testDirectory()}`;
    await succeed('copy', '-a', '--referrers', source, layout);
    await succeed('copy', '-a', '--referrers', layout, `${target}/again`);
    expect(await tagsOf(`${target}/again`)).toEqual([...images.keys(), `${name}.sig`].toSorted());
    expect(await store(`${target}/again`).referrers(image.target)).toMatchObject([seal.target]);
  });
});
