import { describe, expect, it } from 'vitest';
import { goldenImage } from '../../../test/support/golden-image.ts';
import { imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { describeBytes } from '../../content/hash.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { inspectImage } from './inspect-image.ts';
import type { ImageDetails } from './summary.ts';

const layerOf = (name: string, more: Partial<Descriptor> = {}): Descriptor => ({
  ...describeBytes(Buffer.from(name), mediaTypes.ociLayerGzip),
  ...more,
});

const [one, two] = [layerOf('one', { size: 1000 }), layerOf('two', { size: 20 })];
const diffIds = (...layers: readonly Descriptor[]): object => ({
  type: 'layers',
  diff_ids: layers.map(({ digest }) => digest),
});

async function imageWith(config: object, layers: readonly Descriptor[], manifest: object = {}): Promise<Artifact> {
  return imageOfDocuments(JSON.stringify(config), { layers, ...manifest });
}

async function inspectedImage(...args: Parameters<typeof inspectImage>): Promise<ImageDetails & { warnings: unknown }> {
  const summary = await inspectImage(...args);
  if (summary.kind !== 'image') throw new Error(`It is an ${summary.kind}`);
  return summary;
}

describe('the summary of an image', () => {
  it('has what its documents say', async () => {
    const config = {
      architecture: 'arm64',
      os: 'linux',
      variant: 'v8',
      created: '2024-01-15T10:00:00.500Z',
      author: 'team',
      config: {
        User: '65532:65532',
        WorkingDir: '/app',
        Entrypoint: ['/app/run'],
        Cmd: [],
        Env: ['PATH=/bin', 'EMPTY='],
        ExposedPorts: { '8080/tcp': {}, '443/tcp': {} },
        Volumes: { '/data': {}, '/cache': {} },
        StopSignal: 'SIGINT',
        Shell: ['/bin/bash', '-c'],
        OnBuild: ['RUN x'],
        Labels: { b: '2', a: '1' },
        Healthcheck: {
          Test: ['CMD-SHELL', 'curl -f x'],
          Interval: 30_000_000_000,
          Timeout: 1_500_000_000,
          StartInterval: 5_000_000_000,
          Retries: 3,
        },
      },
      rootfs: diffIds(two, one),
      history: [
        { created: '2024-01-15T09:00:00Z', created_by: '/bin/sh -c #(nop) ADD file:x in / ' },
        { created_by: 'ENV A=b', empty_layer: true, comment: 'buildkit.dockerfile.v0', author: 'me' },
        { created: '0001-01-01T00:00:00Z', created_by: 'RUN /bin/sh -c make # buildkit' },
      ],
    };
    const image = await imageWith(config, [one, two], { annotations: { z: '1', a: '2' } });
    const summary = await inspectedImage(image);
    const text = JSON.stringify(config);
    expect(summary).toEqual({
      kind: 'image',
      digest: image.root.digest,
      mediaType: mediaTypes.ociManifest,
      size: image.root.size,
      annotations: { a: '2', z: '1' },
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      created: '2024-01-15T10:00:00.5Z',
      author: 'team',
      imageSize: image.root.size + text.length + 1020,
      configDigest: describeBytes(Buffer.from(text), '').digest,
      configSize: text.length,
      config: {
        user: '65532:65532',
        workingDir: '/app',
        entrypoint: ['/app/run'],
        cmd: [],
        env: ['PATH=/bin', 'EMPTY='],
        exposedPorts: ['443/tcp', '8080/tcp'],
        volumes: ['/cache', '/data'],
        stopSignal: 'SIGINT',
        shell: ['/bin/bash', '-c'],
        onBuild: ['RUN x'],
        healthcheck: {
          test: ['CMD-SHELL', 'curl -f x'],
          interval: 30,
          timeout: 1.5,
          startInterval: 5,
          retries: 3,
        },
      },
      labels: { a: '1', b: '2' },
      layers: [
        { ...one, diffId: two.digest, step: 'ADD file:x in /', annotations: {} },
        { ...two, diffId: one.digest, step: 'RUN make', annotations: {} },
      ],
      history: [
        {
          created: '2024-01-15T09:00:00Z',
          createdBy: '/bin/sh -c #(nop) ADD file:x in / ',
          step: 'ADD file:x in /',
          emptyLayer: false,
          layer: 0,
        },
        { createdBy: 'ENV A=b', step: 'ENV A=b', author: 'me', comment: 'buildkit.dockerfile.v0', emptyLayer: true },
        { createdBy: 'RUN /bin/sh -c make # buildkit', step: 'RUN make', emptyLayer: false, layer: 1 },
      ],
      warnings: [],
    });
    expect(Object.keys(summary.labels)).toEqual(['a', 'b']);
  });

  it('of an empty config has nothing but empty lists', async () => {
    const summary = await inspectedImage(await imageWith({}, []));
    expect(summary).toMatchObject({ config: { env: [], exposedPorts: [], volumes: [], onBuild: [] }, labels: {} });
    expect(summary).toMatchObject({ layers: [], history: [], warnings: [] });
    const { platform, created, base, config } = summary;
    expect([platform, created, base, config.entrypoint, config.cmd, config.user]).toEqual(Array(6).fill(undefined));
  });

  it('takes null and the year 1 for nothing', async () => {
    const config = { created: '0001-01-01T00:00:00Z', config: { Cmd: null, Env: null, Labels: null }, history: null };
    const summary = await inspectedImage(await imageWith(config, []));
    expect([summary.created, summary.config.cmd, summary.config.env, summary.labels]).toEqual([
      undefined,
      undefined,
      [],
      {},
    ]);
  });

  it('counts a blob once that is there twice', async () => {
    const image = await imageWith({ rootfs: diffIds(one, one, two) }, [one, one, two]);
    const { imageSize, layers, configSize } = await inspectedImage(image);
    expect(imageSize).toBe(image.root.size + configSize + 1020);
    expect(layers.length).toBe(3);
  });

  it('has no size where documents claim more than can be', async () => {
    const layers = ['a', 'b'].map((name) => layerOf(name, { size: Number.MAX_SAFE_INTEGER }));
    expect((await inspectedImage(await imageWith({ rootfs: diffIds(...layers) }, layers))).imageSize).toBeUndefined();
  });

  it('knows the size of a tar where nothing has to be read for it', async () => {
    const layers = [
      layerOf('plain', { mediaType: mediaTypes.dockerLayer, size: 10 }),
      layerOf('zstd', { mediaType: mediaTypes.ociLayerZstd }),
      layerOf('lazy', { annotations: { 'io.containers.estargz.uncompressed-size': '4096' } }),
      layerOf('liar', { annotations: { 'io.containers.estargz.uncompressed-size': '-1e9' } }),
      layerOf('foreign', { mediaType: mediaTypes.dockerForeignLayerGzip, urls: ['https://example.com/layer'] }),
    ];
    const summary = await inspectedImage(await imageWith({ rootfs: diffIds(...layers) }, layers));
    expect(summary.layers.map(({ uncompressedSize }) => uncompressedSize)).toEqual([
      10,
      undefined,
      4096,
      undefined,
      undefined,
    ]);
    expect(summary.layers[4]?.urls).toEqual(['https://example.com/layer']);
  });

  it.each([
    ['more', [{ created_by: 'a' }, { created_by: 'b' }, { created_by: 'c' }], 'steps that made one: 3, layers: 2'],
    ['fewer', [{ created_by: 'a' }, { created_by: 'b', empty_layer: true }], 'steps that made one: 1, layers: 2'],
  ])('says plainly that the history has %s steps than layers', async (_, history, words) => {
    const image = await imageWith({ rootfs: diffIds(one, two), history }, [one, two]);
    const { layers, history: steps, warnings } = await inspectedImage(image);
    expect(warnings).toEqual([expect.stringContaining(words)]);
    expect(layers.map(({ step }) => step)).toEqual([undefined, undefined]);
    expect(steps.map(({ layer }) => layer)).toEqual(history.map(() => undefined));
    expect(steps.map(({ step }) => step)).toEqual(history.map(({ created_by }) => created_by));
  });

  it('has no word about a history that is not there', async () => {
    const { warnings, history } = await inspectedImage(await imageWith({ rootfs: diffIds(one) }, [one]));
    expect([warnings, history]).toEqual([[], []]);
  });

  it('keeps steps of which nothing was recorded', async () => {
    const history = [{}, { created_by: '  ', comment: 'imported' }];
    const { history: steps } = await inspectedImage(
      await imageWith({ rootfs: diffIds(one, two), history }, [one, two]),
    );
    expect(steps).toEqual([
      { emptyLayer: false, layer: 0 },
      { createdBy: '  ', comment: 'imported', emptyLayer: false, layer: 1 },
    ]);
  });

  it('says that the config names other layers', async () => {
    const { warnings, layers } = await inspectedImage(await imageWith({ rootfs: diffIds(one) }, [one, two]));
    expect(warnings).toEqual([expect.stringContaining('diff IDs: 1, layers: 2')]);
    expect(layers.map(({ diffId }) => diffId)).toEqual([undefined, undefined]);
  });

  it('is of 127 layers, 10,000 labels and more steps than are shown', async () => {
    const layers = Array.from({ length: 127 }, (_, i) => layerOf(`layer ${i}`, { size: 1 }));
    const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`label.${i}`, String(i)]));
    const history = Array.from({ length: 10_127 }, (_, i) => ({ created_by: `step ${i}`, empty_layer: i >= 127 }));
    const image = await imageWith({ rootfs: diffIds(...layers), history, config: { Labels: labels } }, layers);
    const summary = await inspectedImage(image);
    expect(summary.layers[126]?.step).toBe('step 126');
    expect(Object.keys(summary.labels).length).toBe(10_000);
    expect(summary.history.length).toBe(10_000);
    expect(summary.warnings).toEqual([expect.stringContaining('10127 steps')]);
  });

  it('keeps labels whose names mean something to JavaScript', async () => {
    const config = '{"config":{"Labels":{"__proto__":"x","constructor":"y","10":"z","9":"w"}}}';
    const { labels } = await inspectedImage(await imageOfDocuments(config));
    expect(JSON.parse(JSON.stringify(labels))).toEqual(
      JSON.parse('{"__proto__":"x","constructor":"y","10":"z","9":"w"}'),
    );
  });

  it('names the base that annotations state, or else labels', async () => {
    const names = {
      'org.opencontainers.image.base.name': 'debian:12',
      'org.opencontainers.image.base.digest': 'sha256:x',
    };
    const labels = { config: { Labels: { 'org.opencontainers.image.base.name': 'other' } } };
    expect((await inspectedImage(await imageWith(labels, [], { annotations: names }))).base).toEqual({
      name: 'debian:12',
      digest: 'sha256:x',
      from: 'annotations',
    });
    expect((await inspectedImage(await imageWith(labels, []))).base).toEqual({ name: 'other', from: 'labels' });
  });

  it.each(['not JSON', '[]', '{"config":{"Env":"PATH"}}', '{"os":1}', '{"created":"yesterday"}'])(
    'fails where the config is %s',
    async (config) => {
      await expect(inspectImage(await imageOfDocuments(config))).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    },
  );

  it('refuses Docker schema 1', async () => {
    const store = new MemoryStore();
    const root = await store.add(Buffer.from('{"schemaVersion":1,"fsLayers":[]}'), mediaTypes.dockerSchema1);
    await expect(inspectImage({ store, root })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('schema 1 is abolished') as string,
    });
  });

  it.each([
    ['app', 'docker', ['ADD base1', 'ADD app']],
    ['app', 'white', ['ADD base1', 'ADD app', 'ADD white']],
    ['base', 'new', ['ADD base2', 'ADD cfg']],
  ])('of what crane made, %s:%s, has the step of each layer', async (repository, tag, steps) => {
    const { layers, warnings } = await inspectedImage(await goldenImage(repository, tag));
    expect(layers.map(({ step }) => step)).toEqual(steps);
    expect(warnings).toEqual([]);
  });
});

describe('the summary of an artifact', () => {
  it('has its type and its blobs', async () => {
    const summary = await inspectImage(await goldenImage('art', 'v1'));
    expect(summary).toMatchObject({
      kind: 'artifact',
      artifactType: 'application/vnd.example',
      configMediaType: mediaTypes.ociEmpty,
      imageSize: 482 + 2 + 14,
      layers: [{ mediaType: 'text/plain', size: 14, annotations: { 'org.opencontainers.image.title': 'a.txt' } }],
      warnings: [],
    });
  });

  it('is that of signatures and attestations, whose config looks like an image’s', async () => {
    const layers = [layerOf('x', { mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' })];
    expect(await inspectImage(await imageWith({}, layers))).toMatchObject({ kind: 'artifact' });
    const encrypted = [layerOf('x', { mediaType: `${mediaTypes.ociLayerGzip}+encrypted` })];
    expect(await inspectImage(await imageWith({}, encrypted))).toMatchObject({ kind: 'image' });
  });

  it('has its subject', async () => {
    const subject = describeBytes(Buffer.from('x'), mediaTypes.ociManifest);
    const types = { manifest: mediaTypes.ociManifest, config: mediaTypes.ociEmpty };
    const image = await imageOfDocuments(
      '{}',
      { subject, annotations: { 'org.opencontainers.image.created': '2024-01-15T10:00:00Z' } },
      types,
    );
    expect(await inspectImage(image)).toMatchObject({ subject, created: '2024-01-15T10:00:00Z' });
  });
});
