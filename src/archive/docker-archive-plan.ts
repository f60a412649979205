import { maxConfigSize, maxManifestSize } from '../content/limit.ts';
import { collectVerified } from '../content/verify.ts';
import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, hexOf } from '../oci/digest.ts';
import { parseImageConfig } from '../oci/image-config.ts';
import { compareUtf8, encodeJson, type JsonValue, sortedByKey } from '../oci/json.ts';
import { parseManifest } from '../oci/manifest.ts';
import { isNonDistributableType, mediaTypes } from '../oci/media-type.ts';
import { formatRepository, parseReference, type Reference } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ContentSource } from '../store/store.ts';

/** An image to write to an archive. */
export interface NamedImage {
  /** Its root is an image manifest; of an index an image has to be chosen first. */
  readonly artifact: Artifact;
  /** What the archive calls it, and what `docker load` then tags. @default no name */
  readonly name?: Reference | string | undefined;
}

/** What an image is made of, as its manifest says. */
export interface ImageParts {
  readonly store: ContentSource;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A file of an archive: from memory, or content that is fetched when its turn comes. */
export type PlannedFile =
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly store: ContentSource; readonly target: Descriptor };

/**
 * Decides the files of an archive as `docker load` reads it, in their order. crane-cli reference, section 13.1. Images come
 * in the order of their names, so that the same images give the same bytes.
 *
 * @throws {OciError} `UNSUPPORTED` when a root is no image manifest, and what reading manifests throws
 */
export async function planDockerArchive(
  images: readonly NamedImage[],
  options: CallOptions = {},
): Promise<readonly PlannedFile[]> {
  const named = distinctImages(images);
  const parts = await readImages(
    named.map(({ artifact }) => artifact),
    options,
  );
  const listed = parts.map((image, i) => ({ repoTag: named[i]?.repoTag, image }));
  listed.sort((a, b) => compareUtf8(a.repoTag ?? '', b.repoTag ?? ''));
  const files = new Map<string, PlannedFile>();
  const names = new Map<Digest, string>();
  const entries: JsonValue[] = [];
  for (const { repoTag, image } of listed) {
    const { config, layers, store } = image;
    files.set(config.digest, { name: config.digest, store, target: config });
    for (const target of layers) {
      if (names.has(target.digest)) continue;
      const name = `${hexOf(target.digest)}${extensionOf(target.mediaType)}`;
      names.set(target.digest, name);
      files.set(target.digest, { name, store, target });
    }
    entries.push({
      Config: config.digest,
      RepoTags: repoTag === undefined ? null : [repoTag],
      Layers: layers.map(({ digest }) => names.get(digest) ?? ''),
      LayerSources: await layerSourcesOf(image, options),
    });
  }
  return [...files.values(), { name: 'manifest.json', bytes: Buffer.from(encodeJson(entries)) }];
}

/**
 * Reads the manifests of images, all at once; none is still being read when another has failed.
 *
 * @throws {OciError} `UNSUPPORTED`, `INVALID_MANIFEST`, `LIMIT_EXCEEDED`
 */
export async function readImages(artifacts: readonly Artifact[], options: CallOptions): Promise<readonly ImageParts[]> {
  const reading = artifacts.map((artifact) => readImage(artifact, options));
  await Promise.allSettled(reading);
  return Promise.all(reading);
}

async function readImage({ store, root }: Artifact, { signal }: CallOptions): Promise<ImageParts> {
  const bytes = await collectVerified(await store.fetch(root, { signal }), root, maxManifestSize);
  const manifest = parseManifest(bytes, root);
  if (manifest.kind !== 'image') {
    throw new OciError(
      'UNSUPPORTED',
      `The manifest ${root.digest} is of the kind ${manifest.kind}, a docker archive holds images`,
      {
        hint:
          manifest.kind === 'index' ? 'Choose one image with --platform, or write an OCI archive or layout' : undefined,
      },
    );
  }
  const { config, layers } = manifest.image;
  return { store, config, layers };
}

/** @throws {OciError} `LIMIT_EXCEEDED`, and what fetching throws */
export async function readConfig({ store, config }: ImageParts, { signal }: CallOptions): Promise<Uint8Array> {
  return collectVerified(await store.fetch(config, { signal }), config, maxConfigSize);
}

/** Where layers came from that may not be passed on, by diff ID; nothing when there are none of these. */
export async function layerSourcesOf(image: ImageParts, options: CallOptions): Promise<JsonValue | undefined> {
  const { config, layers } = image;
  // The config is read for these alone; else it is fetched at the same time as the layers.
  if (!layers.some(({ mediaType }) => isNonDistributableType(mediaType))) return undefined;
  const diffIds = parseImageConfig(await readConfig(image, options), config.digest).rootfs.diff_ids;
  const sources: Record<string, JsonValue> = {};
  for (const [i, layer] of layers.entries()) {
    const diffId = diffIds[i];
    if (diffId !== undefined && isNonDistributableType(layer.mediaType)) sources[diffId] = descriptorJson(layer);
  }
  return sortedByKey(sources);
}

/** A descriptor with its members in Go's order. crane-cli reference, section 8. */
export function descriptorJson({ mediaType, size, digest, data, urls, annotations }: Descriptor): JsonValue {
  return {
    mediaType,
    size,
    digest,
    data,
    urls: urls === undefined || urls.length === 0 ? undefined : urls,
    annotations: annotations === undefined ? undefined : sortedByKey(annotations),
  };
}

interface DistinctImage {
  readonly artifact: Artifact;
  readonly repoTag: string | undefined;
}

/** The same name twice counts once. Digests of one repository are kept apart, where crane lets the last one win. */
function distinctImages(images: readonly NamedImage[]): readonly DistinctImage[] {
  const named = images.map(({ artifact, name }) => ({
    artifact,
    reference: typeof name === 'string' ? parseReference(name) : name,
  }));
  const digests = new Map<string, Set<Digest>>();
  for (const { artifact, reference } of named) {
    if (reference?.digest === undefined) continue;
    const repository = formatRepository(reference);
    digests.set(repository, (digests.get(repository) ?? new Set()).add(artifact.root.digest));
  }
  const distinct = new Map<string, DistinctImage>();
  for (const { artifact, reference } of named) {
    const repoTag = reference && repoTagOf(reference, artifact.root.digest, digests);
    distinct.set(repoTag ?? artifact.root.digest, { artifact, repoTag });
  }
  return Array.from(distinct.values());
}

/** As typed, with the tag that is implied: Docker and podman load no names without one. */
export function taggedName({ text, tag = 'latest' }: Reference): string {
  return tag === 'latest' && !text.endsWith(':latest') ? `${text}:latest` : text;
}

function repoTagOf(reference: Reference, root: Digest, digests: ReadonlyMap<string, ReadonlySet<Digest>>): string {
  if (reference.digest === undefined) return taggedName(reference);
  const repository = formatRepository(reference);
  const clash = (digests.get(repository)?.size ?? 0) > 1;
  return `${repository}:i-was-a-digest${clash ? `-${hexOf(root).slice(0, 12)}` : ''}`;
}

function extensionOf(mediaType: string): string {
  if (uncompressed.has(mediaType)) return '.tar';
  return zstd.has(mediaType) ? '.tar.zst' : '.tar.gz';
}

const uncompressed: ReadonlySet<string> = new Set([
  mediaTypes.ociLayer,
  mediaTypes.ociRestrictedLayer,
  mediaTypes.dockerLayer,
  mediaTypes.dockerForeignLayer,
]);
const zstd: ReadonlySet<string> = new Set([
  mediaTypes.ociLayerZstd,
  mediaTypes.ociRestrictedLayerZstd,
  mediaTypes.dockerLayerZstd,
]);
