import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/content/hash.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { blobOf, imageOf, pushImage, type Sample, type SampleImage } from '../conformance/samples.ts';
import { type SimulatedRegistry, simulateRegistry } from '../simulated-registry/simulate.ts';
import { type FakeEngine, fakeEngine } from './fake-engine.ts';
import { packZstd } from './pack-zstd.ts';
import { dockerTarball, indexOf, type LayeredImage, layeredImage, layoutFiles, tarOf } from './sample-image.ts';

/** Every kind of place that an image can be in, as docs/image-names.md has them. */
export const forms = ['registry', 'oci:', 'oci-archive:', 'docker-archive:', 'docker-daemon:', '-'] as const;

export type Form = (typeof forms)[number];

/** How archives are packed. */
export const packings = ['plain', 'gzip', 'zstd'] as const;

export type Packing = (typeof packings)[number];

/** An image in a place, or where one is to go. */
export interface ImagePlace {
  /** With the tag or name. */
  readonly name: string;
  /** Without it: all images of the place. */
  readonly whole: string;
  /** A blob of the image. */
  readonly blob: string;
  /** What is piped in. */
  readonly input?: Uint8Array | undefined;
}

const image = layeredImage('app', { layers: ['gzip', 'gzip'] });
const other = layeredImage('arm', { architecture: 'arm64' });
const index = indexOf({ 'linux/amd64': image, 'linux/arm64': other });
const name = 'app.test/app:v1';

const layout = layoutFiles([index, image, other, ...image.blobs, ...other.blobs], { v1: index });
const archives = {
  'oci-archive:': packed(tarOf(layout)),
  'docker-archive:': packed(dockerTarball({ [name]: image })),
};

/** The same image in a registry, a layout, archives and an engine, with places for results beside it. */
export class ImagePlaces implements AsyncDisposable {
  readonly directory: string;
  readonly registry: SimulatedRegistry;
  readonly engine: FakeEngine;

  constructor(directory: string, registry: SimulatedRegistry, engine: FakeEngine) {
    this.directory = directory;
    this.registry = registry;
    this.engine = engine;
  }

  get env(): Readonly<Record<string, string>> {
    return { DOCKER_HOST: this.engine.host };
  }

  /** The image, for commands whose other place is tested. */
  get image(): string {
    return `${this.registry.host}/app:v1`;
  }

  /** The image's config, byte for byte. */
  get config(): Uint8Array {
    return image.config.bytes;
  }

  /** Its manifest. */
  get manifest(): Uint8Array {
    return image.bytes;
  }

  readonly file = (name: string): string => join(this.directory, name);

  /** @param asIndex whether standard input has an index, which a docker archive cannot hold */
  source(form: Form, packing: Packing = 'plain', asIndex = false): ImagePlace {
    const blob = image.config.target.digest;
    const all = (whole: string, named: string, input?: Uint8Array): ImagePlace => ({
      name: named,
      whole,
      blob: `${whole}@${blob}`,
      input,
    });
    switch (form) {
      case 'registry':
        return all(`${this.registry.host}/app`, this.image);
      case 'oci:':
        return all(`oci:${this.file('layout')}`, `oci:${this.file('layout')}:v1`);
      case 'oci-archive:': {
        const archive = `oci-archive:${this.file(`layout.tar.${packing}`)}`;
        return all(archive, `${archive}:v1`);
      }
      case 'docker-archive:': {
        const archive = `docker-archive:${this.file(`app.tar.${packing}`)}`;
        return all(archive, `${archive}:${name}`);
      }
      case 'docker-daemon:':
        return all('docker-daemon:app.test/app', `docker-daemon:${name}`);
      case '-': {
        const kind = asIndex ? 'oci-archive:' : 'docker-archive:';
        const input = archives[kind][packing];
        const named = asIndex ? 'oci-archive:-:v1' : '-';
        return { name: named, whole: asIndex ? 'oci-archive:-' : '-', blob: `${kind}-@${blob}`, input };
      }
      default:
        return form satisfies never;
    }
  }

  /** Where nothing is yet. */
  target(form: Form, asIndex = false): Omit<ImagePlace, 'blob'> {
    switch (form) {
      case 'registry':
        return { name: `${this.registry.host}/out:new`, whole: `${this.registry.host}/out` };
      case 'oci:':
        return { name: `oci:${this.file('out')}:new`, whole: `oci:${this.file('out')}` };
      case 'oci-archive:':
        return { name: `oci-archive:${this.file('out.tar')}:new`, whole: `oci-archive:${this.file('out.tar')}` };
      case 'docker-archive:': {
        const whole = `docker-archive:${this.file('out.tar')}:out.test/app`;
        return { name: `${whole}:new`, whole };
      }
      case 'docker-daemon:':
        return { name: 'docker-daemon:out.test/app:new', whole: 'docker-daemon:out.test/app' };
      case '-':
        return asIndex ? { name: 'oci-archive:-:new', whole: 'oci-archive:-' } : { name: '-', whole: '-' };
      default:
        return form satisfies never;
    }
  }

  /** What would show a change: requests that write, files, what the engine was told. */
  async state(): Promise<unknown> {
    const { registry, engine, directory } = this;
    const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    const digests = files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${path} ${digestOf(await readFile(path))}`;
    });
    return {
      writes: registry.log.filter((line) => /^(?:PUT|POST|PATCH|DELETE) /.test(line)).length,
      files: (await Promise.all(digests)).toSorted(),
      loads: engine.loads.length,
      tagged: engine.tagged.length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}

/** @param directory an empty one */
export async function imagePlaces(directory: string): Promise<ImagePlaces> {
  const everything = ['*'];
  const anonymous = { pull: everything, push: everything, delete: everything };
  const registry = await simulateRegistry({ anonymous, tags: { google: true } });
  const engine = await fakeEngine({ kind: 'containerd' });
  engine.images.set(name, { image, index, others: [other] });
  const app = await registry.content('app');
  for (const one of [image, other]) await pushImage(app, one);
  await pushImage(app, { ...index, blobs: [] }, 'v1');
  await pushImage(app, imageOf('without a tag'));
  const bases = await registry.content('base');
  await pushImage(bases, baseOf(image), 'old');
  await pushImage(bases, layeredImage('base'), 'new');
  const garbage = blobOf('garbage');
  const files: Record<string, Uint8Array> = {
    'layer.tar': tarOf({ 'layer.txt': 'layer' }),
    [`layout/blobs/${garbage.target.digest.replace(':', '/')}`]: garbage.bytes,
  };
  for (const [file, bytes] of Object.entries(layout)) files[`layout/${file}`] = bytes;
  for (const packing of packings) {
    files[`layout.tar.${packing}`] = archives['oci-archive:'][packing];
    files[`app.tar.${packing}`] = archives['docker-archive:'][packing];
  }
  for (const [file, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), bytes);
  }
  return new ImagePlaces(directory, registry, engine);
}

/** Once for all tests: some of it takes a program. */
function packed(plain: Buffer): Readonly<Record<Packing, Buffer>> {
  return { plain, gzip: gzipSync(plain), zstd: packZstd(plain) };
}

/** What an image stands on: its lowest layer. */
function baseOf({ config, layers, tars }: LayeredImage): SampleImage {
  const [layer, tar] = [layers[0] as Sample, tars[0] as Uint8Array];
  const document: object = JSON.parse(Buffer.from(config.bytes).toString()) as object;
  const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] };
  const lower = blobOf(JSON.stringify({ ...document, rootfs }), mediaTypes.ociConfig);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: lower.target,
    layers: [layer.target],
  };
  return { ...blobOf(JSON.stringify(manifest), mediaTypes.ociManifest), blobs: [lower, layer] };
}
