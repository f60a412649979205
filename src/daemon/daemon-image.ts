import { type DockerArchive, readDockerArchive } from '../archive/docker-archive.ts';
import { type OciArchive, readOciArchive } from '../archive/oci-archive.ts';
import { spoolArchive, type SpooledArchive } from '../archive/spooled-archive.ts';
import { type ByteStream, collect, pipe } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { isDigest } from '../oci/digest.ts';
import { parseManifest } from '../oci/manifest.ts';
import { isImageType, mediaTypes } from '../oci/media-type.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import type { CallOptions } from '../options.ts';
import type { ProgressOptions, TransferOptions } from '../store/progress.ts';
import type { ContentSource } from '../store/store.ts';
import type { Engine } from './engine.ts';
import type { EngineImage } from './engine-image.ts';

export interface OpenDaemonImageOptions extends CallOptions, ProgressOptions {
  /** Where layers are kept until the image is disposed of. @default the system's directory for temporary files */
  readonly spoolDirectory?: string | undefined;
}

/**
 * Takes an image out of an engine. The engine gives it as one stream, which is read once; its layers are kept in temporary
 * files. An engine that keeps manifests (containerd's image store) gives the image with its digests, or the index with the
 * images that are there; of others the manifest is made here, with layers that are compressed while they come: the same as
 * for the archive of `docker save`. Where the engine tells the digest by itself, the stream is asked for when content is.
 * Whoever opens it disposes of it.
 *
 * @param name a name as the engine takes it, or an ID
 * @throws {OciError} `NOT_FOUND`, `NETWORK`, `TIMEOUT`, and what a bad archive throws, perhaps when content is fetched
 */
export async function openDaemonImage(
  engine: Engine,
  name: string,
  options: OpenDaemonImageOptions = {},
): Promise<DaemonImage> {
  const image = await engine.inspect(name, { signal: options.signal });
  if (image === undefined) throw engine.notFound(name);
  const save = (): Promise<SavedImage> => saveImage(engine, name, image, options);
  if (image.artifact !== undefined) return new DaemonImage(name, image.artifact, save);
  const saved = await save();
  return new DaemonImage(name, saved.root, saved);
}

interface SavedImage {
  readonly archive: DockerArchive | OciArchive;
  readonly root: Descriptor;
  /** The platforms of an index that are there, when some are not. */
  readonly there?: readonly Platform[];
}

/** An image from an engine: a source with that one name. */
export class DaemonImage implements ContentSource, AsyncDisposable {
  readonly #name: string;
  readonly #root: Descriptor;
  readonly #save: (() => Promise<SavedImage>) | undefined;
  #saved: Promise<SavedImage> | undefined;

  /** @param content what the engine gave, or how it is asked for it, at most once, when content is wanted */
  constructor(name: string, root: Descriptor, content: SavedImage | (() => Promise<SavedImage>)) {
    this.#name = name;
    this.#root = root;
    if (typeof content === 'function') this.#save = content;
    else this.#saved = Promise.resolve(content);
  }

  /** The image's manifest or index. */
  async resolveSingle(options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    return this.#root;
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    if (reference === this.#name || reference === this.#root.digest) return this.#root;
    if (isDigest(reference)) return (await this.#content()).archive.resolve(reference, options);
    throw new OciError('NOT_FOUND', `What was opened is the image ${quoted(this.#name)}, not ${quoted(reference)}`);
  }

  async stat(content: ContentId, options: CallOptions = {}): Promise<Descriptor | undefined> {
    return (await this.#content()).archive.stat(content, options);
  }

  async fetch(target: Descriptor, options: TransferOptions = {}): Promise<ByteStream> {
    const { mediaType, digest } = target;
    const { archive, there = [] } = await this.#content();
    if (there.length > 0 && (await archive.stat({ mediaType, digest }, options)) === undefined) {
      const which = target.platform === undefined ? digest : `${digest} (${formatPlatform(target.platform)})`;
      throw new OciError('NOT_FOUND', `The Docker engine lacks ${which} of the index ${quoted(this.#name)}`, {
        hint: `Choose what it has with --platform: ${there.map(formatPlatform).join(', ')}`,
      });
    }
    return archive.fetch(target, options);
  }

  /** Deletes temporary files. */
  async [Symbol.asyncDispose](): Promise<void> {
    const saved = await this.#saved?.catch(() => undefined);
    await saved?.archive[Symbol.asyncDispose]();
  }

  #content(): Promise<SavedImage> {
    this.#saved ??= this.#save?.();
    return this.#saved as Promise<SavedImage>;
  }
}

async function saveImage(
  engine: Engine,
  name: string,
  image: EngineImage,
  options: OpenDaemonImageOptions,
): Promise<SavedImage> {
  const { signal, spoolDirectory } = options;
  // By its ID: a name without a tag would give all that have it, and may be given to another image meanwhile.
  const saved = await engine.save(image.id, { called: name, signal });
  try {
    const files = await spoolArchive(withProgress(saved, image, options), {
      name: `docker-daemon:${name}`,
      compress: image.root === undefined,
      spoolDirectory,
      signal,
    });
    try {
      return await readImage(engine, files, name, image, options);
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    throw isOciError(error, 'INVALID_ARCHIVE') ? brokenArchive(engine, error) : error;
  }
}

function brokenArchive(engine: Engine, cause: OciError): OciError {
  return new OciError('INVALID_ARCHIVE', `What the Docker engine at ${engine.name} saved is broken: ${cause.message}`, {
    cause,
    hint: 'Try again; the log of the engine may say more',
  });
}

async function readImage(
  engine: Engine,
  files: SpooledArchive,
  name: string,
  image: EngineImage,
  options: CallOptions,
): Promise<SavedImage> {
  if (image.root === undefined) {
    const archive = await readDockerArchive(files, options);
    const root = await archive.resolveSingle(options);
    await checkConfig(engine, archive, root, name, image, options);
    return { archive, root };
  }
  const archive = await readOciArchive(files, options);
  const root = archive.entries().find(({ digest }) => digest === image.root);
  if (root === undefined) {
    throw otherImage(engine, name, image.root);
  }
  // Its annotations are the engine's notes on the name.
  const { mediaType, digest, size } = root;
  return { archive, ...(await whatIsThere(archive, { mediaType, digest, size }, options)) };
}

/** In Docker's own store the digest of the config is the ID. podman converts configs, and containerd's IDs are others. */
async function checkConfig(
  engine: Engine,
  archive: DockerArchive,
  root: Descriptor,
  name: string,
  { id }: EngineImage,
  options: CallOptions,
): Promise<void> {
  const manifest = parseManifest(await collect(await archive.fetch(root, options), maxManifestSize), root);
  if (manifest.kind === 'image' && manifest.image.config.digest === id) return;
  if (engine.isPodman || (await engine.keepsManifests(options))) return;
  throw otherImage(engine, name, id);
}

function otherImage(engine: Engine, name: string, id: string): OciError {
  const message = `The Docker engine at ${engine.name} saved another image for ${quoted(name)} than ${id}`;
  return new OciError('RESPONSE', message, { hint: 'Try again; the log of the engine may say more' });
}

/** The same choice as where the engine tells by itself what it has. */
async function whatIsThere(
  archive: OciArchive,
  root: Descriptor,
  options: CallOptions,
): Promise<{ readonly root: Descriptor; readonly there?: readonly Platform[] }> {
  const bytes = await collect(await archive.fetch(root, options), maxManifestSize);
  const manifest = parseManifest(bytes, root);
  if (manifest.kind !== 'index') return { root };
  const children = await Promise.all(
    manifest.index.manifests.map(async (child) => ({ child, has: (await archive.stat(child, options)) !== undefined })),
  );
  if (children.every(({ has }) => has)) return { root };
  const images = children.flatMap(({ child, has }) => (has && isImage(child) ? [child] : []));
  const [only, ...others] = images;
  if (only !== undefined && others.length === 0) return { root: only };
  return { root, there: images.flatMap(({ platform }) => (platform === undefined ? [] : [platform])) };
}

/** Attestations are listed like images, for a platform that does not exist. */
function isImage({ mediaType, platform }: Descriptor): boolean {
  return isImageType(mediaType) && platform?.os !== 'unknown';
}

/** The image moves as one: how its layers are cut is not known before they have come. */
function withProgress(saved: ByteStream, { id, size }: EngineImage, { onProgress }: ProgressOptions): ByteStream {
  if (onProgress === undefined) return saved;
  const target = { mediaType: mediaTypes.octetStream, digest: id, size };
  return pipe(saved, async function* told(chunks) {
    onProgress({ type: 'queued', target });
    onProgress({ type: 'start', target, offset: 0 });
    let left = size;
    for await (const chunk of chunks) {
      // The engine counts layers only, and some of them once for all images.
      const bytes = Math.min(chunk.byteLength, left);
      left -= bytes;
      if (bytes > 0) onProgress({ type: 'chunk', target, bytes });
      yield chunk;
    }
    onProgress({ type: 'finish', target });
  });
}
