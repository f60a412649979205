import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { blobOf, type Sample } from '../../../test/conformance/samples.ts';
import { indexOf, layeredImage, type LayeredImage, tarOf } from '../../../test/support/sample-image.ts';
import { streamOf } from '../../content/bytes.ts';
import { digestOf } from '../../content/hash.ts';
import { VerifiedStream } from '../../content/verify.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { ContentSource } from '../../store/store.ts';
import { validate, validationReport, type ValidationReport } from '../validate.ts';

/** Hands out what it is given under the digests it is told, true or not, and counts. */
class LaxSource implements ContentSource {
  readonly fetched: string[] = [];
  readonly asked: string[] = [];
  readonly #samples: ReadonlyMap<string, Sample>;

  constructor(samples: readonly Sample[]) {
    this.#samples = new Map(samples.map((sample) => [sample.target.digest, sample]));
  }

  resolve(): Promise<Descriptor> {
    throw new TypeError('Nobody asks');
  }

  async stat({ mediaType, digest }: Descriptor): Promise<Descriptor | undefined> {
    this.asked.push(digest);
    const bytes = this.#samples.get(digest)?.bytes;
    return bytes && { mediaType, digest, size: bytes.byteLength };
  }

  async fetch(target: Descriptor): Promise<VerifiedStream> {
    this.fetched.push(target.digest);
    const found = this.#samples.get(target.digest);
    if (found === undefined) throw new OciError('NOT_FOUND', `nothing is ${target.digest}`);
    return VerifiedStream.of(streamOf(found.bytes), target);
  }
}

function allOf(...images: readonly LayeredImage[]): readonly Sample[] {
  return images.flatMap((image) => image.blobs.concat(image));
}

function report(root: Sample, samples: readonly Sample[], fast = false): Promise<ValidationReport> {
  return validationReport({ store: new LaxSource([root, ...samples]), root: root.target }, { fast });
}

function told({ problems }: Pick<ValidationReport, 'problems'>): readonly string[] {
  return problems.map(({ path, code, message }) => `${path} | ${code} | ${message}`);
}

/** An image with this manifest instead of its own. */
function withManifest(image: LayeredImage, change: object): Sample {
  const before = JSON.parse(Buffer.from(image.bytes).toString()) as object;
  return blobOf(JSON.stringify({ ...before, ...change }), mediaTypes.ociManifest);
}

describe('a validation', () => {
  it('reads content once, however many images share it, and tells what is wrong with it once, where it comes first', async () => {
    const one = layeredImage('shared', { layers: ['gzip', 'none', 'zstd'] });
    const other = layeredImage('shared', { layers: ['gzip', 'none', 'zstd'], architecture: 'arm64' });
    const inner = indexOf({ 'linux/amd64': one, 'linux/arm64': other });
    const list = { schemaVersion: 2, manifests: [inner.target, other.target, inner.target, one.target, one.target] };
    const root = blobOf(JSON.stringify(list), mediaTypes.ociIndex);
    const store = new LaxSource([root, inner, ...allOf(one, other)]);
    const { problems, manifests, blobs } = await validationReport({ store, root: root.target });
    expect(problems).toEqual([]);
    expect(store.fetched).toHaveLength(new Set(store.fetched).size);
    expect({ manifests, blobs }).toEqual({ manifests: 4, blobs: 5 });

    const broken = [root, inner, ...allOf(one, other)].filter(({ target }) => target !== one.layers[1]?.target);
    const gone = one.layers[1]?.target.digest ?? '';
    expect(
      told(
        await report(
          root,
          broken.filter(({ target }) => target.digest !== gone),
        ),
      ),
    ).toEqual([`manifests[0] manifests[0] layers[1] | NOT_FOUND | nothing is ${gone}`]);
  });

  it('has problems in document order, all of them, with their codes', async () => {
    const [one, two] = [
      layeredImage('one', { layers: ['gzip', 'gzip'] }),
      layeredImage('two', { architecture: 'arm64' }),
    ];
    const root = indexOf({ 'linux/s390x': one, 'linux/arm64': two });
    const [first, second] = one.layers as [Sample, Sample];
    const samples = allOf(one, two)
      .filter((sample) => sample !== second && sample !== two.config)
      .map((sample) => (sample === first ? { target: sample.target, bytes: sample.bytes.subarray(0, 30) } : sample));
    expect(told(await report(root, samples))).toEqual([
      'manifests[0] | INVALID_CONFIG | its config\'s architecture is "amd64", but the index says "s390x" (linux/s390x)',
      `manifests[0] layers[0] | SIZE_MISMATCH | Content ${first.target.digest} ended after 30 of ${first.target.size} bytes`,
      `manifests[0] layers[1] | NOT_FOUND | nothing is ${second.target.digest}`,
      `manifests[1] config | NOT_FOUND | nothing is ${two.config.target.digest}`,
    ]);
    expect((await report(root, samples, true)).problems.map(({ path, code }) => `${path} | ${code}`)).toEqual([
      'manifests[0] | INVALID_CONFIG',
      'manifests[0] layers[0] | SIZE_MISMATCH',
      'manifests[0] layers[1] | NOT_FOUND',
      'manifests[1] config | NOT_FOUND',
    ]);
  });

  it('tells wrong bytes as such, not what becomes of them when they are decompressed', async () => {
    const image = layeredImage('x', { layers: ['gzip'], size: 5000 });
    const [layer] = image.layers as [Sample];
    for (let at = 0; at < layer.bytes.length; at += 7) {
      const bytes = Buffer.from(layer.bytes);
      bytes[at] = ~(bytes[at] ?? 0) & 0xff;
      const { problems } = await report(image, [image.config, { ...layer, bytes }]);
      expect(problems.map(({ path, code }) => `${path} ${code}`)).toEqual(['layers[0] DIGEST_MISMATCH']);
    }
  });

  it('compares the compression with the media type', async () => {
    const tar = tarOf({ a: 'a' });
    const types = [mediaTypes.ociLayer, mediaTypes.ociLayerGzip, mediaTypes.ociLayerZstd];
    for (const type of types) {
      const layer = blobOf(gzipSync(tar), type);
      const image = layeredImage('x');
      const config = blobOf(
        JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } }),
        mediaTypes.ociConfig,
      );
      const root = withManifest(image, { config: config.target, layers: [layer.target] });
      const wanted = type === mediaTypes.ociLayer ? 'no compression' : 'zstd';
      expect(told(await report(root, [config, layer]))).toEqual(
        type === mediaTypes.ociLayerGzip
          ? []
          : [`layers[0] | INVALID_ARCHIVE | it has gzip, but its media type "${type}" says ${wanted}`],
      );
    }
  });

  it('stops a bomb', async () => {
    const image = layeredImage('bomb', { size: 2_000_000 });
    const store = new LaxSource(allOf(image));
    const problems = await validate({ store, root: image.target }, { limit: 1_000_000 });
    expect(problems).toMatchObject([{ path: 'layers[0]', code: 'LIMIT_EXCEEDED' }]);
  });

  it('takes what is no layer among layers, whether the config counts it or not', async () => {
    const image = layeredImage('x', { layers: ['gzip', 'none'] });
    const note = blobOf('a note', 'text/plain');
    const layers = image.layers.map(({ target }) => target);
    const between = withManifest(image, { layers: [layers[0], note.target, layers[1]] });
    expect(await report(between, [...image.blobs, note])).toMatchObject({ problems: [], warnings: [] });
    const swapped = withManifest(image, { layers: [layers[1], note.target, layers[0]] });
    expect((await report(swapped, [...image.blobs, note])).problems.map(({ path }) => path)).toEqual([
      'layers[0]',
      'layers[2]',
    ]);
    const instead = withManifest(image, { layers: [note.target, layers[1]] });
    expect((await report(instead, [...image.blobs, note])).problems).toEqual([]);
  });

  it('checks what descriptors embed, and that the content is in the store as well', async () => {
    const image = layeredImage('x');
    const { target } = image.config;
    const data = Buffer.from(image.config.bytes).toString('base64');
    const good = withManifest(image, { config: { ...target, data } });
    expect(told(await report(good, image.blobs))).toEqual([]);
    expect((await report(good, image.layers)).problems).toMatchObject([{ path: 'config', code: 'NOT_FOUND' }]);
    const wrong = { other: 'DIGEST_MISMATCH', short: 'SIZE_MISMATCH', none: 'INVALID_MANIFEST' };
    const texts = { other: Buffer.alloc(target.size, 'x').toString('base64'), short: 'eHg=', none: '%%%' };
    for (const [kind, code] of Object.entries(wrong)) {
      const root = withManifest(image, { config: { ...target, data: texts[kind as keyof typeof texts] } });
      expect((await report(root, image.blobs)).problems).toMatchObject([{ path: 'config', code }]);
    }
  });

  it('takes a subject that is not there, with a warning, and not one that is something else', async () => {
    const [image, subject] = [layeredImage('x'), layeredImage('subject')];
    const root = withManifest(image, { subject: subject.target });
    expect(await report(root, [...image.blobs, subject])).toMatchObject({ problems: [], warnings: [] });
    expect(await report(root, image.blobs)).toMatchObject({
      problems: [],
      warnings: [{ path: 'subject', code: 'NOT_FOUND', digest: subject.target.digest }],
    });
    for (const change of [{ size: 7 }, { mediaType: mediaTypes.dockerManifest }]) {
      const lying = withManifest(image, { subject: { ...subject.target, ...change } });
      expect((await report(lying, [...image.blobs, subject])).problems).toMatchObject([{ path: 'subject' }]);
    }
  });

  it('warns of a history that is of other layers, and of nothing else', async () => {
    const tars = [tarOf({ a: 'a' }), tarOf({ b: 'b' })];
    const layers = tars.map((tar) => blobOf(gzipSync(tar), mediaTypes.ociLayerGzip));
    const [step, empty] = [{ created_by: 'RUN' }, { created_by: 'ENV', empty_layer: true }];
    for (const [history, warned] of [
      [[], false],
      [[step, empty, step], false],
      [[step, empty], true],
      [[step, step, step], true],
    ] as const) {
      const rootfs = { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) };
      const config = blobOf(JSON.stringify({ os: 'linux', rootfs, history }), mediaTypes.ociConfig);
      const root = withManifest(layeredImage('x'), {
        config: config.target,
        layers: layers.map(({ target }) => target),
      });
      const { problems, warnings } = await report(root, [config, ...layers]);
      expect(problems).toEqual([]);
      expect(warnings.map(({ path }) => path)).toEqual(warned ? ['config'] : []);
    }
  });

  it('does not ask for layers that may not be passed on, and checks those that are there', async () => {
    const tar = tarOf({ a: 'a' });
    const foreign = blobOf(gzipSync(tar), mediaTypes.ociRestrictedLayerGzip);
    const config = blobOf(
      JSON.stringify({ os: 'windows', rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } }),
      mediaTypes.ociConfig,
    );
    const root = withManifest(layeredImage('x'), { config: config.target, layers: [foreign.target] });
    for (const fast of [false, true]) expect((await report(root, [config], fast)).problems).toEqual([]);
    expect((await report(root, [config, foreign])).problems).toEqual([]);
    const broken = { ...foreign, bytes: Buffer.from('x') };
    for (const fast of [false, true]) {
      expect((await report(root, [config, broken], fast)).problems).toMatchObject([{ path: 'layers[0]' }]);
    }
  });

  it('says of schema 1, of other versions, and of nests of indexes what they are', async () => {
    const old = blobOf(JSON.stringify({ schemaVersion: 1, fsLayers: [] }), mediaTypes.dockerSchema1);
    expect((await report(old, [])).problems).toMatchObject([{ path: '', code: 'UNSUPPORTED' }]);
    const image = layeredImage('x');
    const newer = withManifest(image, { schemaVersion: 3 });
    expect(told(await report(newer, image.blobs))).toEqual([' | INVALID_MANIFEST | its schemaVersion is 3, not 2']);
    const nest = [blobOf(JSON.stringify({ schemaVersion: 2, manifests: [image.target] }), mediaTypes.ociIndex)];
    for (let i = 0; i < 12; i++) {
      const last = nest.at(-1) as Sample;
      // Each lists the one below many times: the paths through them are more than can be walked.
      const manifests = Array.from({ length: 50 }, () => last.target);
      nest.push(blobOf(JSON.stringify({ schemaVersion: 2, manifests }), mediaTypes.ociIndex));
    }
    const root = nest.at(-1) as Sample;
    expect((await report(root, [...nest, ...allOf(image)])).problems).toMatchObject([{ code: 'LIMIT_EXCEEDED' }]);
  });

  it('counts doubled paths beyond the first ten', async () => {
    const file = tarOf({ a: '' }).subarray(0, 512);
    const tar = Buffer.concat([...Array.from({ length: 40 }, () => file), Buffer.alloc(1024)]);
    const layer = blobOf(tar, mediaTypes.ociLayer);
    const rootfs = { type: 'layers', diff_ids: [layer.target.digest] };
    const config = blobOf(JSON.stringify({ os: 'linux', rootfs }), mediaTypes.ociConfig);
    const root = withManifest(layeredImage('x'), { config: config.target, layers: [layer.target] });
    const lines = told(await report(root, [config, layer]));
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toContain('duplicate file paths: 29 more');
  });

  it('leaves out what it is told to', async () => {
    const [one, two] = [layeredImage('one'), layeredImage('two', { architecture: 'arm64' })];
    const root = indexOf({ 'linux/amd64': one, 'linux/arm64': two });
    const store = new LaxSource([root, ...allOf(one)]);
    const includeChild = ({ platform }: Descriptor): boolean => platform?.architecture === 'amd64';
    expect(await validate({ store, root: root.target }, { includeChild })).toEqual([]);
    expect(await validate({ store, root: root.target })).toHaveLength(1);
  });

  it('ends with what aborts it, and nothing is under way then', async () => {
    const image = layeredImage('x', { layers: ['gzip', 'gzip', 'gzip'] });
    const store = new LaxSource(allOf(image));
    const controller = new AbortController();
    let open = 0;
    store.fetch = async (target) => {
      if (target.digest !== image.layers[0]?.target.digest) return LaxSource.prototype.fetch.call(store, target);
      open++;
      return new Promise((_, reject) => {
        setTimeout(() => (controller.abort(new Error('enough')), open--, reject(new Error('enough'))), 5);
      });
    };
    await expect(validate({ store, root: image.target }, { signal: controller.signal })).rejects.toThrow('enough');
    expect(open).toBe(0);
  });
});
