import { after, type ByteStream, pipe, upTo } from '../content/bytes.ts';
import { VerifiedStream } from '../content/verify.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import {
  canFetchRange,
  isMade,
  type LayeredSource,
  originOf,
  type RangeFetcher,
  type ReopenableContent,
} from './capabilities.ts';
import type { TransferOptions } from './progress.ts';
import type { ContentSource } from './store.ts';

/** A blob that lies somewhere else than in a store. */
export interface AttachedBlob {
  readonly descriptor: Descriptor;
  readonly content: ReopenableContent;
}

/** A source with blobs beside it, such as layers in files that are to be added to an image. */
export class AttachedSource implements ContentSource, LayeredSource, RangeFetcher {
  readonly #lower: ContentSource;
  readonly #blobs: ReadonlyMap<Digest, AttachedBlob>;

  constructor(blobs: Iterable<AttachedBlob>, lower: ContentSource) {
    this.#lower = lower;
    this.#blobs = new Map(Array.from(blobs, (blob) => [blob.descriptor.digest, blob]));
  }

  async resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    return this.#lower.resolve(reference, options);
  }

  async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    const blob = this.#blobOf(content);
    if (blob === undefined) return this.#lower.stat(content, options);
    return { mediaType: content.mediaType, digest: content.digest, size: blob.descriptor.size };
  }

  async fetch(target: Descriptor, options: TransferOptions = {}): Promise<ByteStream> {
    const blob = this.#blobOf(target);
    if (blob === undefined) return this.#lower.fetch(target, options);
    options.signal?.throwIfAborted();
    return VerifiedStream.of(await blob.content.open(0), target);
  }

  async fetchRange(target: Descriptor, start: number, end: number, options: CallOptions = {}): Promise<ByteStream> {
    const blob = this.#blobOf(target);
    if (blob !== undefined) return upTo(await blob.content.open(start), end - start);
    if (canFetchRange(this.#lower)) return this.#lower.fetchRange(target, start, end, options);
    const whole = await this.#lower.fetch(target, options);
    return upTo(
      pipe(whole, (chunks) => after(chunks, start)),
      end - start,
    );
  }

  async originOf(content: ContentId, options?: CallOptions): Promise<ContentSource> {
    return this.#blobOf(content) === undefined ? originOf(this.#lower, content, options) : this;
  }

  async isMade(content: ContentId, options?: CallOptions): Promise<boolean> {
    return this.#blobOf(content) === undefined && isMade(this.#lower, content, options);
  }

  #blobOf({ mediaType, digest }: ContentId): AttachedBlob | undefined {
    return isManifestType(mediaType) ? undefined : this.#blobs.get(digest);
  }
}
