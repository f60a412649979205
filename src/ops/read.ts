import { type ByteStream, streamOf } from '../content/bytes.ts';
import { maxConfigSize, maxManifestSize } from '../content/limit.ts';
import { collectVerified, VerifiedStream } from '../content/verify.ts';
import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type ImageConfig, parseImageConfig } from '../oci/image-config.ts';
import { type ImageManifest, type Manifest, parseManifest } from '../oci/manifest.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ContentSource } from '../store/store.ts';

/**
 * Opens content, from the descriptor's own `data` where it carries any. OCI image-spec, descriptor.md "Embedded content".
 *
 * @throws {OciError} `NOT_FOUND`; while reading `DIGEST_MISMATCH`, `SIZE_MISMATCH`
 */
export async function openContent(
  store: ContentSource,
  target: Descriptor,
  options: CallOptions = {},
): Promise<ByteStream> {
  if (target.data === undefined) return store.fetch(target, options);
  return VerifiedStream.of(streamOf(Buffer.from(target.data, 'base64')), target);
}

/**
 * The manifest of an artifact, byte for byte and undecoded.
 *
 * @throws {OciError} `NOT_FOUND`, `LIMIT_EXCEEDED`
 */
export async function rawManifestOf({ store, root }: Artifact, options: CallOptions = {}): Promise<Uint8Array> {
  return collectVerified(await openContent(store, root, options), root, maxManifestSize);
}

/**
 * The decoded manifest of an artifact, with its bytes.
 *
 * @throws {OciError} `NOT_FOUND`, `INVALID_MANIFEST`, `LIMIT_EXCEEDED`
 */
export async function manifestOf(artifact: Artifact, options: CallOptions = {}): Promise<Manifest> {
  return parseManifest(await rawManifestOf(artifact, options), artifact.root);
}

/**
 * The manifest of an artifact that has to be an image or shaped like one.
 *
 * @throws {OciError} `UNSUPPORTED` for an index and for Docker schema 1
 */
export async function imageManifestOf(artifact: Artifact, options: CallOptions = {}): Promise<ImageManifest> {
  const manifest = await manifestOf(artifact, options);
  if (manifest.kind === 'image') return manifest.image;
  throw noImage(artifact.root, manifest.kind);
}

/** The failure to treat as an image what is none. */
export function noImage({ mediaType, digest }: Descriptor, kind: 'index' | 'schema1'): OciError {
  return new OciError('UNSUPPORTED', `${digest} is no image but ${mediaType}`, {
    hint:
      kind === 'index'
        ? 'Choose one of its images with --platform'
        : 'Docker schema 1 is abolished; push the image again with a current tool',
  });
}

/** The bytes of an image's config blob. */
export async function rawConfigOf(artifact: Artifact, options: CallOptions = {}): Promise<Uint8Array> {
  const { config } = await imageManifestOf(artifact, options);
  return readConfig(artifact.store, config, options);
}

/**
 * The bytes of a config blob in hand by its descriptor.
 *
 * @throws {OciError} `LIMIT_EXCEEDED`
 */
export async function readConfig(
  store: ContentSource,
  config: Descriptor,
  options: CallOptions = {},
): Promise<Uint8Array> {
  return collectVerified(await openContent(store, config, options), config, maxConfigSize);
}

/**
 * The decoded config of an image.
 *
 * @throws {OciError} `INVALID_CONFIG`
 */
export async function configOf(artifact: Artifact, options: CallOptions = {}): Promise<ImageConfig> {
  const { config } = await imageManifestOf(artifact, options);
  return parseImageConfig(await readConfig(artifact.store, config, options), config.digest);
}

/** The layers of an image, base first. */
export async function layersOf(artifact: Artifact, options: CallOptions = {}): Promise<readonly Descriptor[]> {
  return (await imageManifestOf(artifact, options)).layers;
}
