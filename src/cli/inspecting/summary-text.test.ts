import { describe, expect, it } from 'vitest';
import { goldenImage } from '../../../test/support/golden-image.ts';
import { imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { imageFor, indexOf, platforms } from '../../../test/support/sample-index.ts';
import { describeBytes } from '../../content/hash.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { inspectImage, type InspectOptions } from '../../ops/inspect/inspect-image.ts';
import type { ImageSummary } from '../../ops/inspect/summary.ts';
import type { Artifact } from '../../store/artifact.ts';
import { noLimits, type TextLimits, usualLimits } from './lines.ts';
import { summaryText } from './summary-text.ts';

async function textOf(
  artifact: Artifact,
  options: InspectOptions = {},
  limits: TextLimits = usualLimits,
): Promise<string> {
  return summaryText('app:v1', await inspectImage(artifact, options), limits);
}

const layerOf = (name: string, size: number, more: Partial<Descriptor> = {}): Descriptor => ({
  ...describeBytes(Buffer.from(name), mediaTypes.ociLayerGzip),
  size,
  ...more,
});

const layers = [layerOf('os', 29_126_484), layerOf('python', 12_345), layerOf('app', 512)];

/** An image as Docker's builders make them. */
async function webImage(more: object = {}, manifest: object = {}): ReturnType<typeof imageOfDocuments> {
  const config = {
    architecture: 'amd64',
    os: 'linux',
    created: '2024-05-22T18:18:12.052034407Z',
    config: {
      User: '65532',
      WorkingDir: '/app',
      Entrypoint: ['/app/run', '--port=8080'],
      Cmd: ['serve'],
      Env: ['PATH=/usr/local/bin:/usr/bin', `LONG=${'x'.repeat(200)}`],
      ExposedPorts: { '8080/tcp': {}, '443/tcp': {} },
      Volumes: { '/data': {} },
      StopSignal: 'SIGINT',
      Labels: { 'org.opencontainers.image.source': 'https://example.com/app', team: 'web' },
      Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'], Interval: 30_000_000_000, Retries: 3 },
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: [
      { created: '2024-05-14T01:28:26Z', created_by: '/bin/sh -c #(nop) ADD file:short in / ' },
      { created: '2024-05-14T01:28:26Z', created_by: '/bin/sh -c #(nop)  CMD ["bash"]', empty_layer: true },
      {
        created: '2024-05-22T18:18:11Z',
        created_by: 'RUN |1 VERSION=3 /bin/sh -c set -eux; \tapt-get update # buildkit',
        comment: 'buildkit.dockerfile.v0',
      },
      { comment: 'by hand' },
      { created: '2024-05-22T18:18:12Z', empty_layer: true },
    ],
    ...more,
  };
  const annotations = { 'org.opencontainers.image.base.name': 'debian:12' };
  return imageOfDocuments(JSON.stringify(config), { layers, annotations, ...manifest });
}

describe('the summary of an image, for people', () => {
  it('shows everything on lines that fit', async () => {
    const text = await textOf(await webImage());
    expect(text).toMatchInlineSnapshot(`
      "Name:        app:v1
      Digest:      sha256:32c13a8e970ed3d0b87453cac026bd7b5252ea7c438f67a73ed65353d243a80c
      Kind:        image
      Media type:  application/vnd.oci.image.manifest.v1+json
      Platform:    linux/amd64
      Created:     2024-05-22T18:18:12.052034407Z
      Size:        29.1 MB in 3 layers
      Base:        debian:12
      User:        65532
      Directory:   /app
      Entrypoint:  ["/app/run","--port=8080"]
      Cmd:         ["serve"]
      Ports:       443/tcp, 8080/tcp
      Volumes:     /data
      Stop signal: SIGINT
      Healthcheck: curl -f localhost --interval=30s --retries=3

      Environment:
        PATH=/usr/local/bin:/usr/bin
        LONG=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…

      Labels:
        org.opencontainers.image.source=https://example.com/app
        team=web

      Annotations:
        org.opencontainers.image.base.name=debian:12

      Layers:
        1  29.1 MB  sha256:840a8dcfeae95966a870b0b5257997ce94cbc19dd979409d1671d2e93a9e0de6  tar+gzip
        2  12.3 kB  sha256:11a4a60b518bf24989d481468076e5d5982884626aed9faeb35b8576fcd223e1  tar+gzip
        3    512 B  sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333  tar+gzip

      History:
        1  29.1 MB  2024-05-14  ADD file:short in /
                    2024-05-14  CMD ["bash"]
        2  12.3 kB  2024-05-22  RUN set -eux; apt-get update
        3    512 B              # by hand
                    2024-05-22  (not recorded)
      "
    `);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
  });

  it('is short where an image says nothing', async () => {
    expect(await textOf(await imageOfDocuments('{}'))).toMatchInlineSnapshot(`
      "Name:        app:v1
      Digest:      sha256:f20c43161d73848408ef247f0ec7111b19fe58ffebc0cbcaa0d2c8bda4967268
      Kind:        image
      Media type:  application/vnd.oci.image.manifest.v1+json
      Size:        248 B in 0 layers
      "
    `);
  });

  it('shows long values and long lists whole when asked', async () => {
    const labels = Object.fromEntries(
      Array.from({ length: 150 }, (_, i) => [`label.${String(i).padStart(3, '0')}`, 'v'.repeat(300)]),
    );
    const image = await webImage({ config: { Labels: labels } });
    const short = await textOf(image);
    expect(short).toContain('  … 50 more, all with --no-trunc or --json\n');
    expect(short).not.toContain('label.100');
    const whole = await textOf(image, {}, noLimits);
    expect(whole).toContain(`  label.149=${'v'.repeat(300)}\n`);
  });

  it('says that the history does not agree, and numbers nothing then', async () => {
    const text = await textOf(await webImage({ history: [{ created_by: 'a' }] }));
    expect(text).toMatch(/History, which does not agree with the layers:\n {2,}a\n/);
  });

  it('tells layers that are not like the others', async () => {
    const odd = [
      layerOf('plain', 10, { mediaType: mediaTypes.ociLayer }),
      layerOf('lazy', 10, { annotations: { 'io.containers.estargz.uncompressed-size': '4096' } }),
      layerOf('docker', 10, { mediaType: mediaTypes.dockerLayerGzip }),
      layerOf('zstd', 10, { mediaType: mediaTypes.ociLayerZstd }),
      layerOf('foreign', 10, { mediaType: mediaTypes.ociRestrictedLayerGzip, urls: ['https://example.com/x'] }),
      layerOf('zstd', 10, { mediaType: mediaTypes.ociLayerZstd }),
    ];
    const text = await textOf(await webImage({ rootfs: {}, history: [] }, { layers: odd }));
    expect(text).toContain('in 6 layers, 5 of them different\n');
    const types = text
      .split('Layers:\n')[1]
      ?.split('\n')
      .map((line) => line.replace(/sha256:[a-f0-9]{64}/, 'DIGEST'));
    expect(types).toEqual([
      '  1  10 B    (10 B)  DIGEST  tar',
      '  2  10 B  (4.1 kB)  DIGEST  tar+gzip',
      '  3  10 B            DIGEST  tar+gzip, as of Docker',
      '  4  10 B            DIGEST  tar+zstd',
      '  5  10 B            DIGEST  tar+gzip, foreign, at htt…',
      '  6  10 B            DIGEST  tar+zstd',
      '',
    ]);
  });

  it('cannot move the cursor, colour the terminal, or look like more lines than there are', async () => {
    const evil = '\u001b[31mred\u001b[0m\r\nName:        other\u0007\u0085\u2028end\t|';
    const image = await webImage(
      {
        os: evil,
        author: evil,
        config: { Labels: { [evil]: evil }, Env: [evil], Cmd: [evil], User: evil, ExposedPorts: { [evil]: {} } },
        history: [{ created_by: evil }, { comment: evil }, { author: evil }],
      },
      {
        annotations: { [evil]: evil },
        artifactType: evil,
        layers: [layerOf('a', 1, { mediaType: mediaTypes.ociLayerGzip }), layerOf('a', 1, { mediaType: evil })],
      },
    );
    const text = await textOf(image, {}, noLimits);
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(text.match(/^Name:/gm)?.length).toBe(1);
  });
});

describe('the summary of an index, for people', () => {
  it('has a table of platforms, attestations apart, and the image for linux/amd64', async () => {
    const [amd64, arm64] = [await webImage(), await imageFor('linux', 'arm64')];
    const inner = await indexOf([[arm64]]);
    const [forAmd64, forArm64, unknown] = platforms('linux/amd64', 'linux/arm64/v8', 'unknown/unknown');
    const index = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [
        { ...amd64.root, platform: forAmd64 },
        // As crane lists images.
        { ...arm64.root, platform: forArm64, artifactType: mediaTypes.ociConfig },
        { ...arm64.root, platform: unknown, annotations: { 'vnd.docker.reference.digest': amd64.root.digest } },
        inner.root,
        { ...arm64.root, artifactType: 'application/vnd.example' },
      ],
      annotations: { 'org.opencontainers.image.created': '2024-05-22T18:18:12Z' },
    };
    const { store } = amd64;
    const root = await store.add(Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex);
    const text = await textOf({ store, root });
    expect(text.slice(0, text.indexOf('Platform:    linux/amd64'))).toMatchInlineSnapshot(`
      "Name:        app:v1
      Digest:      sha256:7e395fe5ac6e75e63002bd190d315b5e6198ec6245d69f709b403c826c4ed98e
      Kind:        index
      Media type:  application/vnd.oci.image.index.v1+json
      Created:     2024-05-22T18:18:12Z

      Annotations:
        org.opencontainers.image.created=2024-05-22T18:18:12Z

      Platforms:
        linux/amd64     sha256:32c13a8e970ed3d0b87453cac026bd7b5252ea7c438f67a73ed65353d243a80c
        linux/arm64/v8  sha256:277212d19ea1a74d4fc2348f2d20a1491c50d5c66d89eb52cd6e718b0c4bdf4d

      Attestations:
        linux/amd64  sha256:277212d19ea1a74d4fc2348f2d20a1491c50d5c66d89eb52cd6e718b0c4bdf4d

      Other entries:
        index     sha256:51d3e6cdcebb6d83aefdb5dc9f27a149fc8e929530eccd6508d8535f88c891a0
        artifact  sha256:277212d19ea1a74d4fc2348f2d20a1491c50d5c66d89eb52cd6e718b0c4bdf4d  application/vnd.example

      Image for linux/amd64 (another with --platform):
      Digest:      sha256:32c13a8e970ed3d0b87453cac026bd7b5252ea7c438f67a73ed65353d243a80c
      Media type:  application/vnd.oci.image.manifest.v1+json
      "
    `);
    expect(text).toContain('Base:        debian:12\n');
  });

  it('has the sizes that were asked for', async () => {
    const text = await textOf(await goldenImage('multi', 'oci'), { sizes: true });
    expect(text).toContain('Size:        4.1 kB with all that it lists\n');
    expect(text).toMatch(/ {2}linux\/arm64\/v8 {2}sha256:[a-f0-9]{64} {2}1\.4 kB\n/);
  });
});

describe('the summary of anything else, for people', () => {
  it('has the type of an artifact and its blobs', async () => {
    expect(await textOf(await goldenImage('art', 'v1'))).toMatchInlineSnapshot(`
      "Name:        app:v1
      Digest:      sha256:603de9119ab5f61de75c0718aa1f43503258470488494619d3fcfb54fc20f4d6
      Kind:        artifact, application/vnd.example
      Media type:  application/vnd.oci.image.manifest.v1+json
      Size:        498 B in 1 blob

      Config:
        2 B  sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  application/vnd.oci.empty.v1+json

      Blobs:
        14 B  sha256:d1cc3064379fca32757730461bd728cb7de430e46a0046aa59ab55c65be7ce3b  a.txt  text/plain
      "
    `);
  });

  it('has tags and referrers that were asked for', async () => {
    const { digest, mediaType } = describeBytes(Buffer.from('x'), mediaTypes.ociManifest);
    const other = describeBytes(Buffer.from('y'), mediaTypes.ociManifest).digest;
    const summary = await inspectImage(await imageOfDocuments('{}'));
    const base = { ...summary, digest };
    const referrer = { digest: other, mediaType, size: 1, annotations: {} };
    const lines = (more: Partial<ImageSummary>): readonly string[] =>
      summaryText('app', { ...base, ...more } as ImageSummary, usualLimits)
        .split('\n')
        .slice(5);
    expect(lines({ tags: { same: [], total: 7, complete: false } })).toEqual([
      'Tags:        not known, there are 7',
      '',
    ]);
    expect(lines({ tags: { same: [], total: 7, complete: true } })).toEqual(['Tags:        none of 7', '']);
    expect(
      lines({
        tags: {
          same: [
            { tag: 'v1', digest },
            { tag: 'amd64', digest: other },
          ],
          total: 7,
          complete: true,
        },
      }),
    ).toEqual(['', 'Tags, 2 of 7:', '  v1', '  amd64  (the image)', '']);
    expect(
      lines({
        referrers: [
          { ...referrer, subject: digest, artifactType: 'application/x.sbom' },
          { ...referrer, subject: other, tag: 'sha256-x.sig' },
        ],
      }),
    ).toEqual(['', 'Referrers, 2:', `  ${other}  application/x.sbom`, `  ${other}  sha256-x.sig  (of the image)`, '']);
  });
});
