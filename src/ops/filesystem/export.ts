import { linkedAbort } from '../../async/linked-abort.ts';
import { untilAborted } from '../../content/abort.ts';
import type { ByteStream } from '../../content/bytes.ts';
import { decompress } from '../../content/compression.ts';
import { decodeText } from '../../content/tar/text.ts';
import { OciError, quoted } from '../../errors.ts';
import type { ContentId, Descriptor } from '../../oci/descriptor.ts';
import { type Digest, parseDigest } from '../../oci/digest.ts';
import { isImageConfigType, isLayerType } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { TransferOptions } from '../../store/progress.ts';
import type { ContentSource } from '../../store/store.ts';
import { configOf, imageManifestOf, manifestOf } from '../read.ts';
import type { LayerLog } from './layer-log.ts';
import { Limits } from './limits.ts';
import { Merge } from './merge.ts';
import { PagedMemory } from './paged-memory.ts';
import { planOf } from './plan.ts';
import { type LayerToScan, openLayer, release, scanLayer } from './scan-layer.ts';
import { type ReadLayerOptions, UnpackedLayer } from './unpacked-layer.ts';
import { writeLayers } from './write-layers.ts';

/** One is decompressed on another thread while the names of another are noted. */
const layersAtOnce = 2;

export interface MergeLayersOptions extends TransferOptions {
  /**
   * Most bytes that the layers may have when they are decompressed, against bombs.
   *
   * @default 16 GiB, or 200 times what the layers have as they are stored when that is more
   */
  readonly maxBytes?: number | undefined;
  /**
   * Most entries of all layers together.
   *
   * @default 16_777_216
   */
  readonly maxEntries?: number | undefined;
  /**
   * Bytes of memory for names, kinds and links of the entries, which take about 100 bytes each. What does not fit lies in a
   * temporary file.
   *
   * @default 12 MiB
   */
  readonly maxMemory?: number | undefined;
  /**
   * Where the layers are kept while they are read, decompressed: as much room as they take has to be there.
   *
   * @default the system's directory for temporary files
   */
  readonly temporaryDirectory?: string | undefined;
}

export interface ExportFilesystemOptions extends MergeLayersOptions, ReadLayerOptions {
  /**
   * Only what is there and below, under its whole name. Symbolic links on the way are followed, the last one is not.
   *
   * @default the whole file system
   */
  readonly path?: string | undefined;
}

export interface FlattenedTarOptions extends MergeLayersOptions {
  /**
   * Leave this many of the lowest layers out: the archive is then a layer over them, with whiteouts for what the others
   * remove of them.
   *
   * @default 0
   */
  readonly fromLayer?: number | undefined;
}

/**
 * The file system of an image as an uncompressed tar archive. The layers are applied as the OCI image-spec has it (layer.md
 * "Applying Changesets"), and all of them are verified, diff IDs included, before the first byte comes. An artifact of one
 * layer that is no file system is given as it is, decompressed. Images of Docker's schema 1 are read as well.
 * crane-cli reference, section 9.11.
 *
 * A stream that fails has no end-of-archive mark.
 *
 * @throws {OciError} while reading: `UNSUPPORTED` for an index or an artifact of several layers, `NOT_FOUND` for content or
 *   the path, `INVALID_ARCHIVE`, `INVALID_CONFIG`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `LIMIT_EXCEEDED`, `FILE_SYSTEM`
 */
export function exportFilesystem(artifact: Artifact, options: ExportFilesystemOptions = {}): ByteStream {
  return lazily(options, async function* open(own) {
    const { layers, diffIds } = await layersOfImage(artifact, own);
    const [only] = layers;
    if (diffIds === undefined && layers.length === 1 && only !== undefined && !isLayerType(only.mediaType)) {
      if (own.path !== undefined) throw noPaths(artifact.root);
      yield* contentOf(artifact, only, own);
    } else yield* merged(artifact, layers, diffIds ?? [], 0, own.path ?? '', own);
  });
}

/**
 * The layers of an image as the uncompressed content of one: what {@link exportFilesystem} gives, or a layer in place of
 * the uppermost ones.
 *
 * @throws {RangeError} when there is no such layer
 * @throws {OciError} while reading: as `exportFilesystem`; `UNSUPPORTED` also for an artifact that is no image, and when
 *   `fromLayer` cuts a hard link from its target
 */
export function flattenedTar(artifact: Artifact, options: FlattenedTarOptions = {}): ByteStream {
  return lazily(options, async function* open(own) {
    const { layers, diffIds } = await layersOfImage(artifact, own);
    if (diffIds === undefined) throw noImage(artifact.root);
    const { fromLayer = 0 } = own;
    if (!Number.isInteger(fromLayer) || fromLayer < 0 || (fromLayer > 0 && fromLayer >= layers.length)) {
      throw new RangeError(`The image has ${layers.length} layers, and no layer ${fromLayer}`);
    }
    yield* merged(artifact, layers, diffIds, fromLayer, '', own);
  });
}

/** {@link flattenedTar} of an image whose manifest and config are in hand. `fromLayer` has to be in its range. */
export function mergedTar(
  artifact: Artifact,
  layers: readonly Descriptor[],
  diffIds: readonly Digest[],
  options: FlattenedTarOptions & ReadLayerOptions,
): ByteStream {
  return lazily(options, (own) => merged(artifact, layers, diffIds, own.fromLayer ?? 0, '', own));
}

interface ImageLayers {
  readonly layers: readonly Descriptor[];
  /** One for each layer; absent for what has no image config. */
  readonly diffIds: readonly Digest[] | undefined;
}

async function layersOfImage(artifact: Artifact, options: TransferOptions): Promise<ImageLayers> {
  const manifest = await manifestOf(artifact, options);
  if (manifest.kind === 'schema1') {
    const layers = await withSizes(artifact, manifest.layers.toReversed(), options);
    return { layers, diffIds: undefined };
  }
  const { config, layers } = manifest.kind === 'image' ? manifest.image : await imageManifestOf(artifact, options);
  if (!isImageConfigType(config.mediaType)) {
    const other = layers.find(({ mediaType }) => !isLayerType(mediaType));
    if (other === undefined || layers.length === 1) return { layers, diffIds: undefined };
    throw new OciError(
      'UNSUPPORTED',
      `${artifact.root.digest} is an artifact of ${layers.length} layers, one of them ${quoted(other.mediaType)}, and no file system`,
      { hint: 'Read its layers one by one with crane blob' },
    );
  }
  const { rootfs } = await configOf(artifact, options);
  const diffIds = (rootfs?.diff_ids ?? []).map((text) => parseDigest(text));
  if (diffIds.length === layers.length) return { layers, diffIds };
  throw new OciError(
    'INVALID_CONFIG',
    `The config ${config.digest} has ${diffIds.length} diff IDs, but the image has ${layers.length} layers`,
  );
}

/** Docker schema 1 says nothing of its layers but their digests. */
async function withSizes(
  { store, root }: Artifact,
  layers: readonly ContentId[],
  options: CallOptions,
): Promise<Descriptor[]> {
  const found = new Map<Digest, Descriptor>();
  for (const layer of layers) {
    if (found.has(layer.digest)) continue;
    const stated = await store.stat(layer, options);
    if (stated === undefined) throw new OciError('NOT_FOUND', `Layer ${layer.digest} of ${root.digest} is not there`);
    found.set(layer.digest, { ...layer, size: stated.size });
  }
  return layers.map(({ digest }) => found.get(digest) as Descriptor);
}

async function* contentOf(
  { store }: Artifact,
  layer: Descriptor,
  options: MergeLayersOptions,
): AsyncGenerator<Uint8Array, void> {
  const limits = new Limits([layer], options.maxEntries, options.maxBytes);
  const opened = await openLayer(store, layer, options);
  try {
    const { stream } = await decompress(untilAborted(opened, options.signal), { limit: limits.maxBytes });
    yield* stream;
    options.onProgress?.({ type: 'finish', target: layer });
  } finally {
    await release(opened, options.signal);
  }
}

async function* merged(
  { store }: Artifact,
  all: readonly Descriptor[],
  diffIds: readonly Digest[],
  from: number,
  path: string,
  options: MergeLayersOptions & ReadLayerOptions,
): AsyncGenerator<Uint8Array, void> {
  const memory = new PagedMemory({ size: options.maxMemory, directory: options.temporaryDirectory });
  const layers = all.slice(from).map((layer, index) => ({
    layer,
    diffId: diffIds[from + index],
    unpacked: new UnpackedLayer(memory, options.temporaryDirectory),
  }));
  try {
    const limits = new Limits(all.slice(from), options.maxEntries, options.maxBytes);
    const merge = new Merge({ memory, maxEntries: limits.maxEntries, keepsWhiteouts: from > 0 });
    await mergeAll(merge, store, layers, limits, options);
    checkOutside(merge);
    const unpacked = layers.map((layer) => layer.unpacked);
    const plan = await planOf(merge, { memory, layers: layers.length, path, signal: options.signal });
    yield* writeLayers(merge, plan, unpacked, options);
  } finally {
    memory[Symbol.dispose]();
    await Promise.all(layers.map(({ unpacked }) => unpacked[Symbol.asyncDispose]()));
  }
}

/** Scans a few layers at a time and applies them in their order. */
async function mergeAll(
  merge: Merge,
  store: ContentSource,
  layers: readonly LayerToScan[],
  limits: Limits,
  options: TransferOptions,
): Promise<void> {
  const task = linkedAbort(options.signal);
  const scans = new Map<number, Promise<LayerLog>>();
  let started = 0;
  try {
    for (const index of layers.keys()) {
      for (const layer of layers.slice(started, index + layersAtOnce)) {
        const scan = scanLayer(store, layer, merge, limits, {
          ...options,
          signal: task.signal,
        });
        // It is awaited in its turn, maybe after another has failed.
        scan.catch(() => {});
        scans.set(started++, scan);
      }
      const log = await scans.get(index);
      if (log === undefined) break;
      await merge.apply(log, index, task);
      // It can be large.
      log.clear();
      scans.delete(index);
    }
  } finally {
    task.abort(new Error('Another layer failed'));
    await Promise.allSettled(scans.values());
    task.unlink();
  }
}

/** A hard link to a lower layer works only as long as nothing of ours hides what it leads to. */
function checkOutside(merge: Merge): void {
  for (const target of merge.outside()) {
    if (!merge.isHidden(target)) continue;
    throw new OciError(
      'UNSUPPORTED',
      `A hard link leads to ${quoted(decodeText(target))} in a layer that is left out, and another layer removes it`,
      { hint: 'Flatten from a lower layer on, or the whole image' },
    );
  }
}

function noImage({ digest }: Descriptor): OciError {
  return new OciError('UNSUPPORTED', `${digest} is an artifact without an image config and cannot be flattened`);
}

function noPaths({ digest }: Descriptor): OciError {
  return new OciError(
    'UNSUPPORTED',
    `${digest} is an artifact of one file and no file system, so that nothing has a path`,
  );
}

/** A stream that begins when it is read, and whose tasks end when it is cancelled. */
function lazily<T extends TransferOptions>(
  options: T,
  open: (options: T) => AsyncGenerator<Uint8Array, void>,
): ByteStream {
  const task = linkedAbort(options.signal);
  async function* run(): AsyncGenerator<Uint8Array, void> {
    try {
      task.signal.throwIfAborted();
      yield* open({ ...options, signal: task.signal });
    } finally {
      task.unlink();
    }
  }
  const chunks = run();
  return {
    [Symbol.asyncIterator]: () => chunks,
    async cancel(reason) {
      task.abort(reason ?? new Error('The stream was cancelled'));
      task.unlink();
      // Awaited, so that no temporary file is left: with its signal aborted it waits for nothing.
      await chunks.return().catch(() => {});
    },
  };
}
