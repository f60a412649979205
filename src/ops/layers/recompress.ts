import { Limiter } from '../../async/limiter.ts';
import { linkedAbort } from '../../async/linked-abort.ts';
import { pipe } from '../../content/bytes.ts';
import { type Compression, compressing, decompressor, detectCompression } from '../../content/compression.ts';
import { Digester } from '../../content/hash.ts';
import type { SpoolOptions } from '../../content/spool.ts';
import { VerifiedStream } from '../../content/verify.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../../oci/digest.ts';
import type { DescriptorDocument, ImageDocument } from '../../oci/document/manifest-document.ts';
import { parseImageConfig } from '../../oci/image-config.ts';
import type { ImageManifest } from '../../oci/manifest.ts';
import { isNonDistributableType } from '../../oci/media-type.ts';
import { familyOf, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { Artifact } from '../../store/artifact.ts';
import { StagingStore } from '../../store/staging.ts';
import { openContent, readConfig } from '../read.ts';
import { converted, convertedIndexType } from './convert-media-types.ts';
import { layerType } from './new-layer.ts';
import { noted } from './pack-layer.ts';
import { unclosed, unreadable } from './unreadable-layer.ts';
import { type ImageRewriter, rewriteImages, type RewriteOptions, type RewrittenArtifact } from './rewrite-images.ts';

export interface RecompressOptions extends RewriteOptions, Pick<SpoolOptions, 'directory'> {
  /** Give everything the media types of a family at the same time. @default each manifest keeps its family */
  readonly format?: MediaTypeFamily | undefined;
  /**
   * Most bytes of a layer without compression, against bombs: a few MiB can stand for terabytes.
   *
   * @default 16 GiB, or 200 times the size the layer has when that is more
   */
  readonly limit?: number | undefined;
  /** How many layers are worked on at once. @default 1 for gzip, which takes all threads for one; 2 for others */
  readonly concurrency?: number | undefined;
}

/** Real layers shrink to a third; gzip cannot do more than 1032 to one. */
const bytesPerByte = 200;
const alwaysBytes = 16 * 1024 ** 3;

/**
 * An image, or all images of an index, with its layers compressed anew. A layer that is compressed that way already stays as it
 * is, unread, unless a level is given. Diff IDs are checked and do not change, so configs keep their bytes; layers that images share are
 * worked on once; layers that may not be passed on stay. Layers are told by their bytes, not by their types.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no image, for zstd among Docker's media types and on a runtime without it;
 *   `DIGEST_MISMATCH` when a layer is not what the config lists; `INVALID_CONFIG`, `INVALID_ARCHIVE`, `LIMIT_EXCEEDED`
 */
export async function recompress(
  artifact: Artifact,
  compression: Compression,
  options: RecompressOptions = {},
): Promise<RewrittenArtifact> {
  const staging = new StagingStore({ directory: options.directory });
  return rewriteImages(artifact, staging, new Recompression(artifact, compression, staging, options), options);
}

/** What a layer has become. */
type Packed = Pick<Descriptor, 'digest' | 'size'>;

class Recompression implements ImageRewriter {
  readonly #artifact: Artifact;
  readonly #compression: Compression;
  readonly #staging: StagingStore;
  readonly #options: RecompressOptions;
  readonly #limiter: Limiter;
  readonly #done = new Map<Digest, Promise<Packed & { readonly diffId: Digest }>>();

  constructor(artifact: Artifact, compression: Compression, staging: StagingStore, options: RecompressOptions) {
    // A level that is none is told before anything is read.
    compressing(compression);
    this.#artifact = artifact;
    this.#compression = compression;
    this.#staging = staging;
    this.#options = options;
    this.#limiter = new Limiter(options.concurrency ?? (compression.kind === 'gzip' ? 1 : 2));
  }

  async image(
    document: ImageDocument,
    image: ImageManifest,
    type: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ImageDocument> {
    const { format } = this.#options;
    const mediaType = layerType(format ?? familyOf(type) ?? 'oci', this.#compression.kind);
    const packed = await this.#packAll(image.layers, await this.#diffIds(image, signal), signal);
    const layers = packed.map((one, i) =>
      rewritten(document.layers?.[i] ?? {}, image.layers[i] as Descriptor, one, mediaType),
    );
    const same = layers.every((layer, i) => layer === document.layers?.[i]);
    const after = same ? document : { ...document, layers };
    return format === undefined ? after : converted(after, type, format);
  }

  indexType(mediaType: string, entries: readonly DescriptorDocument[]): string {
    const { format } = this.#options;
    return format === undefined ? mediaType : convertedIndexType(mediaType, entries, format);
  }

  async #diffIds({ config, layers }: ImageManifest, signal: AbortSignal): Promise<readonly Digest[]> {
    const bytes = await readConfig(this.#artifact.store, config, { signal });
    const { rootfs } = parseImageConfig(bytes, config.digest);
    if (rootfs.diff_ids.length === layers.length) return rootfs.diff_ids;
    throw new OciError(
      'INVALID_CONFIG',
      `Config ${config.digest} has ${rootfs.diff_ids.length} diff IDs for ${layers.length} layers`,
    );
  }

  /** Rejects only after everything has settled. */
  async #packAll(
    layers: readonly Descriptor[],
    diffIds: readonly Digest[],
    parent: AbortSignal,
  ): Promise<readonly Packed[]> {
    const abort = linkedAbort(parent);
    try {
      const tasks = layers.map((layer, i) => this.#layer(layer, diffIds[i] as Digest, abort.signal));
      for (const task of tasks) task.catch((error: unknown) => abort.abort(error));
      await Promise.allSettled(tasks);
      abort.signal.throwIfAborted();
      return await Promise.all(tasks);
    } finally {
      abort.unlink();
    }
  }

  async #layer(layer: Descriptor, diffId: Digest, signal: AbortSignal): Promise<Packed> {
    if (isNonDistributableType(layer.mediaType)) return layer;
    const key = layer.digest;
    const known = this.#done.get(key) ?? this.#limiter.run(() => this.#pack(layer, diffId, signal), signal);
    this.#done.set(key, known);
    const packed = await known;
    if (packed.diffId !== diffId) throw wrongDiffId(layer, packed.diffId, diffId);
    return packed;
  }

  async #pack(layer: Descriptor, diffId: Digest, signal: AbortSignal): Promise<Packed & { readonly diffId: Digest }> {
    const content = VerifiedStream.of(await openContent(this.#artifact.store, layer, { signal }), layer);
    const chunks = unclosed(content);
    try {
      return await this.#packContent(chunks, layer, diffId, signal);
    } catch (error) {
      throw await unreadable(error, layer, content, chunks);
    } finally {
      await content.cancel();
    }
  }

  async #packContent(
    chunks: AsyncIterable<Uint8Array>,
    layer: Descriptor,
    diffId: Digest,
    signal: AbortSignal,
  ): Promise<Packed & { readonly diffId: Digest }> {
    const { compression, stream } = await detectCompression(chunks);
    const { kind, level } = this.#compression;
    if (compression === kind && level === undefined) {
      // What is not compressed has its diff ID for a digest, unless it is in truth compressed in a way nobody knows.
      if (kind === 'none' && isOtherContent(layer.digest, diffId)) throw wrongDiffId(layer, layer.digest, diffId);
      return { digest: layer.digest, size: layer.size, diffId };
    }
    const { limit = Math.max(alwaysBytes, bytesPerByte * layer.size) } = this.#options;
    const digester = new Digester(algorithmOf(diffId));
    // Without compression the size is that of the descriptor, which is verified.
    const tar = compression === 'none' ? stream : pipe(stream, decompressor(compression, { limit }));
    const anew = pipe(tar, (chunks) => compressing(this.#compression)(noted(chunks, digester)));
    const { digest, size } = await this.#staging.ingest(anew, layer.mediaType, { signal });
    const actual = digester.finish();
    if (actual !== diffId) throw wrongDiffId(layer, actual, diffId);
    return { digest, size, diffId };
  }
}

function rewritten(
  entry: DescriptorDocument,
  before: Descriptor,
  { digest, size }: Packed,
  mediaType: string,
): DescriptorDocument {
  if (isNonDistributableType(before.mediaType)) return entry;
  if (digest === before.digest) return mediaType === before.mediaType ? entry : { ...entry, mediaType };
  const kept = Array.from(entry.annotations ?? []).filter(([key]) => !aboutBytes.test(key));
  // What is embedded, and what addresses lead to, are the old bytes.
  return { ...entry, mediaType, digest, size, data: undefined, urls: undefined, annotations: new Map(kept) };
}

/** Annotations of eStargz and zstd:chunked, which tell where things are in the compressed bytes. */
const aboutBytes =
  /^(?:containerd\.io\/snapshot\/stargz\/|io\.containers\.estargz\.|io\.(?:github\.)?containers\.zstd-chunked\.)/;

function isOtherContent(digest: Digest, diffId: Digest): boolean {
  return algorithmOf(digest) === algorithmOf(diffId) && digest !== diffId;
}

function wrongDiffId(layer: Descriptor, actual: Digest, expected: Digest): OciError {
  return new OciError(
    'DIGEST_MISMATCH',
    `The diff ID of the layer ${layer.digest} is ${actual}, but the config says ${expected}`,
    { hint: 'The image is not what its config says; push it again from its source' },
  );
}
