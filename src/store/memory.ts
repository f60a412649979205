import { untilAborted } from '../content/abort.ts';
import { type ByteSource, type ByteStream, chunksOf, collect, discard, streamOf } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { VerifiedStream } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import { type Referrer, referrerIn } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type {
  Deleter,
  RangeFetcher,
  ReferrerLister,
  ReferrerListOptions,
  TagLister,
  TagListOptions,
} from './capabilities.ts';
import type { ContentStore } from './store.ts';

/** Keeps everything in memory: tests, small images, the staging half of an overlay, the registry without a disk. */
export class MemoryStore implements ContentStore, TagLister, ReferrerLister, Deleter, RangeFetcher {
  /** In the chunks they came in: joining them would need twice the memory for a moment. */
  readonly #blobs = new Map<Digest, { readonly size: number; readonly chunks: readonly Uint8Array[] }>();
  readonly #manifests = new Map<Digest, { readonly target: Descriptor; readonly bytes: Uint8Array }>();
  readonly #tags = new Map<string, Digest>();
  readonly #referrers = new Map<Digest, Referrer>();

  /** Whether nothing is in it. */
  get isEmpty(): boolean {
    return this.#blobs.size === 0 && this.#manifests.size === 0;
  }

  /** All manifests, tagged or not, in the order in which they came. */
  get manifests(): readonly Descriptor[] {
    return Array.from(this.#manifests.values(), ({ target }) => target);
  }

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
    const blob = this.#blobs.get(digest);
    return blob === undefined ? undefined : { mediaType, digest, size: blob.size };
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    options.signal?.throwIfAborted();
    return VerifiedStream.of(streamOf(this.#chunksOf(target)), target);
  }

  async fetchRange(target: Descriptor, start: number, end: number, options: CallOptions = {}): Promise<ByteStream> {
    options.signal?.throwIfAborted();
    return streamOf(partOf(this.#chunksOf(target), start, end));
  }

  async push(expected: Descriptor, content: ByteSource, options: CallOptions = {}): Promise<void> {
    const { mediaType, digest, size } = expected;
    const { signal } = options;
    const known = isManifestType(mediaType) ? this.#manifests.has(digest) : this.#blobs.has(digest);
    if (known || signal?.aborted === true) await discard(content);
    signal?.throwIfAborted();
    if (known) return;
    const verified = untilAborted(VerifiedStream.of(content, expected), signal);
    if (isManifestType(mediaType)) {
      this.#addManifest({ mediaType, digest, size }, await collect(verified, size));
    } else {
      const chunks: Uint8Array[] = [];
      for await (const chunk of chunksOf(verified)) chunks.push(chunk);
      this.#blobs.set(digest, { size, chunks });
    }
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

  async referrers({ digest }: ContentId, options: ReferrerListOptions = {}): Promise<readonly Descriptor[]> {
    options.signal?.throwIfAborted();
    const { artifactType } = options;
    const found = Array.from(this.#referrers.values()).filter(({ subject }) => subject === digest);
    const descriptors = found.map(({ descriptor }) => descriptor);
    return artifactType === undefined ? descriptors : descriptors.filter((one) => one.artifactType === artifactType);
  }

  async deleteManifest(digest: Digest, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!this.#manifests.delete(digest)) throw new OciError('NOT_FOUND', `No manifest has the digest ${digest}`);
    this.#referrers.delete(digest);
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

  #addManifest(target: Descriptor, bytes: Uint8Array): void {
    this.#manifests.set(target.digest, { target, bytes });
    const referrer = referrerIn(bytes, target);
    if (referrer !== undefined) this.#referrers.set(target.digest, referrer);
  }

  #chunksOf({ mediaType, digest }: ContentId): readonly Uint8Array[] {
    if (isManifestType(mediaType)) {
      const manifest = this.#manifests.get(digest);
      if (manifest !== undefined) return [manifest.bytes];
    } else {
      const blob = this.#blobs.get(digest);
      if (blob !== undefined) return blob.chunks;
    }
    throw new OciError('NOT_FOUND', `No content has the digest ${digest}`);
  }
}

function partOf(chunks: readonly Uint8Array[], start: number, end: number): readonly Uint8Array[] {
  let offset = 0;
  return chunks.flatMap((chunk) => {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, chunk.byteLength);
    offset += chunk.byteLength;
    return from < to ? [chunk.subarray(from, to)] : [];
  });
}
