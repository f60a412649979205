import { type Compression, compressing } from '../content/compression.ts';
import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type ConfigDocument, configDocument } from '../oci/document/config-document.ts';
import { descriptorDocument, type ImageDocument, imageDocument } from '../oci/document/manifest-document.ts';
import { familyOf } from '../oci/media-type-family.ts';
import type { Artifact } from '../store/artifact.ts';
import { OverlayStore } from '../store/overlay.ts';
import { StagingStore } from '../store/staging.ts';
import { changeImages, type ChangeImagesOptions } from './edit/change-images.ts';
import { contentOf, redescribe, redescribeRoot } from './edit/documents.ts';
import { mergedTar, type MergeLayersOptions } from './filesystem/export.ts';
import { flattenedConfig, lowerHistory } from './flatten-config.ts';
import { layerType } from './layers/new-layer.ts';
import { packLayer } from './layers/pack-layer.ts';
import { isImage, type RewrittenArtifact } from './layers/rewrite-images.ts';
import { manifestOf, readConfig } from './read.ts';

/** Of layers that {@link flatten} makes, unless another one is asked for. */
export const flattenedGzipLevel = 5;

export interface FlattenOptions
  extends MergeLayersOptions, Pick<ChangeImagesOptions, 'platforms' | 'includeChild' | 'attestations'> {
  /** Keep this many of the lowest layers as they are, with their history, and flatten those above. @default 0 */
  readonly fromLayer?: number | undefined;
  /** @default gzip, level 5: less than a percent more than the level 9 of crane, in a quarter of the processor time */
  readonly compression?: Compression | undefined;
  /** What config and history say when it was. @default now */
  readonly created?: Date | undefined;
  /** Whom the history names. @default 'crane' */
  readonly program?: string | undefined;
}

/**
 * An image, or the images of an index one by one, with all layers, or the uppermost ones, made one. Everything else stays:
 * config, annotations, subject, media types of their family, members nobody knows. The history becomes one step, with the
 * former steps in its comment, as crane has it. Images whose layers are the same share the result, which depends on nothing
 * but them, the compression and `created`. crane-cli reference, section 9.12.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no image and no index with images, for zstd among Docker's media types, and
 *   when `fromLayer` cuts a hard link from its target; `OUT_OF_RANGE` for an image that has not more layers than `fromLayer`;
 *   `INVALID_CONFIG` when history or diff IDs do not fit the layers; and as `exportFilesystem` and `changeImages`
 */
export async function flatten(artifact: Artifact, options: FlattenOptions = {}): Promise<RewrittenArtifact> {
  const staging = new StagingStore({ directory: options.temporaryDirectory });
  try {
    const flattening = new Flattening(staging, options);
    const root = await changeImages(artifact, staging, (image, { signal }) => flattening.image(image, signal), {
      ...options,
      // Each keeps the processors busy by itself, and has its own buffers.
      concurrency: 1,
    });
    if (flattening.count === 0) throw cannotFlatten(artifact.root);
    const store = new OverlayStore(staging, artifact.store);
    return { store, root, [Symbol.asyncDispose]: () => staging[Symbol.asyncDispose]() };
  } catch (error) {
    await staging[Symbol.asyncDispose]();
    throw error;
  }
}

/** A layer that was made, in the staging store. */
interface MadeLayer extends Pick<Descriptor, 'digest' | 'size'> {
  readonly diffId: Digest;
}

class Flattening {
  readonly #staging: StagingStore;
  readonly #options: FlattenOptions;
  readonly #compression: Compression;
  readonly #created: string;
  /** By the layers that they were made of. */
  readonly #made = new Map<string, MadeLayer>();
  #count = 0;

  constructor(staging: StagingStore, options: FlattenOptions) {
    this.#staging = staging;
    this.#options = options;
    this.#compression = options.compression ?? { kind: 'gzip', level: flattenedGzipLevel };
    // A level that is none is told before anything is read.
    compressing(this.#compression);
    this.#created = (options.created ?? new Date()).toISOString();
  }

  /** Images flattened so far. */
  get count(): number {
    return this.#count;
  }

  async image(image: Artifact, signal: AbortSignal): Promise<Descriptor> {
    const { store, root } = image;
    const { fromLayer = 0, program = 'crane' } = this.#options;
    const manifest = await manifestOf(image, { signal });
    if (manifest.kind !== 'image' || !isImage(manifest.image)) return root;
    this.#count++;
    const document = imageDocument.parse(manifest.bytes, `Manifest ${root.digest}`);
    const configAt = contentOf(document.config, `The config of ${root.digest}`);
    const what = `Config ${configAt.digest}`;
    const config = configDocument.parse(await readConfig(store, configAt, { signal }), what);
    const { layers } = manifest.image;
    checkLayers(root, layers, config, fromLayer, what);
    const lower = lowerHistory(config.history, fromLayer, layers.length, what);
    // Told before the work is done.
    const mediaType = layerType(familyOf(document.mediaType || root.mediaType) ?? 'oci', this.#compression.kind);
    const { diffId, ...made } = await this.#layer(image, layers, config.rootfs?.diff_ids ?? [], mediaType, signal);
    const step = { created: this.#created, createdBy: `${program} flatten ${root.digest}` };
    const configAfter = flattenedConfig(config, { fromLayer, diffId, lower, step });
    const kept = (document.layers ?? []).slice(0, fromLayer);
    return this.#write(
      root,
      { ...document, layers: [...kept, descriptorDocument({ ...made, mediaType })] },
      configAfter,
    );
  }

  async #layer(
    image: Artifact,
    layers: readonly Descriptor[],
    diffIds: readonly Digest[],
    mediaType: string,
    signal: AbortSignal,
  ): Promise<MadeLayer> {
    const { fromLayer = 0, temporaryDirectory: directory } = this.#options;
    const key = [...layers.slice(fromLayer).map(({ digest }) => digest), ...diffIds.slice(fromLayer)].join();
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    // What compresses with gzip has copied a chunk before it asks for the next one.
    const reusesChunks = this.#compression.kind === 'gzip';
    const tar = mergedTar(image, layers, diffIds, { ...this.#options, reusesChunks, signal });
    const packed = await packLayer(tar, mediaType, compressing(this.#compression), { directory, signal });
    await this.#staging.adopt(packed.descriptor, packed.content);
    const { digest, size } = packed.descriptor;
    const made = { digest, size, diffId: packed.diffId };
    this.#made.set(key, made);
    return made;
  }

  async #write(root: Descriptor, document: ImageDocument, config: ConfigDocument): Promise<Descriptor> {
    const configBytes = configDocument.encode(config);
    const configEntry = redescribe(document.config ?? {}, configBytes);
    await this.#staging.push(contentOf(configEntry, `The config of ${root.digest}`), configBytes);
    const bytes = imageDocument.encode({ ...document, config: configEntry });
    const after = redescribeRoot(root, bytes);
    const { mediaType, digest, size } = after;
    await this.#staging.push({ mediaType, digest, size }, bytes);
    return after;
  }
}

/** @throws {OciError} `INVALID_CONFIG`, `OUT_OF_RANGE` */
function checkLayers(
  root: Descriptor,
  layers: readonly Descriptor[],
  { rootfs }: ConfigDocument,
  fromLayer: number,
  what: string,
): void {
  const diffIds = rootfs?.diff_ids?.length ?? 0;
  if (diffIds !== layers.length) {
    throw new OciError('INVALID_CONFIG', `${what} has ${diffIds} diff IDs, but the image has ${layers.length} layers`);
  }
  if (fromLayer === 0 || fromLayer < layers.length) return;
  throw new OciError(
    'OUT_OF_RANGE',
    `The image ${root.digest} has no layer ${fromLayer + 1} to flatten from: the highest is ${layers.length}`,
  );
}

function cannotFlatten({ mediaType }: Descriptor): OciError {
  return new OciError('UNSUPPORTED', `Can't flatten ${mediaType}`, {
    hint: 'Only images have layers of a file system, and indexes of them',
  });
}
