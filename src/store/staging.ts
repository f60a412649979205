import { type ByteSource, type ByteStream, discard, upTo } from '../content/bytes.ts';
import { spool, type Spool } from '../content/spool.ts';
import { VerifiedStream } from '../content/verify.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import type { Ingester, RangeFetcher, ReopenableContent } from './capabilities.ts';
import { MemoryStore } from './memory.ts';
import type { ContentStore } from './store.ts';

export interface StagingStoreOptions {
  /** Where temporary files are made. @default the system's directory for temporary files */
  readonly directory?: string | undefined;
}

/** Content that lies somewhere until it is disposed of. */
export interface StagedContent extends ReopenableContent, AsyncDisposable {}

/** Blobs up to this size stay in memory. */
const smallSize = 256 * 1024;

/**
 * Holds what a change of an image makes until it is copied to where it belongs: documents and small blobs in memory, layers in
 * temporary files, which are deleted when the store is disposed of. The upper half of an overlay.
 */
export class StagingStore implements ContentStore, Ingester, RangeFetcher, AsyncDisposable {
  readonly #directory: string | undefined;
  readonly #memory = new MemoryStore();
  readonly #staged = new Map<Digest, { readonly size: number; readonly content: StagedContent }>();

  constructor(options: StagingStoreOptions = {}) {
    this.#directory = options.directory;
  }

  resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    return this.#memory.resolve(reference, options);
  }

  async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    const { mediaType, digest } = content;
    const staged = isManifestType(mediaType) ? undefined : this.#staged.get(digest);
    return staged === undefined ? this.#memory.stat(content, options) : { mediaType, digest, size: staged.size };
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    const staged = isManifestType(target.mediaType) ? undefined : this.#staged.get(target.digest);
    if (staged === undefined) return this.#memory.fetch(target, options);
    options.signal?.throwIfAborted();
    return VerifiedStream.of(await staged.content.open(0), target);
  }

  async fetchRange(target: Descriptor, start: number, end: number, options: CallOptions = {}): Promise<ByteStream> {
    const staged = this.#staged.get(target.digest);
    if (staged === undefined) return this.#memory.fetchRange(target, start, end, options);
    options.signal?.throwIfAborted();
    return upTo(await staged.content.open(start), end - start);
  }

  async push(expected: Descriptor, content: ByteSource, options: CallOptions = {}): Promise<void> {
    if (isManifestType(expected.mediaType) || expected.size <= smallSize) {
      await this.#memory.push(expected, content, options);
    } else if (this.#staged.has(expected.digest)) {
      await discard(content);
    } else {
      const { signal } = options;
      const spooled = await spool(VerifiedStream.of(content, expected), { directory: this.#directory, signal });
      await this.adopt(expected, spooledContent(spooled, expected));
    }
  }

  async ingest(content: ByteSource, mediaType: string, { signal }: CallOptions = {}): Promise<Descriptor> {
    const spooled = await spool(content, { directory: this.#directory, signal });
    const target = { mediaType, digest: spooled.digest, size: spooled.size };
    await this.adopt(target, spooledContent(spooled, target));
    return target;
  }

  /** Takes content over, which is disposed of with the store, or at once when the same content is there already. */
  async adopt({ digest, size }: Descriptor, content: StagedContent): Promise<void> {
    if (this.#staged.has(digest)) await content[Symbol.asyncDispose]();
    else this.#staged.set(digest, { size, content });
  }

  tag(target: Descriptor, reference: string, options?: CallOptions): Promise<void> {
    return this.#memory.tag(target, reference, options);
  }

  /** Adds a document whose descriptor is not known yet. */
  add(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    return this.#memory.add(bytes, mediaType);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = Array.from(this.#staged.values(), ({ content }) => content);
    this.#staged.clear();
    await Promise.all(all.map((content) => content[Symbol.asyncDispose]()));
  }
}

/** What was spooled, as content: nobody but this process reads or writes the file, so that it need not be hashed again. */
export function spooledContent(spooled: Spool, target: Pick<Descriptor, 'digest' | 'size'>): StagedContent {
  return {
    async open(start) {
      const stream = await spooled.open({ start });
      return start === 0 ? VerifiedStream.proven(stream, target) : stream;
    },
    [Symbol.asyncDispose]: () => spooled[Symbol.asyncDispose](),
  };
}
