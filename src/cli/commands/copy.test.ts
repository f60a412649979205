import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobOf, imageOf, pushImage, type Sample, type SampleImage } from '../../../test/conformance/samples.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { indexOf } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openLayout } from '../../layout/layout-store.ts';
import { hexOf } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parseRepository } from '../../oci/reference.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import { createTransport, type Transport } from '../../remote/transport/transport.ts';
import { listen, type ListeningRegistry } from '../../server/listen.ts';
import { memoryStorage } from '../../server/memory-storage.ts';

let transport: Transport;
let registries: ListeningRegistry[];
let [source, target] = ['', ''];
let requests: string[];

beforeEach(async () => {
  transport = createTransport({ userAgent: 'test' });
  requests = [];
  const onRequest = ({ method, url }: { method: string; url: string }): void => void requests.push(`${method} ${url}`);
  registries = [
    await listen({ storage: memoryStorage() }),
    await listen({ storage: memoryStorage(), onRequest }),
    await listen({ storage: memoryStorage(), sparse: true }),
  ];
  [source = '', target = ''] = registries.map(({ port }) => `127.0.0.1:${port}`);
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

interface Pushed {
  readonly index: Sample;
  readonly amd64: SampleImage;
  readonly arm64: SampleImage;
  readonly seal: SampleImage;
}

/** An index of two images, one with a referrer and a digest tag. */
async function pushIndex(): Promise<Pushed> {
  const app = store(`${source}/app`);
  const [amd64, arm64] = [imageOf('amd64'), imageOf('arm64')];
  const index = indexOf({ 'linux/amd64': amd64, 'linux/arm64': arm64 });
  const seal = imageOf('seal', { artifactType: 'application/vnd.example.seal', subject: amd64.target });
  for (const image of [amd64, arm64]) await pushImage(app, image);
  await app.pushTagged(index.target, index.bytes, 'v1');
  await pushImage(app, seal);
  await pushImage(app, imageOf('cosign'), `sha256-${hexOf(amd64.target.digest)}.sig`);
  return { index, amd64, arm64, seal };
}

describe('crane copy --referrers --digest-tags', () => {
  it.each(['oci', 'oci-archive'])('keeps everything on the way through %s', async (kind) => {
    const { index, amd64, seal } = await pushIndex();
    const path = `${kind}:${await testDirectory()}/local`;
    await succeed('copy', '--referrers', '--digest-tags', `${source}/app:v1`, `${path}:v1`);
    await succeed('copy', '--referrers', '--digest-tags', `${path}:v1`, `${target}/app:v1`);
    const copied = store(`${target}/app`);
    expect(await copied.resolve('v1')).toMatchObject(index.target);
    expect(await copied.referrers(amd64.target)).toMatchObject([seal.target]);
    expect(await copied.resolve(`sha256-${hexOf(amd64.target.digest)}.sig`)).toMatchObject(imageOf('cosign').target);
  });

  it('also pull and push keep them', async () => {
    const { index, amd64, seal } = await pushIndex();
    const path = `${await testDirectory()}/layout`;
    await succeed('pull', '--format', 'oci', '--referrers', '-j', '2', `${source}/app:v1`, path);
    await succeed('push', '--referrers', '-j', '2', path, `${target}/app:v1`);
    expect(await store(`${target}/app`).resolve('v1')).toMatchObject(index.target);
    expect(await store(`${target}/app`).referrers(amd64.target)).toMatchObject([seal.target]);
    expect(await crane('pull', '--referrers', `${source}/app:v1`, 'x.tar')).toMatchObject({
      code: 1,
      stderr: 'Error: a tarball holds images only: --referrers and --digest-tags go with --format oci\n',
    });
  });

  it.each(['copy', 'pull', 'push', 'validate'])('%s takes no number of jobs below zero', async (name) => {
    const args = name === 'validate' ? ['a'] : ['a', 'b'];
    expect(await crane(name, '-j', '-1', ...args)).toMatchObject({
      code: 1,
      stderr: 'Error: --jobs cannot be below zero, but is -1\n',
    });
  });

  it('leaves them behind without the flags, as crane does', async () => {
    const { amd64 } = await pushIndex();
    await succeed('copy', `${source}/app:v1`, `${target}/app:v1`);
    expect(await store(`${target}/app`).referrers(amd64.target)).toEqual([]);
  });

  it('takes only the kinds that are asked for', async () => {
    const { amd64 } = await pushIndex();
    await succeed('copy', '--referrers', '--artifact-type', 'a/b,c/d', `${source}/app:v1`, `${target}/app:v1`);
    expect(await store(`${target}/app`).referrers(amd64.target)).toEqual([]);
    const { stderr } = await crane('copy', '--artifact-type', 'a/b', `${source}/app:v1`, `${target}/app:v1`);
    expect(stderr).toBe('Error: --artifact-type chooses among --referrers, which is not given\n');
  });

  it.each([
    ['--referrers'],
    ['--digest-tags'],
    ['--platform=linux/amd64,linux/arm64'],
    ['--sparse', '--platform=linux/amd64'],
  ])('a docker archive has no place for %s', async (...flags) => {
    await pushIndex();
    const path = `${await testDirectory()}/a.tar`;
    const result = await crane('copy', ...flags, `${source}/app:v1`, `docker-archive:${path}`);
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('a docker archive cannot hold') });
  });
});

describe('crane copy --platform', () => {
  it('copies one image for one platform, and a trimmed index for several', async () => {
    const { index, amd64, arm64 } = await pushIndex();
    await succeed('copy', '--platform', 'linux/arm64', `${source}/app:v1`, `${target}/app:one`);
    expect(await store(`${target}/app`).resolve('one')).toMatchObject(arm64.target);
    await succeed('copy', '--platform', 'linux/arm64,linux/amd64', `${source}/app:v1`, `${target}/app:all`);
    expect(await store(`${target}/app`).resolve('all')).toMatchObject(index.target);
    const three = indexOf({ 'linux/s390x': imageOf('s390x'), 'linux/amd64': amd64, 'linux/arm64': arm64 });
    await pushImage(store(`${source}/app`), imageOf('s390x'));
    await store(`${source}/app`).pushTagged(three.target, three.bytes, 'three');
    const flags = ['--platform', 'linux/arm64', '--platform', 'linux/amd64'];
    for (const to of [
      `${target}/app:two`,
      `oci:${await testDirectory()}:two`,
      `oci-archive:${await testDirectory()}/x.tar`,
    ]) {
      const { stderr } = await succeed('copy', ...flags, `${source}/app:three`, to);
      if (to.startsWith(target)) expect(stderr).toContain(index.target.digest);
      expect((await succeed('manifest', to)).stdout).toBe(Buffer.from(index.bytes).toString());
    }
  });

  it('takes a list only where a command can use one', async () => {
    await pushIndex();
    const { code, stderr } = await crane('config', '--platform', 'linux/amd64,linux/arm64', `${source}/app:v1`);
    expect([code, stderr]).toEqual([
      1,
      'Error: invalid argument "linux/amd64,linux/arm64" for "--platform" flag: one platform is expected here\n',
    ]);
    await succeed('config', '--platform', 'linux/s390x', '--platform', 'linux/amd64', `${source}/app:v1`);
  });

  it('copies a sparse index where the registry takes that, and says what to do where not', async () => {
    const { index, amd64, arm64 } = await pushIndex();
    const flags = ['--sparse', '--platform', 'linux/amd64'];
    const lenient = `127.0.0.1:${registries[2]?.port}/app`;
    await succeed('copy', ...flags, `${source}/app:v1`, `${lenient}:v1`);
    expect(await store(lenient).resolve('v1')).toMatchObject(index.target);
    expect(await store(lenient).stat(amd64.target)).toMatchObject(amd64.target);
    expect(await store(lenient).stat(arm64.target)).toBeUndefined();
    const refused = await crane('copy', ...flags, `${source}/app:v1`, `${target}/app:v1`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('MANIFEST_BLOB_UNKNOWN');
    expect(refused.stderr).toContain('leave --sparse out');
    const archive = `oci-archive:${await testDirectory()}/sparse.tar`;
    await succeed('copy', ...flags, `${source}/app:v1`, archive);
    await succeed('copy', ...flags, archive, `${lenient}:again`);
    expect((await crane('copy', '--sparse', `${source}/app:v1`, `${target}/app:v1`)).stderr).toBe(
      'Error: --sparse needs --platform\n',
    );
  });

  it('checks a single image against several platforms', async () => {
    await pushImage(store(`${source}/app`), imageOf('single'), 'single');
    await succeed('copy', '--platform', 'linux/amd64,linux/arm64', `${source}/app:single`, `${target}/app:single`);
    const { code, stderr } = await crane(
      'copy',
      '--platform',
      'linux/s390x,linux/arm64',
      `${source}/app:single`,
      `${target}/app:single`,
    );
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('is for linux/amd64, not for linux/s390x, linux/arm64'),
    ]);
  });
});

describe('crane copy --dry-run', () => {
  it('says what would be copied and changes nothing', async () => {
    const { index, amd64, arm64 } = await pushIndex();
    const names = [`${source}/app:v1`, `${target}/app:v1`] as const;
    const arrow = `${names[0]} -> ${names[1]}`;
    const size = [amd64, arm64].flatMap(({ blobs }) => blobs).reduce((sum, blob) => sum + blob.target.size, 0);
    const fresh = await succeed('copy', '--dry-run', ...names);
    expect(fresh.stdout).toBe(`new     ${arrow} ${index.target.digest}: 4 blobs, ${size} bytes\n`);
    expect(requests.filter((request) => !/^(?:HEAD|GET) /.test(request))).toEqual([]);
    await pushImage(store(`${target}/app`), amd64, 'v1');
    const changed = await succeed('copy', '--dry-run', '--referrers', ...names);
    expect(changed.stdout).toMatch(
      new RegExp(
        `^changed ${arrow} ${index.target.digest} \\(was ${amd64.target.digest}\\): 4 blobs, \\d+ bytes, 1 referrer\n$`,
      ),
    );
    await succeed('copy', ...names);
    expect((await succeed('copy', '--dry-run', ...names)).stdout).toBe(`same    ${arrow} ${index.target.digest}\n`);
    expect((await succeed('copy', '--dry-run', '--no-clobber', '--referrers', ...names)).stdout).toBe(
      `same    ${arrow} ${index.target.digest}\n`,
    );
    const layout = `${await testDirectory()}/none`;
    expect((await succeed('copy', '--dry-run', names[0], `oci:${layout}:v1`)).stdout).toContain('new     ');
    await expect(openLayout(layout)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('crane copy', () => {
  it('asks for each thing once, and sends what is missing only', async () => {
    const image = imageOf('counted');
    await pushImage(store(`${source}/app`), image, 'v1');
    await succeed('copy', `${source}/app:v1`, `${target}/app:v1`);
    const methods = (): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const request of requests)
        counts[request.split(' ')[0] ?? ''] = (counts[request.split(' ')[0] ?? ''] ?? 0) + 1;
      requests.length = 0;
      return counts;
    };
    expect(methods()).toEqual({ HEAD: 3, POST: 2, PUT: 3 });
    await succeed('copy', `${source}/app:v1`, `${target}/app:v1`);
    expect(methods()).toEqual({ HEAD: 3 });
    await succeed('copy', '--fast', `${source}/app:v1`, `${target}/app:v1`);
    expect(methods()).toEqual({ HEAD: 1 });
    const [, layer] = image.blobs;
    if (layer !== undefined) await store(`${target}/app`).deleteBlob(layer.target.digest);
    requests.length = 0;
    await succeed('copy', `${source}/app:v1`, `${target}/app:v1`);
    expect(methods()).toEqual({ HEAD: 3, POST: 1, PUT: 1 });
  });

  it('keeps an artifact of any kind as it is', async () => {
    const chart = blobOf('{"name":"chart"}', 'application/vnd.cncf.helm.config.v1+json');
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      'x-first': 1,
      config: chart.target,
      layers: [],
    };
    const manifest = blobOf(JSON.stringify(document, null, 3), mediaTypes.ociManifest);
    const app = store(`${source}/app`);
    await app.push(chart.target, chart.bytes);
    await app.pushTagged(manifest.target, manifest.bytes, 'chart');
    await succeed('copy', `${source}/app:chart`, `${target}/app:chart`);
    expect((await succeed('manifest', `${target}/app:chart`)).stdout).toBe(JSON.stringify(document, null, 3));
  });
});
