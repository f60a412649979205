import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { runCommand, succeeded } from './command.ts';

// Images put together with the system's tar, node:crypto and node:zlib alone: what the library says of them can be
// compared with something that shares no code with it.

/** A gzip-compressed layer in a layout. */
export interface LayerFile {
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
}

export interface ImageFiles {
  /** An OCI image layout with the image as its only entry. */
  readonly layout: string;
  readonly manifestDigest: string;
  readonly manifestBytes: string;
  readonly configDigest: string;
  readonly configBytes: string;
  readonly layers: readonly LayerFile[];
}

const created = '2024-01-01T00:00:00Z';

/** Streams what the system's tar makes of the arguments; the bytes depend on nothing but content and names. */
export async function* tarOf(args: readonly string[]): AsyncGenerator<Buffer, void> {
  const fixed = ['--sort=name', '--mtime=@1704067200', '--owner=0', '--group=0', '--numeric-owner', '--format=posix'];
  const times = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime';
  // Started when somebody reads: Node throws away what a process wrote that ended before.
  const child = spawn('tar', [...fixed, times, '-cf', '-', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  for await (const chunk of child.stdout) yield chunk as Buffer;
  const [code] = await closed;
  if (code !== 0) throw new Error(`tar ended with ${String(code)}`);
}

/** Compresses a tar into the blobs of a layout. Level 0 stores, for content that is random anyway. */
export async function writeLayer(layout: string, tar: AsyncIterable<Buffer>, level: number): Promise<LayerFile> {
  const blobs = join(layout, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const temporary = join(blobs, randomUUID());
  const diffId = createHash('sha256');
  const digest = createHash('sha256');
  let size = 0;
  await pipeline(
    Readable.from(tar),
    (chunks: AsyncIterable<Buffer>) => observed(chunks, (chunk) => diffId.update(chunk)),
    createGzip({ level, chunkSize: 256 * 1024 }),
    (chunks: AsyncIterable<Buffer>) => observed(chunks, (chunk) => (digest.update(chunk), (size += chunk.length))),
    createWriteStream(temporary),
  );
  const hex = digest.digest('hex');
  await rename(temporary, join(blobs, hex));
  return { digest: `sha256:${hex}`, size, diffId: `sha256:${diffId.digest('hex')}` };
}

/** Completes a layout that has its layers: config, manifest, index.json, oci-layout. */
export async function writeImage(
  layout: string,
  layers: readonly LayerFile[],
  settings: Readonly<Record<string, unknown>>,
): Promise<ImageFiles> {
  const configBytes = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created,
    config: settings,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, index) => ({ created, created_by: `layer ${index + 1}` })),
  });
  const config = await writeBlob(layout, 'application/vnd.oci.image.config.v1+json', configBytes);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const descriptors = layers.map(({ digest, size }) => ({ mediaType: layerType, digest, size }));
  const manifestBytes = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: descriptors });
  const manifest = await writeBlob(layout, mediaType, manifestBytes);
  const annotations = { 'org.opencontainers.image.ref.name': '1' };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  const digests = { manifestDigest: manifest.digest, configDigest: config.digest };
  return { layout, manifestBytes, configBytes, layers, ...digests };
}

/**
 * Writes a tarball as `docker save` did before it wrote layouts: `manifest.json`, config, layers. `compressed` keeps the
 * layers as they are in the layout, which engines read as well.
 */
export async function writeDockerTarball(
  image: ImageFiles,
  file: string,
  options: { readonly tag: string; readonly compressed: boolean },
): Promise<void> {
  const folder = `${file}.files`;
  await mkdir(folder, { recursive: true });
  const names = await Promise.all(image.layers.map((layer) => placeLayer(image, layer, folder, options.compressed)));
  const config = `${image.configDigest.slice('sha256:'.length)}.json`;
  await copyFile(blobPath(image.layout, image.configDigest), join(folder, config));
  const manifest = [{ Config: config, RepoTags: [options.tag], Layers: names }];
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  succeeded(
    await runCommand('tar', ['-cf', file, '-C', folder, 'manifest.json', config, ...names], { timeout: 300_000 }),
  );
  await rm(folder, { recursive: true });
}

export function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', digest.replace(':', '/'));
}

async function placeLayer(image: ImageFiles, layer: LayerFile, folder: string, compressed: boolean): Promise<string> {
  const hex = layer.diffId.slice('sha256:'.length);
  const source = blobPath(image.layout, layer.digest);
  if (compressed) {
    await link(source, join(folder, `${hex}.tar.gz`));
    return `${hex}.tar.gz`;
  }
  await mkdir(join(folder, hex));
  await pipeline(createReadStream(source), createGunzip(), createWriteStream(join(folder, hex, 'layer.tar')));
  return `${hex}/layer.tar`;
}

async function writeBlob(
  layout: string,
  mediaType: string,
  text: string,
): Promise<{ readonly mediaType: string; readonly digest: string; readonly size: number }> {
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  await writeFile(blobPath(layout, digest), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

async function* observed(
  chunks: AsyncIterable<Buffer>,
  observer: (chunk: Buffer) => void,
): AsyncGenerator<Buffer, void> {
  for await (const chunk of chunks) {
    observer(chunk);
    yield chunk;
  }
}
