import type { ByteSource, ByteStream } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import type { TarIndexEntry } from '../content/tar/tar-index.ts';
import { VerifiedStream } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, hexOf, isDigest } from '../oci/digest.ts';
import {
  checkLayoutMarker,
  findEntry,
  layoutIndexName,
  layoutMarkerName,
  parseLayoutIndex,
  singleEntry,
  tagsOf,
} from '../oci/image-layout.ts';
import { type ImageIndex, manifestTypeOf } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type {
  RangeFetcher,
  ReferrerLister,
  ReferrerListOptions,
  TagLister,
  TagListOptions,
} from '../store/capabilities.ts';
import { identifyManifest } from '../store/identify.ts';
import { LayoutReferrers } from '../store/layout-referrers.ts';
import { MemoryStore } from '../store/memory.ts';
import { OverlayStore } from '../store/overlay.ts';
import type { ContentSource } from '../store/store.ts';
import { openTarFile, type OpenTarOptions, type ArchiveFile } from './tar-file.ts';

/**
 * Opens a tar archive that holds an OCI image layout, compressed or not. Whoever opens it disposes of it.
 *
 * @param input a path, or the bytes of the archive, which are read once and kept in a temporary file
 * @throws {OciError} `NOT_FOUND`, `INVALID_ARCHIVE` when it is no tar, `INVALID_LAYOUT` when there is no layout in it
 */
export async function openOciArchive(input: string | ByteSource, options: OpenTarOptions = {}): Promise<OciArchive> {
  const file = await openTarFile(input, options);
  try {
    return await readOciArchive(file, options);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Reads the layout in a tar archive that is open already; the archive then belongs to the result.
 *
 * @throws {OciError} `INVALID_LAYOUT`, `UNSUPPORTED`
 */
export async function readOciArchive(file: ArchiveFile, options: CallOptions = {}): Promise<OciArchive> {
  const bytes = await file.read(layoutIndexName, maxManifestSize, options);
  if (bytes === undefined) {
    const isDocker = file.index.get('manifest.json') !== undefined;
    throw new OciError('INVALID_LAYOUT', `${quoted(file.name)} is no OCI archive: it has no index.json`, {
      hint: isDocker
        ? 'It looks like an archive of "docker save"; name it as docker-archive'
        : 'Name a tar archive of an OCI image layout',
    });
  }
  const index = parseLayoutIndex(bytes, quoted(file.name));
  const marker = await file.read(layoutMarkerName, maxManifestSize, options);
  if (marker !== undefined) checkLayoutMarker(marker, quoted(file.name));
  return new OciArchive(file, index);
}

/** An OCI image layout in a tar archive. OCI image-spec, image-layout.md. Blobs are read where they are in the file. */
export class OciArchive implements ContentSource, TagLister, ReferrerLister, RangeFetcher, AsyncDisposable {
  readonly #file: ArchiveFile;
  readonly #index: ImageIndex;
  readonly #referrers: LayoutReferrers = new LayoutReferrers(this);

  constructor(file: ArchiveFile, index: ImageIndex) {
    this.#file = file;
    this.#index = index;
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const found = isDigest(reference)
      ? await this.#resolveDigest(reference, options)
      : findEntry(this.#index, reference, quoted(this.#file.name));
    if (found === undefined) throw this.#notFound(`Nothing is named ${quoted(reference)}`);
    return found;
  }

  /**
   * The only entry. What is attached to it, referrers and digest tags, does not count.
   *
   * @throws {OciError} `NOT_FOUND` when there is none, `AMBIGUOUS` when there are several, listing them
   */
  async resolveSingle(options: CallOptions = {}): Promise<Descriptor> {
    const index = await this.#referrers.withoutAttached(this.#index, options);
    return singleEntry(index, `The archive ${quoted(this.#file.name)}`);
  }

  /** What `index.json` lists, in its order. */
  entries(): readonly Descriptor[] {
    return this.#index.manifests;
  }

  /** `index.json` itself as an index, byte for byte. */
  async indexArtifact(options: CallOptions = {}): Promise<Artifact> {
    const bytes = (await this.#file.read(layoutIndexName, maxManifestSize, options)) ?? new Uint8Array(0);
    const upper = new MemoryStore();
    const root = await upper.add(bytes, manifestTypeOf(bytes, mediaTypes.ociIndex));
    return { store: new OverlayStore(upper, this), root };
  }

  async stat({ mediaType, digest }: ContentId, options: CallOptions = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted();
    const entry = this.#entryOf(digest);
    return entry && { mediaType, digest, size: entry.size };
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    return VerifiedStream.of(await this.fetchRange(target, 0, target.size + 1, options), target);
  }

  async fetchRange({ digest }: Descriptor, start: number, end: number, options: CallOptions = {}): Promise<ByteStream> {
    options.signal?.throwIfAborted();
    const entry = this.#entryOf(digest);
    if (entry === undefined) throw this.#notFound(`No content has the digest ${digest}`);
    return this.#file.open(entry, options, start, end);
  }

  async *tags({ last, signal }: TagListOptions = {}): AsyncGenerator<readonly string[]> {
    signal?.throwIfAborted();
    const all = tagsOf(this.#index);
    yield last === undefined ? all : all.filter((tag) => tag > last);
  }

  async referrers({ digest }: ContentId, options: ReferrerListOptions = {}): Promise<readonly Descriptor[]> {
    options.signal?.throwIfAborted();
    return this.#referrers.of(this.#index, digest, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async #resolveDigest(digest: Digest, options: CallOptions): Promise<Descriptor | undefined> {
    const entry = this.#entryOf(digest);
    if (entry === undefined) return undefined;
    const listed = this.#index.manifests.find((other) => other.digest === digest);
    return listed ?? identifyManifest(digest, entry.size, (target) => this.fetch(target, options));
  }

  #entryOf(digest: Digest): TarIndexEntry | undefined {
    return this.#file.find(`blobs/${algorithmOf(digest)}/${hexOf(digest)}`);
  }

  #notFound(message: string): OciError {
    return new OciError('NOT_FOUND', `${message} in the archive ${quoted(this.#file.name)}`);
  }
}
