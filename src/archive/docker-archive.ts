import type { ByteSource, ByteStream } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import { digestOf } from '../content/hash.ts';
import { VerifiedStream } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import type { ConfigFetcher, TagLister, TagListOptions } from '../store/capabilities.ts';
import type { ContentSource } from '../store/store.ts';
import { ImageBuilder } from './docker-archive-builder.ts';
import { type ArchiveLayer, ArchiveLayers } from './docker-archive-layers.ts';
import { type DockerArchiveEntry, parseDockerManifest } from './docker-archive-manifest.ts';
import { openTarFile, type OpenTarOptions, type ArchiveFile } from './tar-file.ts';

export interface OpenDockerArchiveOptions extends OpenTarOptions {
  /** Layers that are hashed or compressed at once. @default 4 */
  readonly concurrency?: number | undefined;
}

/** An image of an archive. */
export interface ArchivedImage {
  /** `RepoTags`, as they are written. */
  readonly names: readonly string[];
  readonly root: Descriptor;
}

/**
 * Opens an archive as `docker save`, `podman save`, skopeo and crane write it, compressed or not. Whoever opens it disposes
 * of it.
 *
 * @param input a path, or the bytes of the archive, which are read once and kept in a temporary file
 * @throws {OciError} `NOT_FOUND`, `INVALID_ARCHIVE` when it is no tar or no docker archive, `LIMIT_EXCEEDED`
 */
export async function openDockerArchive(
  input: string | ByteSource,
  options: OpenDockerArchiveOptions = {},
): Promise<DockerArchive> {
  const file = await openTarFile(input, options);
  try {
    return await readDockerArchive(file, options);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Reads the images of a tar archive that is open already; the archive then belongs to the result.
 *
 * @throws {OciError} `INVALID_ARCHIVE`, `LIMIT_EXCEEDED`
 */
export async function readDockerArchive(
  file: ArchiveFile,
  { signal, spoolDirectory, concurrency = 4 }: OpenDockerArchiveOptions = {},
): Promise<DockerArchive> {
  const bytes = await file.read('manifest.json', maxManifestSize, { signal });
  if (bytes === undefined) {
    const isOci = file.index.get('index.json') !== undefined;
    throw new OciError('INVALID_ARCHIVE', `${quoted(file.name)} is no docker archive: it has no manifest.json`, {
      hint: isOci
        ? 'It looks like an OCI archive; name it as oci-archive'
        : 'Name what docker save or crane pull wrote; a missing manifest.json at the end may mean that it was cut',
    });
  }
  const entries = parseDockerManifest(bytes, `The manifest.json of ${quoted(file.name)}`);
  const layers = new ArchiveLayers(file, spoolDirectory);
  return new DockerArchive(file, entries, new ImageBuilder(file, layers, concurrency));
}

/**
 * Images in a docker archive. It has no manifests, so that they are made here when an image is first asked for: its layers are
 * then hashed, or compressed where they are not. crane-cli reference, section 13.1.
 */
export class DockerArchive implements ContentSource, TagLister, ConfigFetcher, AsyncDisposable {
  readonly #file: ArchiveFile;
  readonly #entries: readonly DockerArchiveEntry[];
  readonly #builder: ImageBuilder;

  constructor(file: ArchiveFile, entries: readonly DockerArchiveEntry[], builder: ImageBuilder) {
    this.#file = file;
    this.#entries = entries;
    this.#builder = builder;
  }

  /** Names of the images, in the order of the archive; an image without a name has none. */
  get names(): readonly (readonly string[])[] {
    return this.#entries.map(({ RepoTags }) => RepoTags);
  }

  /** All images. It reads every layer of the archive. */
  async images(options: CallOptions = {}): Promise<readonly ArchivedImage[]> {
    const images: ArchivedImage[] = [];
    for (const entry of this.#entries) {
      images.push({ names: entry.RepoTags, root: await this.#builder.build(entry, options) });
    }
    return images;
  }

  /** The image at a place of {@link names}. It reads the layers of that one. */
  async imageAt(place: number, options: CallOptions = {}): Promise<Descriptor> {
    const entry = this.#entries[place];
    if (entry === undefined) throw new RangeError(`There is no image ${place} among ${this.#entries.length}`);
    return this.#builder.build(entry, options);
  }

  /**
   * The image of a name, in whatever spelling, or of a digest of the manifest that is made here.
   *
   * @throws {OciError} `NOT_FOUND`, naming what is there
   */
  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    if (isDigest(reference)) return this.#resolveDigest(reference, options);
    return this.#builder.build(this.#entryNamed(reference), options);
  }

  /** The config of the image of a name. No layer is read. @throws {OciError} `NOT_FOUND`, `INVALID_ARCHIVE`, `LIMIT_EXCEEDED` */
  async fetchConfig(
    reference: string,
    options: CallOptions = {},
  ): Promise<{ readonly digest: Digest; readonly bytes: Uint8Array }> {
    options.signal?.throwIfAborted();
    const bytes = await this.#builder.readConfig(this.#entryNamed(reference), options);
    return { digest: digestOf(bytes), bytes };
  }

  /**
   * The only image. One that is listed more than once, under several names, counts as one.
   *
   * @throws {OciError} `NOT_FOUND` when there is none, `AMBIGUOUS` when there are several, listing their names
   */
  async resolveSingle(options: CallOptions = {}): Promise<Descriptor> {
    const [first, ...others] = this.#entries;
    if (first === undefined) throw new OciError('NOT_FOUND', `The archive ${quoted(this.#file.name)} holds no image`);
    if (others.some((other) => !isSameImage(other, first))) {
      throw new OciError(
        'AMBIGUOUS',
        `The archive ${quoted(this.#file.name)} holds ${this.#entries.length} images, one has to be named`,
        { hint: `It has ${this.#listNames()}` },
      );
    }
    return this.#builder.build(first, options);
  }

  async stat({ mediaType, digest }: ContentId, options: CallOptions = {}): Promise<Descriptor | undefined> {
    const found = await this.#find(digest, options);
    if (found === undefined) return undefined;
    return isManifestType(mediaType) ? found.target : { mediaType, digest, size: found.target.size };
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    const found = await this.#find(target.digest, options);
    if (found === undefined) throw this.#notFound(`no content with the digest ${target.digest}`);
    return VerifiedStream.of(await found.open({ signal: options.signal }), target);
  }

  async *tags({ last, signal }: TagListOptions = {}): AsyncGenerator<readonly string[]> {
    signal?.throwIfAborted();
    const all = this.#entries.flatMap(({ RepoTags }) => RepoTags).sort();
    yield last === undefined ? all : all.filter((tag) => tag > last);
  }

  /** Deletes temporary files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#builder[Symbol.asyncDispose]();
    await this.#file[Symbol.asyncDispose]();
  }

  #entryNamed(name: string): DockerArchiveEntry {
    const wanted = canonical(name);
    const entry = this.#entries.find(({ RepoTags }) => RepoTags.some((one) => canonical(one) === wanted));
    if (entry !== undefined) return entry;
    throw this.#notFound(`no image named ${quoted(name)}`);
  }

  async #resolveDigest(digest: Digest, options: CallOptions): Promise<Descriptor> {
    const found = await this.#find(digest, options);
    if (found === undefined || !isManifestType(found.target.mediaType)) {
      throw this.#notFound(`no manifest with the digest ${digest}`);
    }
    return found.target;
  }

  /** A digest that is not known yet may be of an image that nobody has asked for. */
  async #find(digest: Digest, options: CallOptions): Promise<ArchiveLayer | undefined> {
    options.signal?.throwIfAborted();
    for (const entry of this.#entries) {
      const found = this.#builder.find(digest);
      if (found !== undefined) return found;
      await this.#builder.build(entry, options);
    }
    return this.#builder.find(digest);
  }

  #notFound(what: string): OciError {
    return new OciError('NOT_FOUND', `The archive ${quoted(this.#file.name)} has ${what}`, {
      hint: `It has ${this.#listNames()}`,
    });
  }

  #listNames(): string {
    const names = this.#entries.map(({ RepoTags, Config }) =>
      RepoTags.length > 0 ? RepoTags.join(', ') : `an image without a name (${Config})`,
    );
    const shown = names.slice(0, 20).join(', ');
    return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown === '' ? 'no image' : shown;
  }
}

function isSameImage(a: DockerArchiveEntry, b: DockerArchiveEntry): boolean {
  return (
    a.Config === b.Config && a.Layers.length === b.Layers.length && a.Layers.every((name, i) => name === b.Layers[i])
  );
}

/** Names are equal when they are the same reference in full; one that is none is equal to itself. */
function canonical(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}
