import { joinSignals } from '../async/join-signals.ts';
import { Limiter } from '../async/limiter.ts';
import type { ByteStream } from '../content/bytes.ts';
import { VerifiedStream } from '../content/verify.ts';
import { isOciError, messageOf, OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type ImageConfig, parseImageConfig } from '../oci/image-config.ts';
import { type ImageManifest, type Manifest } from '../oci/manifest.ts';
import { isImageConfigType, isLayerType, isManifestType, isNonDistributableType } from '../oci/media-type.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ProgressEvent, ProgressOptions } from '../store/progress.ts';
import type { ContentSource } from '../store/store.ts';
import { manifestOf, readConfig } from './read.ts';
import { validateLayer } from './validate-layer.ts';

export interface ValidateOptions extends CallOptions, ProgressOptions {
  /**
   * Only ask whether layers are there and as long as stated, without reading them.
   *
   * @default false
   */
  readonly fast?: boolean | undefined;
  /**
   * How many layers are read at once.
   *
   * @default 4
   */
  readonly concurrency?: number | undefined;
}

/** Something that is wrong with an artifact. */
export interface Problem {
  /** Where, from the root down: `manifests[1] layers[0]`; empty for the root itself. */
  readonly path: string;
  readonly message: string;
}

/**
 * Checks an artifact as a whole: every manifest, config and layer is there, has its size and digest and is well-formed; diff
 * IDs are those of the layers' contents; platforms of an index are those of its images. Each blob is read once.
 *
 * @returns what is wrong, nothing when all is right
 * @throws what keeps the check from being made: an abort, a network failure
 */
export async function validate(artifact: Artifact, options: ValidateOptions = {}): Promise<readonly Problem[]> {
  const validation = new Validation(artifact.store, options);
  await validation.check(artifact.root, '');
  return validation.problems();
}

/** Failures of the way to the content, not of the content. */
const transportCodes: ReadonlySet<string> = new Set([
  'NETWORK',
  'TIMEOUT',
  'UNAUTHORIZED',
  'DENIED',
  'RATE_LIMITED',
  'CREDENTIALS',
]);

class Validation {
  readonly #store: ContentSource;
  readonly #fast: boolean;
  readonly #onProgress: ((event: ProgressEvent) => void) | undefined;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #limiter: Limiter;
  readonly #found: Problem[] = [];

  constructor(store: ContentSource, { fast = false, concurrency = 4, onProgress, signal }: ValidateOptions) {
    this.#store = store;
    this.#fast = fast;
    this.#onProgress = onProgress;
    this.#signal = joinSignals(signal, this.#abort.signal);
    this.#limiter = new Limiter(concurrency);
  }

  problems(): readonly Problem[] {
    return this.#found.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }

  async check(target: Descriptor, path: string): Promise<void> {
    const manifest = await this.#try(path, () =>
      manifestOf({ store: this.#store, root: target }, { signal: this.#signal }),
    );
    if (manifest === undefined) return;
    this.#checkMediaType(manifest, target, path);
    if (manifest.kind === 'image') await this.#checkImage(manifest.image, target.platform, path);
    if (manifest.kind === 'index') {
      await settleAll(
        manifest.index.manifests.map((child, i) => this.#checkChild(child, join(path, `manifests[${i}]`))),
      );
    }
    if (manifest.kind === 'schema1') this.#report(path, 'Docker schema 1 cannot be validated');
  }

  async #checkChild(child: Descriptor, path: string): Promise<void> {
    await (isManifestType(child.mediaType) ? this.check(child, path) : this.#checkBlob(child, path));
  }

  #checkMediaType(manifest: Manifest, target: Descriptor, path: string): void {
    const own =
      manifest.kind === 'index'
        ? manifest.index.mediaType
        : manifest.kind === 'image'
          ? manifest.image.mediaType
          : undefined;
    if (own !== undefined && own !== target.mediaType) {
      this.#report(path, `its mediaType is ${quoted(own)}, but its descriptor says ${quoted(target.mediaType)}`);
    }
  }

  async #checkImage(image: ImageManifest, platform: Platform | undefined, path: string): Promise<void> {
    const config = await this.#readConfig(image, path);
    if (config !== undefined) this.#checkConfig(config, image, platform, join(path, 'config'));
    const diffIds = config?.rootfs.diff_ids;
    await settleAll(image.layers.map((layer, i) => this.#checkLayer(layer, diffIds?.[i], join(path, `layers[${i}]`))));
  }

  /** The decoded config; `undefined` when it is unreadable, or of an artifact and then none of an image. */
  async #readConfig({ config }: ImageManifest, path: string): Promise<ImageConfig | undefined> {
    return this.#try(join(path, 'config'), async () => {
      const bytes = await readConfig(this.#store, config, { signal: this.#signal });
      return isImageConfigType(config.mediaType) ? parseImageConfig(bytes, config.digest) : undefined;
    });
  }

  #checkConfig(config: ImageConfig, image: ImageManifest, platform: Platform | undefined, path: string): void {
    const { type, diff_ids: diffIds } = config.rootfs;
    if (type !== 'layers') this.#report(path, `its rootfs.type is ${quoted(type)}, not "layers"`);
    if (diffIds.length !== image.layers.length) {
      this.#report(path, `it has ${diffIds.length} diff IDs for ${image.layers.length} layers`);
    }
    if (platform === undefined) return;
    for (const member of ['os', 'architecture', 'variant', 'os.version'] as const) {
      const stated = platform[member] ?? '';
      if (stated !== '' && stated !== (config[member] ?? '')) {
        const shown = quoted(config[member] ?? '');
        this.#report(
          path,
          `its ${member} is ${shown}, but the index says ${quoted(stated)} (${formatPlatform(platform)})`,
        );
      }
    }
  }

  async #checkLayer(layer: Descriptor, diffId: string | undefined, path: string): Promise<void> {
    if (this.#fast || isNonDistributableType(layer.mediaType)) return this.#checkPresence(layer, path);
    if (!isLayerType(layer.mediaType)) return this.#checkBlob(layer, path);
    await this.#readBlob(layer, path, (content) => validateLayer(content, layer, diffId, { signal: this.#signal }));
  }

  async #checkBlob(blob: Descriptor, path: string): Promise<void> {
    if (this.#fast) return this.#checkPresence(blob, path);
    await this.#readBlob(blob, path, async (content) => {
      // Reading to the end verifies.
      for await (const chunk of content) void chunk;
    });
  }

  async #checkPresence(target: Descriptor, path: string): Promise<void> {
    await this.#read(path, async () => {
      const found = await this.#store.stat(target, { signal: this.#signal });
      if (found === undefined) {
        if (isNonDistributableType(target.mediaType)) return;
        throw new OciError('NOT_FOUND', `${target.digest} is not there`);
      }
      if (found.size !== target.size) {
        throw new OciError(
          'SIZE_MISMATCH',
          `${target.digest} has ${found.size} bytes, but its descriptor says ${target.size}`,
        );
      }
    });
  }

  async #readBlob(target: Descriptor, path: string, check: (content: ByteStream) => Promise<void>): Promise<void> {
    const onProgress = this.#onProgress;
    onProgress?.({ type: 'queued', target });
    await this.#read(path, async () => {
      onProgress?.({ type: 'start', target, offset: 0 });
      // Always from the store: a descriptor that holds the content itself does not prove that it is there.
      const content = VerifiedStream.of(await this.#store.fetch(target, { signal: this.#signal, onProgress }), target);
      if (onProgress !== undefined) content.onBytes((bytes) => onProgress({ type: 'chunk', target, bytes }));
      await check(content);
      onProgress?.({ type: 'finish', target });
    });
  }

  async #read(path: string, task: () => Promise<void>): Promise<void> {
    await this.#try(path, () => this.#limiter.run(task, this.#signal));
  }

  async #try<T>(path: string, task: () => Promise<T>): Promise<T | undefined> {
    try {
      return await task();
    } catch (error) {
      if (!isOciError(error) || transportCodes.has(error.code)) {
        // Nobody is told the rest any more.
        this.#abort.abort(error);
        throw error;
      }
      this.#report(path, messageOf(error));
      return undefined;
    }
  }

  #report(path: string, message: string): void {
    this.#found.push({ path, message });
  }
}

function join(path: string, step: string): string {
  return path === '' ? step : `${path} ${step}`;
}

/** Rejects only after everything has settled. */
async function settleAll(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason;
}
