import { gzipSync } from 'node:zlib';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobOf, type Sample } from '../../../test/conformance/samples.ts';
import { writeTree } from '../../../test/support/file-tree.ts';
import { imageRegistry } from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import {
  dockerTarball,
  hexOf,
  indexOf,
  layeredImage,
  type LayeredImage,
  layoutFiles,
  tarOf,
} from '../../../test/support/sample-image.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';

const registry = imageRegistry();
const good = layeredImage('good', { layers: ['gzip', 'zstd', 'none'] });
const other = layeredImage('other', { layers: ['gzip'], architecture: 'arm64' });
let work: TemporaryDirectory;

beforeEach(async () => {
  work = await temporaryDirectory();
});
afterEach(() => work.remove());

function validate(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(['validate', ...args], { home: work.path });
}

async function stored(root: Sample, ...images: readonly LayeredImage[]): Promise<Artifact> {
  const store = new MemoryStore();
  for (const image of images)
    for (const sample of [...image.blobs, image]) await store.push(sample.target, sample.bytes);
  await store.push(root.target, root.bytes);
  return { store, root: root.target };
}

/** An image whose config lists the layers of another. */
function lyingImage(): Sample {
  const manifest = JSON.parse(Buffer.from(other.bytes).toString()) as object;
  return blobOf(JSON.stringify({ ...manifest, config: good.config.target }), mediaTypes.ociManifest);
}

function jsonLines({ stdout }: InProcessResult): readonly Readonly<Record<string, unknown>>[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('validate', () => {
  it('prints nothing of nothing, as crane does, but says so', async () => {
    const stderr = '[WARNING]: Nothing is checked: no image is named\n';
    expect(await validate()).toEqual({ code: 0, stdout: '', stderr });
  });

  it('takes any number of images in every form, and those of the flags before', async () => {
    const name = await registry.put(await stored(good, good));
    await writeTree(work.path, layoutTree('layout', [good, ...good.blobs], { v1: good }));
    await writeFile(work.file('oci.tar'), tarOf(layoutFiles([good, ...good.blobs], { v1: good })));
    await writeFile(work.file('docker.tar'), dockerTarball({ 'app:v1': good }));
    const args = [
      name,
      `oci:${work.file('layout')}:v1`,
      `oci:${work.file('layout')}`,
      `oci-archive:${work.file('oci.tar')}`,
      `docker-archive:${work.file('docker.tar')}`,
    ];
    for (const more of [[], ['--fast'], ['-j', '1']]) {
      const result = await validate(...more, ...args, '--remote', name, '--tarball', work.file('oci.tar'));
      expect(result).toEqual({
        code: 0,
        stdout: [work.file('oci.tar'), name, ...args].map((passed) => `PASS: ${passed}\n`).join(''),
        stderr: '',
      });
    }
  });

  it('reads an archive on standard input, compressed or not', async () => {
    for (const name of ['docker.tar', 'oci.tar']) {
      const bytes =
        name === 'oci.tar' ? tarOf(layoutFiles([good, ...good.blobs], { v1: good })) : dockerTarball({ a: good });
      for (const stdin of [bytes, gzipSync(bytes)]) {
        const result = await craneInProcess(['validate', '-'], { home: work.path, input: stdin });
        expect(result).toEqual({ code: 0, stdout: 'PASS: -\n', stderr: '' });
      }
    }
  });

  it('goes on after what fails and after what cannot be read, and tells each once', async () => {
    const lying = await registry.put(await stored(lyingImage(), good, other), 'lying');
    const fine = await registry.put(await stored(good, good));
    const missing = `${registry.host}/app:nobody`;
    const { code, stdout, stderr } = await validate(lying, missing, fine);
    expect(code).toBe(1);
    expect(stdout).toBe(
      `FAIL: ${lying}: config: it has 3 diff IDs for 1 layers\n  layers[0]: the diff ID of ${other.layers[0]?.target.digest} is ` +
        `${other.tars.map((tar) => blobOf(tar).target.digest).join('')}, but the config says ` +
        `${blobOf(good.tars[0] as Uint8Array).target.digest}\nPASS: ${fine}\n`,
    );
    expect(stderr).toContain(`Error: ${lying} is not valid: 2 problems, listed above\n`);
    expect(stderr.split('\n').filter((line) => line.includes(':nobody') || line.includes('app: '))).toHaveLength(1);
  });

  it('checks everything that a layout lists, and every image of a docker archive, unless one is named', async () => {
    const samples = [good, ...good.blobs, other, ...other.blobs];
    const gone = other.layers[0] as Sample;
    await writeTree(
      work.path,
      layoutTree(
        'two',
        samples.filter((sample) => sample !== gone),
        { v1: good, v2: other },
      ),
    );
    const whole = await validate('--tarball', work.file('two'));
    expect(whole.stdout).toMatch(/^FAIL: .*two: manifests\[1\] layers\[0\]: .*\n$/);
    expect((await validate(`oci:${work.file('two')}:v1`)).stdout).toMatch(/^PASS/);

    const both = work.file('both.tar');
    await writeFile(both, dockerTarball({ 'app:v1': good, 'app:v2': other }));
    expect(await validate('--tarball', both)).toMatchObject({
      code: 0,
      stdout: `PASS: docker-archive:${both}:app:v1\nPASS: docker-archive:${both}:app:v2\n`,
    });
    const broken = { ...other, layers: [{ ...gone, bytes: gzipSync(tarOf({ other: 'x' })) }] };
    await writeFile(both, dockerTarball({ 'app:v1': good, 'app:v2': broken }));
    const { code, stdout } = await validate('--tarball', both);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^PASS: .*:app:v1\nFAIL: .*:app:v2: layers\[0\]: the diff ID of /);
    expect((await validate(`docker-archive:${both}:app:v1`)).code).toBe(0);
    const plain = { ...other, layers: [{ ...gone, bytes: tarOf({ other: 'x' }) }] };
    await writeFile(both, dockerTarball({ 'app:v1': good, 'app:v2': plain }));
    expect((await validate('--tarball', both)).stdout).toMatch(
      new RegExp(`^PASS: .*:app:v1\nFAIL: .*:app:v2: The layer "${hexOf(gone)}.tar" in .* is not the one`),
    );
  });

  it('checks a whole index, or its images for --platform', async () => {
    const index = indexOf({ 'linux/amd64': good, 'linux/s390x': other });
    const name = await registry.put(await stored(index, good, other));
    expect((await validate(name)).stdout).toMatch(/^FAIL: .*: manifests\[1\]: its config's architecture is "arm64"/);
    expect((await validate(name, '--platform', 'linux/amd64')).stdout).toBe(`PASS: ${name}\n`);
    expect((await validate(name, '--platform', 'linux/s390x')).stdout).toBe(`PASS: ${name}\n`);
    const both = await validate(name, '--platform', 'linux/amd64,linux/s390x');
    expect(both.stdout).toMatch(/^FAIL: .*: manifests\[1\]/);
    expect(await validate(name, '--platform', 'linux/mips')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('linux/s390x') as string,
    });
  });

  it('reports as JSON, one line for each, in a shape that stays', async () => {
    const lying = await registry.put(await stored(lyingImage(), good, other), 'lying');
    const fine = await registry.put(await stored(good, good));
    const missing = `${registry.host}/app:nobody`;
    const result = await validate('--json', fine, lying, missing);
    expect(result.code).toBe(1);
    const sizes = good.blobs.reduce((sum, { bytes }) => sum + bytes.byteLength, good.bytes.byteLength);
    expect(jsonLines(result)).toEqual([
      {
        name: fine,
        valid: true,
        digest: good.target.digest,
        mediaType: mediaTypes.ociManifest,
        fast: false,
        manifests: 1,
        blobs: 4,
        bytes: sizes,
        problems: [],
        warnings: [],
      },
      expect.objectContaining({
        name: lying,
        valid: false,
        problems: [
          {
            path: 'config',
            code: 'INVALID_CONFIG',
            digest: good.config.target.digest,
            message: 'it has 3 diff IDs for 1 layers',
          },
          {
            path: 'layers[0]',
            code: 'DIGEST_MISMATCH',
            digest: other.layers[0]?.target.digest,
            message: expect.stringContaining('diff ID') as string,
          },
        ],
      }),
      expect.objectContaining({
        name: missing,
        valid: false,
        digest: null,
        mediaType: null,
        problems: [{ path: '', code: 'NOT_FOUND', digest: null, message: expect.any(String) as string }],
      }),
    ]);
  });

  it('warns of a history of other layers, and passes', async () => {
    const config = JSON.parse(Buffer.from(good.config.bytes).toString()) as object;
    const changed = blobOf(JSON.stringify({ ...config, history: [{ created_by: 'RUN' }] }), mediaTypes.ociConfig);
    const manifest = JSON.parse(Buffer.from(good.bytes).toString()) as object;
    const root = blobOf(JSON.stringify({ ...manifest, config: changed.target }), mediaTypes.ociManifest);
    const artifact = await stored(root, good);
    await (artifact.store as MemoryStore).push(changed.target, changed.bytes);
    const name = await registry.put(artifact);
    const result = await validate(name);
    expect(result).toMatchObject({ code: 0, stdout: `PASS: ${name}\n` });
    expect(result.stderr).toMatch(
      /WARNING.*config: its history has 1 steps that made a layer, but it has 3 diff IDs\n$/,
    );
    expect(jsonLines(await validate('--json', name))).toMatchObject([{ valid: true, warnings: [{ path: 'config' }] }]);
  });

  it('stops bombs, with the flag that lets them through', async () => {
    const name = await registry.put(await stored(...bomb()));
    expect(await validate(name, '--max-bytes', '100000')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('larger than the limit of 100000 bytes') as string,
    });
    expect((await validate(name, '--max-bytes', '9000000')).code).toBe(0);
    expect((await validate(name, '--max-bytes', '-1')).stderr).toContain('--max-bytes');
  });

  it.each([
    [['--tarball', '/nowhere'], 'stat /nowhere: no such file or directory'],
    [['oci:/nowhere'], '/nowhere'],
    [['oci-archive:/nowhere'], '/nowhere'],
    [['Upper'], '"Upper"'],
    [['-'], 'empty'],
  ])('says why %j cannot be read', async (args, said) => {
    const result = await validate(...args);
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(said) as string });
    expect(result.stderr).not.toContain('internal error');
  });
});

function bomb(): [LayeredImage, LayeredImage] {
  const image = layeredImage('bomb', { size: 8_000_000 });
  return [image, image];
}

function layoutTree(
  path: string,
  samples: readonly Sample[],
  named: Readonly<Record<string, Sample>>,
): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(layoutFiles(samples, named)).map(([name, bytes]) => [`${path}/${name}`, bytes]),
  );
}
