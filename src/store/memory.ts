import { untilAborted } from '../content/abort.ts';
import { type ByteSource, type ByteStream, chunksOf, collect, discard, streamOf } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { VerifiedStream } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import type { Deleter, RangeFetcher, TagLister, TagListOptions } from './capabilities.ts';
import type { ContentStore } from './store.ts';

/** Keeps everything in memory: tests, small images, the staging half of an overlay, the registry without a disk. */
export class MemoryStore implements ContentStore, TagLister, Deleter, RangeFetcher {
  readonly #blobs = new Map<Digest, Uint8Array>();
  readonly #manifests = new Map<Digest, { readonly target: Descriptor; readonly bytes: Uint8Array }>();
  readonly #tags = new Map<string, Digest>();

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const digest = isDigest(reference) ? reference : this.#tags.get(reference);
    const manifest = digest === undefined ? undefined : this.#manifests.get(digest);
    if (manifest === undefined) throw new OciError('NOT_FOUND', `Nothing is named ${quoted(reference)}`);
    return manifest.target;
  }

  async stat({ mediaType, digest }: ContentId, options: CallOptions = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted();
    if (isManifestType(mediaType)) return this.#manifests.get(digest)?.target;
    const size = this.#blobs.get(digest)?.byteLength;
    return size === undefined ? undefined : { mediaType, digest, size };
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    options.signal?.throwIfAborted();
    return VerifiedStream.of(streamOf(this.#bytesOf(target)), target);
  }

  async fetchRange(target: Descriptor, start: number, end: number, options: CallOptions = {}): Promise<ByteStream> {
    options.signal?.throwIfAborted();
    return streamOf(this.#bytesOf(target).subarray(start, end));
  }

  async push(expected: Descriptor, content: ByteSource, options: CallOptions = {}): Promise<void> {
    const { mediaType, digest, size } = expected;
    const { signal } = options;
    const known = isManifestType(mediaType) ? this.#manifests.has(digest) : this.#blobs.has(digest);
    if (known || signal?.aborted === true) await discard(content);
    signal?.throwIfAborted();
    if (known) return;
    const bytes = await collect(untilAborted(VerifiedStream.of(content, expected), signal), size);
    if (isManifestType(mediaType)) this.#manifests.set(digest, { target: { mediaType, digest, size }, bytes });
    else this.#blobs.set(digest, bytes);
  }

  async tag({ digest }: Descriptor, reference: string, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!this.#manifests.has(digest)) throw new OciError('NOT_FOUND', `No manifest has the digest ${digest}`);
    this.#tags.set(reference, digest);
  }

  async *tags({ last, signal }: TagListOptions = {}): AsyncGenerator<readonly string[]> {
    signal?.throwIfAborted();
    const all = Array.from(this.#tags.keys()).sort();
    yield last === undefined ? all : all.filter((tag) => tag > last);
  }

  async deleteManifest(digest: Digest, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!this.#manifests.delete(digest)) throw new OciError('NOT_FOUND', `No manifest has the digest ${digest}`);
    for (const [tag, target] of this.#tags) if (target === digest) this.#tags.delete(tag);
  }

  async deleteTag(tag: string, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!this.#tags.delete(tag)) throw new OciError('NOT_FOUND', `Nothing is named ${quoted(tag)}`);
  }

  async deleteBlob(digest: Digest, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!this.#blobs.delete(digest)) throw new OciError('NOT_FOUND', `No blob has the digest ${digest}`);
  }

  /** Adds bytes whose descriptor is not known yet. */
  async add(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const target = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    await this.push(target, bytes);
    return target;
  }

  #bytesOf({ mediaType, digest }: ContentId): Uint8Array {
    const bytes = isManifestType(mediaType) ? this.#manifests.get(digest)?.bytes : this.#blobs.get(digest);
    if (bytes === undefined) throw new OciError('NOT_FOUND', `No content has the digest ${digest}`);
    return bytes;
  }
}
