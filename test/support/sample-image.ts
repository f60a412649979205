import { gzipSync } from 'node:zlib';
import { encodeTarHeader } from '../../src/content/tar/encode-header.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { blobOf, type Sample, type SampleImage } from '../conformance/samples.ts';

/** How a layer lies in the registry. */
export type LayerCompression = 'gzip' | 'zstd' | 'none';

export interface LayeredImageOptions {
  /** @default ['gzip'] */
  readonly layers?: readonly LayerCompression[];
  /** @default 'oci' */
  readonly family?: 'oci' | 'docker';
  /** Bytes of the file in each layer. @default 100 */
  readonly size?: number;
  /** @default 'amd64' */
  readonly architecture?: string;
}

/** An image whose layers are real tar archives and whose config lists them. */
export interface LayeredImage extends SampleImage {
  readonly config: Sample;
  readonly layers: readonly Sample[];
  /** Uncompressed, in the order of `layers`. */
  readonly tars: readonly Uint8Array[];
}

/** @param name makes it differ from others */
export function layeredImage(name: string, options: LayeredImageOptions = {}): LayeredImage {
  const { layers: compressions = ['gzip'], family = 'oci', size = 100, architecture = 'amd64' } = options;
  const tars = compressions.map((_, i) => tarOf({ [`${name}-${i}.txt`]: `${name} ${i} `.padEnd(size, 'x') }));
  const layers = tars.map((tar, i) => layerOf(tar, compressions[i] ?? 'gzip', family));
  const diffIds = tars.map((tar) => blobOf(tar).target.digest);
  const config = blobOf(
    JSON.stringify({ architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: diffIds } }),
    family === 'oci' ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
  );
  const mediaType = family === 'oci' ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  // In the order that crane writes, so that a docker archive of the image gets the same digest.
  const inOrder = ({ target: { mediaType: type, size: length, digest } }: Sample): object => ({
    mediaType: type,
    size: length,
    digest,
  });
  const manifest = { schemaVersion: 2, mediaType, config: inOrder(config), layers: layers.map(inOrder) };
  return { ...blobOf(JSON.stringify(manifest), mediaType), config, layers, tars, blobs: [config, ...layers] };
}

/** An OCI index over images, each with its platform. */
export function indexOf(images: Readonly<Record<string, SampleImage>>): Sample {
  const manifests = Object.entries(images).map(([platform, { target }]) => {
    const [os, architecture] = platform.split('/');
    return Object.assign({}, target, { platform: { os, architecture } });
  });
  return blobOf(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }), mediaTypes.ociIndex);
}

/** A tar archive of regular files, in the given order. */
export function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const entries = Object.entries(files).map(([name, content]) => {
    const body = Buffer.from(content);
    const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
    return Buffer.concat([encodeTarHeader({ name, mode: 0o644, size: body.length }), body, padding]);
  });
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}

/** What `docker save` writes of images, reduced to what readers need; layers as they are in the image. */
export function dockerTarball(images: Readonly<Record<string, LayeredImage>>): Buffer {
  const manifest = Object.entries(images).map(([name, { config, layers }]) => ({
    Config: `${hexOf(config)}.json`,
    RepoTags: [name],
    Layers: layers.map((layer) => `${hexOf(layer)}.tar`),
  }));
  const all = Object.values(images);
  return tarOf({
    ...Object.fromEntries(all.map(({ config }) => [`${hexOf(config)}.json`, config.bytes])),
    ...Object.fromEntries(all.flatMap(({ layers }) => layers).map((layer) => [`${hexOf(layer)}.tar`, layer.bytes])),
    'manifest.json': JSON.stringify(manifest),
  });
}

/** The files of an OCI image layout by their paths: a directory's, or those of an OCI archive. */
export function layoutFiles(
  samples: readonly Sample[],
  named: Readonly<Record<string, Sample>>,
): Record<string, Uint8Array> {
  const manifests = Object.entries(named).map(([name, { target }]) =>
    Object.assign({}, target, { annotations: { 'org.opencontainers.image.ref.name': name } }),
  );
  return {
    'oci-layout': Buffer.from('{"imageLayoutVersion":"1.0.0"}'),
    'index.json': Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })),
    ...Object.fromEntries(samples.map((sample) => [blobPath(sample), sample.bytes])),
  };
}

/** Where content lies in a layout. */
export function blobPath({ target: { digest } }: Sample): string {
  return `blobs/${digest.replace(':', '/')}`;
}

export function hexOf({ target: { digest } }: Sample): string {
  return digest.slice(digest.indexOf(':') + 1);
}

function layerOf(tar: Uint8Array, compression: LayerCompression, family: 'oci' | 'docker'): Sample {
  if (compression === 'none') return blobOf(tar, family === 'oci' ? mediaTypes.ociLayer : mediaTypes.dockerLayer);
  if (compression === 'zstd') return blobOf(zstdFrame(tar), mediaTypes.ociLayerZstd);
  return blobOf(gzipSync(tar), family === 'oci' ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayerGzip);
}

/** A zstd frame of raw blocks (RFC 8878, section 3.1.1): runtimes that tests run on cannot all compress. */
function zstdFrame(content: Uint8Array): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  header.writeUInt32LE(content.length, 5);
  const blocks: Buffer[] = [header];
  const blockSize = 64 * 1024;
  for (let at = 0; at < content.length; at += blockSize) {
    const block = content.subarray(at, at + blockSize);
    const head = Buffer.alloc(3);
    head.writeUIntLE((block.length << 3) | (at + blockSize >= content.length ? 1 : 0), 0, 3);
    blocks.push(head, Buffer.from(block));
  }
  return Buffer.concat(blocks);
}
