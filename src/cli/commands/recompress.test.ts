import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Sample, blobOf } from '../../../test/conformance/samples.ts';
import { imageRegistry } from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { indexOf, type LayerCompression, layeredImage, type LayeredImage } from '../../../test/support/sample-image.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { canCompressZstd } from '../../content/zstd.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { configOf, layersOf, manifestOf, rawConfigOf, rawManifestOf } from '../../ops/read.ts';
import { validate } from '../../ops/validate.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';

const registry = imageRegistry();
let work: TemporaryDirectory;

beforeEach(async () => {
  work = await temporaryDirectory();
});
afterEach(() => work.remove());

function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(args, { home: work.path });
}

async function succeed(...args: readonly string[]): Promise<string> {
  const result = await crane(...args);
  expect(result).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Error') as string });
  return result.stdout;
}

async function stored(root: Sample, images: readonly LayeredImage[], more: readonly Sample[] = []): Promise<Artifact> {
  const store = new MemoryStore();
  for (const image of images)
    for (const sample of [...image.blobs, image]) await store.push(sample.target, sample.bytes);
  for (const { target, bytes } of [...more, root]) await store.push(target, bytes);
  return { store, root: root.target };
}

async function put(image: LayeredImage, tag?: string): Promise<string> {
  return registry.put(await stored(image, [image]), tag);
}

async function typesIn(artifact: Artifact): Promise<readonly string[]> {
  return (await layersOf(artifact)).map(({ mediaType }) => mediaType);
}

async function childrenIn(artifact: Artifact): Promise<readonly Descriptor[]> {
  const manifest = await manifestOf(artifact);
  return manifest.kind === 'index' ? manifest.index.manifests : [];
}

describe('recompress', () => {
  it('replaces an image, prints its new name, and keeps its config byte for byte', async () => {
    const name = await put(layeredImage('x', { layers: ['none', 'zstd', 'gzip'] }));
    const before = await registry.get();
    const printed = await succeed('recompress', '--compression', 'gzip', name);
    const after = await registry.get();
    expect(printed).toBe(`${name.replace(':v1', '')}@${after.root.digest}\n`);
    expect(await typesIn(after)).toEqual(Array.from({ length: 3 }, () => mediaTypes.ociLayerGzip));
    expect(await rawConfigOf(after)).toEqual(await rawConfigOf(before));
    expect((await layersOf(after))[2]).toEqual((await layersOf(before))[2]);
    expect(await validate(after)).toEqual([]);
    registry.requests.length = 0;
    expect(await succeed('recompress', '--compression', 'gzip', name)).toBe(printed);
    expect(registry.requests.filter((line) => line.includes('/uploads/'))).toEqual([]);
  });

  it('writes to a tag, to layouts and archives, and prints nothing for --output', async () => {
    const name = await put(layeredImage('x', { layers: ['gzip'], size: 3000 }));
    const before = await registry.get();
    const none = ['recompress', '--compression', 'none', name];
    await succeed(...none, '-t', `${registry.host}/app:plain`);
    expect(await typesIn(await registry.get('plain'))).toEqual([mediaTypes.ociLayer]);
    expect((await registry.get()).root).toEqual(before.root);
    for (const output of [`oci:${work.file('layout')}:v1`, `oci-archive:${work.file('oci.tar')}:v1`]) {
      expect(await succeed(...none, '-o', output)).toBe('');
      expect(await succeed('validate', output)).toBe(`PASS: ${output}\n`);
    }
    expect(await succeed(...none, '-o', work.file('docker.tar'))).toBe('');
    expect(await succeed('validate', '--tarball', work.file('docker.tar'))).toMatch(/^PASS/);
    const again = ['recompress', '--compression', 'gzip', '--compression-level', '9', `oci:${work.file('layout')}:v1`];
    expect(await succeed(...again)).toMatch(/^oci:.*layout@sha256:[0-9a-f]{64}\n$/);
  });

  it('works on all images of an index, or on those of --platform and no others', async () => {
    const images = [
      layeredImage('one', { layers: ['none'] }),
      layeredImage('two', { layers: ['none'], architecture: 'arm64' }),
    ];
    const index = indexOf({ 'linux/amd64': images[0] as LayeredImage, 'linux/arm64': images[1] as LayeredImage });
    const name = await registry.put(await stored(index, images));
    await succeed('recompress', '--compression', 'gzip', '--platform', 'linux/arm64', name);
    const [amd64, arm64] = await childrenIn(await registry.get());
    expect(amd64?.digest).toBe(images[0]?.target.digest);
    expect(arm64?.digest).not.toBe(images[1]?.target.digest);
    await succeed('recompress', '--compression', 'gzip', name);
    const after = await registry.get();
    for (const child of await childrenIn(after)) {
      expect(await typesIn({ store: after.store, root: child })).toEqual([mediaTypes.ociLayerGzip]);
    }
    expect(await validate(after)).toEqual([]);
    const missing = await crane('recompress', '--compression', 'none', '--platform', 'linux/s390x', name);
    expect(missing).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('linux/arm64') as string });
    expect((await registry.get()).root).toEqual(after.root);
  });

  it('leaves out attestations of what changes when it is told to, else attaches them', async () => {
    const image = layeredImage('x', { layers: ['none'] });
    const note = blobOf('{}', 'application/vnd.in-toto+json');
    const attestation = blobOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: image.config.target,
        layers: [note.target],
      }),
      mediaTypes.ociManifest,
    );
    const entry = {
      ...attestation.target,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.digest': image.target.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
    };
    const manifests = [{ ...image.target, platform: { os: 'linux', architecture: 'amd64' } }, entry];
    const index = blobOf(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
      mediaTypes.ociIndex,
    );
    const name = await registry.put(await stored(index, [image], [note, attestation]));
    const gzip = ['recompress', '--compression', 'gzip', name, '-t'];
    await succeed(...gzip, `${registry.host}/app:kept`);
    const kept = await childrenIn(await registry.get('kept'));
    expect(kept[1]?.annotations?.['vnd.docker.reference.digest']).toBe(kept[0]?.digest);
    await succeed(...gzip, `${registry.host}/app:dropped`, '--drop-attestations');
    expect(await childrenIn(await registry.get('dropped'))).toHaveLength(1);

    const docker = ['convert', '--to', 'docker', name, '-t', `${registry.host}/app:docker`];
    const refused = await crane(...docker);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('--drop-attestations');
    await succeed(...docker, '--drop-attestations');
    expect((await registry.get('docker')).root.mediaType).toBe(mediaTypes.dockerManifestList);
  });

  it('refuses zstd among Docker media types and says what helps, or converts at the same time', async () => {
    const name = await put(layeredImage('x', { family: 'docker', layers: ['none'] }));
    const before = await registry.get();
    const zstd = ['recompress', '--compression', 'zstd', name];
    const refused = await crane(...zstd);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    if (!(await canCompressZstd())) {
      expect(refused.stderr).toContain('--compression gzip');
      expect((await registry.get()).root).toEqual(before.root);
      return;
    }
    expect(refused.stderr).toContain('--to oci');
    await succeed(...zstd, '--to', 'oci');
    const after = await registry.get();
    expect(await typesIn(after)).toEqual([mediaTypes.ociLayerZstd]);
    expect(after.root.mediaType).toBe(mediaTypes.ociManifest);
    expect(await validate(after)).toEqual([]);
  });

  it('refuses broken layers, bombs and what is no image, and leaves the tag alone', async () => {
    const image = layeredImage('x', { layers: ['gzip'], size: 500_000 });
    const name = await put(image);
    const [before, none] = [await registry.get(), ['recompress', '--compression', 'none', name]];
    const bomb = await crane(...none, '--max-bytes', '1000');
    expect(bomb).toMatchObject({ code: 1, stderr: expect.stringContaining('--max-bytes') as string });
    const other = layeredImage('other');
    const mixed = JSON.parse(Buffer.from(image.bytes).toString()) as object;
    const lying = blobOf(JSON.stringify({ ...mixed, config: other.config.target }), mediaTypes.ociManifest);
    const wrong = await registry.put(await stored(lying, [image, other]), 'lying');
    expect((await crane('recompress', '--compression', 'none', wrong)).stderr).toContain('diff ID');
    const artifact = blobOf(
      JSON.stringify({ schemaVersion: 2, config: blobOf('{}', mediaTypes.ociEmpty).target, layers: [] }),
      mediaTypes.ociManifest,
    );
    const named = await registry.put(await stored(artifact, [], [blobOf('{}', mediaTypes.ociEmpty)]), 'artifact');
    expect((await crane('recompress', '--compression', 'none', named)).stderr).toContain(
      'neither an image nor an index',
    );
    expect((await registry.get()).root).toEqual(before.root);
  });

  it.each([
    [[], 'required flag(s) "compression" not set'],
    [['--compression', 'brotli'], 'brotli'],
    [['--compression', 'gzip', '--compression-level', '10'], 'levels 1 to 9'],
    [['--compression', 'none', '--compression-level', '1'], 'no level'],
    [['--compression', 'gzip', '--max-bytes', '-1'], '--max-bytes'],
    [['--compression', 'gzip', '--to', 'podman'], 'docker, oci'],
    [['--compression', 'gzip', '-t', 'A'], '"A"'],
  ])('tells wrong flags before anything is asked: %j', async (args, said) => {
    const result = await crane('recompress', `${registry.host}/app:v1`, ...args);
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(said) as string });
    expect(registry.requests).toEqual([]);
  });

  it('keeps diff IDs there and back, and what comes out is valid', async () => {
    const kinds: readonly LayerCompression[] = (await canCompressZstd()) ? ['gzip', 'none', 'zstd'] : ['gzip', 'none'];
    const layers = fc.array(fc.constantFrom<LayerCompression>('gzip', 'none', 'zstd'), { minLength: 1, maxLength: 3 });
    const steps = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(layers, steps, fc.nat(70_000), fc.string(), async (from, way, size, text) => {
        const name = await put(layeredImage(text.replaceAll(/\W/g, '_'), { layers: from, size }));
        const { rootfs } = await configOf(await registry.get());
        for (const kind of way) await succeed('recompress', '--compression', kind, name);
        const after = await registry.get();
        expect((await configOf(after)).rootfs).toEqual(rootfs);
        expect(await validate(after)).toEqual([]);
        const last = { gzip: mediaTypes.ociLayerGzip, none: mediaTypes.ociLayer, zstd: mediaTypes.ociLayerZstd };
        expect(new Set(await typesIn(after))).toEqual(new Set([last[way.at(-1) ?? 'none']]));
      }),
      { numRuns: 15 },
    );
  });
});

describe('convert', () => {
  it('there and back gives the same bytes, and moves no layer', async () => {
    const images = [layeredImage('one'), layeredImage('two', { architecture: 'arm64', layers: ['none'] })];
    const index = indexOf({ 'linux/amd64': images[0] as LayeredImage, 'linux/arm64': images[1] as LayeredImage });
    const name = await registry.put(await stored(index, images));
    const before = await registry.get();
    registry.requests.length = 0;
    const printed = await succeed('convert', '--to', 'docker', name);
    expect(registry.requests.filter((line) => /blobs/.test(line) && !line.startsWith('HEAD'))).toEqual([]);
    const docker = await registry.get();
    expect(printed).toBe(`${name.replace(':v1', '')}@${docker.root.digest}\n`);
    expect(docker.root.mediaType).toBe(mediaTypes.dockerManifestList);
    expect(await validate(docker)).toEqual([]);
    await succeed('convert', '--to', 'oci', name);
    const back = await registry.get();
    expect((await childrenIn(back)).map(({ digest }) => digest)).toEqual(
      (await childrenIn(before)).map(({ digest }) => digest),
    );
    expect(JSON.parse(Buffer.from(await rawManifestOf(back)).toString())).toEqual(
      JSON.parse(Buffer.from(index.bytes).toString()),
    );
    expect(await succeed('convert', '--to', 'oci', name)).toBe(`${name.replace(':v1', '')}@${back.root.digest}\n`);
  });

  it('converts the images of --platform alone, in an index that stays OCI while others are', async () => {
    const images = [layeredImage('one'), layeredImage('two', { architecture: 'arm64' })];
    const index = indexOf({ 'linux/amd64': images[0] as LayeredImage, 'linux/arm64': images[1] as LayeredImage });
    const name = await registry.put(await stored(index, images));
    await succeed('convert', '--to', 'docker', '--platform', 'linux/arm64', name);
    const mixed = await registry.get();
    expect(mixed.root.mediaType).toBe(mediaTypes.ociIndex);
    expect((await childrenIn(mixed)).map(({ mediaType }) => mediaType)).toEqual([
      mediaTypes.ociManifest,
      mediaTypes.dockerManifest,
    ]);
    await succeed('convert', '--to', 'docker', '--platform', 'linux/amd64', name);
    expect((await registry.get()).root.mediaType).toBe(mediaTypes.dockerManifestList);
  });

  it('refuses zstd layers for Docker, says what helps, and that does', async () => {
    const name = await put(layeredImage('x', { layers: ['zstd', 'gzip'] }));
    const before = await registry.get();
    const refused = await crane('convert', '--to', 'docker', name);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('crane recompress --compression gzip --to docker');
    expect((await registry.get()).root).toEqual(before.root);
    await succeed('recompress', '--compression', 'gzip', '--to', 'docker', name);
    const after = await registry.get();
    expect(await typesIn(after)).toEqual([mediaTypes.dockerLayerGzip, mediaTypes.dockerLayerGzip]);
    expect(await validate(after)).toEqual([]);
  });

  it('takes archives and gives every other form', async () => {
    const name = await put(layeredImage('x', { family: 'docker' }));
    await succeed('pull', name, work.file('docker.tar'));
    await succeed(
      'convert',
      '--to',
      'oci',
      `docker-archive:${work.file('docker.tar')}`,
      '-o',
      `oci:${work.file('l')}:v1`,
    );
    expect(await succeed('manifest', `oci:${work.file('l')}:v1`)).toContain(mediaTypes.ociManifest);
    const inPlace = await crane('convert', '--to', 'oci', `docker-archive:${work.file('docker.tar')}`);
    expect(inPlace).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be changed in place') as string });
  });
});
