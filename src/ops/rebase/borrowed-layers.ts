import type { ByteStream } from '../../content/bytes.ts';
import type { ContentId, Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { isManifestType } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import { type LayeredSource, originOf } from '../../store/capabilities.ts';
import type { TransferOptions } from '../../store/progress.ts';
import type { ContentSource } from '../../store/store.ts';

/**
 * A source, and some blobs that are in others: it is known where each is, so that nobody is asked. Copies mount and read them
 * where they are.
 */
export class BorrowedLayers implements ContentSource, LayeredSource {
  readonly #lower: ContentSource;
  readonly #places: ReadonlyMap<Digest, ContentSource>;

  constructor(places: ReadonlyMap<Digest, ContentSource>, lower: ContentSource) {
    this.#lower = lower;
    this.#places = places;
  }

  resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    return this.#lower.resolve(reference, options);
  }

  stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#placeOf(content).stat(content, options);
  }

  fetch(target: Descriptor, options?: TransferOptions): Promise<ByteStream> {
    return this.#placeOf(target).fetch(target, options);
  }

  originOf(content: ContentId, options?: CallOptions): Promise<ContentSource> {
    return originOf(this.#placeOf(content), content, options);
  }

  #placeOf({ mediaType, digest }: ContentId): ContentSource {
    return (isManifestType(mediaType) ? undefined : this.#places.get(digest)) ?? this.#lower;
  }
}
