import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageOf } from '../../../test/conformance/samples.ts';
import { countOf, seeded } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry } from '../../../test/simulated-registry/simulate.ts';
import { goldenImage } from '../../../test/support/golden-image.ts';
import { entriesIn, imageRegistry, platformImage, platformIndex } from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessOptions, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { MemoryStore } from '../../store/memory.ts';

const images = imageRegistry();

interface Json extends Readonly<Record<string, unknown>> {
  readonly image?: Json;
  readonly manifests?: readonly Json[];
  readonly config?: Json;
  readonly layers?: readonly Json[];
  readonly tags?: Json;
}

const crane = (args: readonly string[], options: Partial<InProcessOptions> = {}): Promise<InProcessResult> =>
  craneInProcess(args, { home: '/nowhere', ...options });

const inspect = (...args: readonly string[]): Promise<InProcessResult> => crane(['inspect', ...args]);

async function inspectJson(...args: readonly string[]): Promise<Json> {
  const { code, stdout, stderr } = await inspect('--json', ...args);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Json;
}

async function requestsOf(...args: readonly string[]): Promise<readonly string[]> {
  images.requests.length = 0;
  expect((await inspect(...args)).code).toBe(0);
  return images.requests.map((line) => line.replace(/sha256:[a-f0-9]{64}/, 'DIGEST'));
}

describe('crane inspect', () => {
  it('asks for the manifest and the config of an image, and for no layer', async () => {
    const name = await images.put(await platformImage());
    expect(await requestsOf(name)).toEqual(['GET /v2/app/manifests/v1', 'GET /v2/app/blobs/DIGEST']);
  });

  it('asks for one image of an index, however many it has', async () => {
    const architectures = Array.from({ length: 20 }, (_, i) => `linux/arch${i}`);
    const name = await images.put(await platformIndex(...architectures, 'linux/amd64'));
    const expected = ['GET /v2/app/manifests/v1', 'GET /v2/app/manifests/DIGEST', 'GET /v2/app/blobs/DIGEST'];
    expect(await requestsOf(name)).toEqual(expected);
    expect(await requestsOf('--platform', 'linux/arch7', name)).toEqual(expected);
  });

  it('asks once for an index without an image for linux/amd64, and for an artifact', async () => {
    const name = await images.put(await platformIndex('linux/arm64'));
    expect(await requestsOf(name)).toEqual(['GET /v2/app/manifests/v1']);
    expect(await requestsOf(await images.put(await goldenImage('art', 'v1')))).toEqual(['GET /v2/app/manifests/v1']);
  });

  it('asks once for each image when sizes are asked for', async () => {
    const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64', 'linux/s390x'));
    expect((await requestsOf('--sizes', name)).filter((line) => line.includes('manifests/DIGEST')).length).toBe(3);
  });

  it('prints the platforms of an index, and of its image for linux/amd64 what that is', async () => {
    const index = await platformIndex('linux/arm64', 'linux/amd64');
    const name = await images.put(index);
    const [arm64, amd64] = await entriesIn(index);
    const { stdout } = await inspect(name);
    expect(stdout).toContain(`Name:        ${name}\nDigest:      ${index.root.digest}\nKind:        index\n`);
    expect(stdout).toContain(`  linux/arm64  ${arm64?.digest}\n  linux/amd64  ${amd64?.digest}\n`);
    expect(stdout).toContain(`Image for linux/amd64 (another with --platform):\nDigest:      ${amd64?.digest}\n`);
  });

  it('is about one image with --platform', async () => {
    const index = await platformIndex('linux/arm64', 'linux/amd64');
    const name = await images.put(index);
    const [arm64] = await entriesIn(index);
    const { stdout } = await inspect('--platform', 'linux/arm64', name);
    expect(stdout).toContain(`Digest:      ${arm64?.digest}\nIndex:       ${index.root.digest}\nKind:        image\n`);
    expect(await inspect('--platform', 'windows/amd64', name)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('Available platforms: linux/arm64, linux/amd64') as string,
    });
  });

  it('prints one JSON object that has what the documents have', async () => {
    const index = await goldenImage('multi', 'oci');
    const name = await images.put(index);
    const json = await inspectJson(name);
    expect(Object.keys(json).slice(0, 4)).toEqual(['name', 'digest', 'mediaType', 'kind']);
    expect(json).toMatchObject({ name, digest: index.root.digest, kind: 'index', size: index.root.size });
    expect(json.manifests?.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64/v8', 'linux/s390x']);
    // What was not read is not guessed.
    expect(json.manifests?.map(({ imageSize }) => imageSize)).toEqual([1426, undefined, undefined]);
    expect(json.image).toMatchObject({
      kind: 'image',
      platform: 'linux/amd64',
      created: '2024-01-15T10:00:00.5Z',
      imageSize: 1426,
      config: { cmd: ['sh'], env: ['PATH=/bin'] },
      labels: { a: '1 <x>' },
      layers: [{ size: 223, step: 'ADD base1' }, { step: 'ADD app' }],
      history: [{ layer: 0, emptyLayer: false, createdBy: 'ADD base1', step: 'ADD base1' }, { layer: 1 }],
    });
    expect(await inspectJson('--platform', 'linux/amd64', name)).toMatchObject({
      kind: 'image',
      chosenFrom: { digest: index.root.digest },
      labels: { a: '1 <x>' },
    });
  });

  it('says on standard error what is odd, and with --json in the object', async () => {
    const index = await platformIndex('linux/amd64');
    const name = await images.putAlone(index);
    const { code, stdout, stderr } = await inspect(name);
    expect([code, stderr]).toEqual([0, expect.stringContaining('[WARNING]: The image for linux/amd64 is listed')]);
    expect(stdout).toMatch(/ {2}linux\/amd64 {2}sha256:[a-f0-9]{64} {2}missing\n$/);
    expect((await inspectJson(name))['warnings']).toEqual([expect.stringContaining('not all of it is there')]);
  });

  it('refuses Docker schema 1, and says what to do', async () => {
    const store = new MemoryStore();
    const root = await store.add(Buffer.from('{"schemaVersion":1,"fsLayers":[]}'), mediaTypes.dockerSchema1);
    const { code, stderr } = await inspect(await images.putAlone({ store, root }));
    expect([code, stderr]).toEqual([1, expect.stringContaining('Docker schema 1 is abolished')]);
  });

  it.each([
    [['--max-tags', '5', 'x'], '--max-tags goes with --tags'],
    [['--tags', '--max-tags', '-1', 'x'], '--max-tags cannot be below zero, but is -1'],
    [['--platform', 'linux/amd64,linux/arm64', 'x'], 'one platform is expected here'],
    [['Not A Reference'], 'has upper-case letters'],
    [[], 'accepts 1 arg(s), received 0'],
  ])('refuses %j before anything is read', async (args, words) => {
    const { code, stdout, stderr } = await inspect(...args);
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(words)]);
  });

  it('says which image is not there', async () => {
    const { code, stderr } = await inspect(`${images.host}/app:none`);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`Could not read manifest "none" of ${images.host}/app`),
    ]);
  });
});

describe('the tags of an image', () => {
  it('cost the list and a question for each', async () => {
    const image = await platformImage();
    const name = await images.put(image);
    await images.put(image, 'latest');
    await images.put(await platformImage('linux/arm64'), 'other');
    const requests = await requestsOf('--tags', name);
    expect(requests.slice(2).toSorted()).toEqual([
      'GET /v2/app/tags/list?n=1000',
      'HEAD /v2/app/manifests/latest',
      'HEAD /v2/app/manifests/other',
      'HEAD /v2/app/manifests/v1',
    ]);
    expect((await inspect('--tags', name)).stdout).toContain('\nTags, 2 of 3:\n  latest\n  v1\n');
    expect((await inspectJson('--tags', name)).tags).toMatchObject({ total: 3, complete: true });
  });

  it('are not asked for where they are too many', async () => {
    const image = await platformImage();
    const name = await images.put(image);
    await images.put(image, 'latest');
    expect((await requestsOf('--tags', '--max-tags', '1', name)).filter((line) => line.startsWith('HEAD'))).toEqual([]);
    const { stdout, stderr } = await inspect('--tags', '--max-tags', '1', name);
    expect(stdout).toContain('Tags:        not known, there are 2\n');
    expect(stderr).toContain('2 tags are too many to ask for each; --max-tags allows more');
  });

  it('cost the list alone where that says what they name', async () => {
    await using registry = await simulateRegistry(profile('gar'));
    for (const tag of ['v1', 'v2']) await seeded(registry, imageOf('a'), tag, 'project/app');
    await seeded(registry, imageOf('b'), 'v3', 'project/app');
    const json = await inspectJson('--tags', `${registry.name}/project/app:v1`);
    expect(json.tags).toMatchObject({ same: [{ tag: 'v1' }, { tag: 'v2' }], total: 3, complete: true });
    expect(countOf(registry, 'HEAD', '')).toBe(0);
    expect(countOf(registry, 'GET', '/tags/list')).toBe(1);
  });
});

describe('what crane inspect reads', () => {
  it('is wherever an image can be', async () => {
    const image = await goldenImage('app', 'oci');
    const name = await images.put(image);
    const directory = await testDirectory();
    const at = (file: string): string => join(directory, file);
    const copies = [`oci:${at('layout')}:v1`, `oci-archive:${at('oci.tar')}:v1`, `docker-archive:${at('docker.tar')}`];
    for (const copy of copies) {
      const { code, stderr } = await crane(['copy', name, copy]);
      expect(code, stderr).toBe(0);
    }
    const forms = [...copies, `oci:${at('layout')}`, `${images.host}/app@${image.root.digest}`];
    for (const form of forms) {
      const json = await inspectJson('--tags', '--referrers', form);
      expect(json, form).toMatchObject({ name: form, kind: 'image', labels: { a: '1 <x>' }, warnings: [] });
      expect(json.layers?.map(({ step }) => step)).toEqual(['ADD base1', 'ADD app']);
    }
    const piped = await crane(['inspect', '--json', '-'], { input: await readFile(at('docker.tar')) });
    expect(JSON.parse(piped.stdout)).toMatchObject({ name: '-', kind: 'image' });
  });
});
