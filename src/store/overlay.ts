import type { ByteSource, ByteStream } from '../content/bytes.ts';
import { isOciError } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { CallOptions } from '../options.ts';
import { isMade, type LayeredSource, originOf } from './capabilities.ts';
import type { ContentSource, ContentStore } from './store.ts';

/** Writes go to `upper`; reads look there first, then in `lower`. What every change of an image stands on. */
export class OverlayStore implements ContentStore, LayeredSource {
  readonly #upper: ContentStore;
  readonly #lower: ContentSource;

  constructor(upper: ContentStore, lower: ContentSource) {
    this.#upper = upper;
    this.#lower = lower;
  }

  async resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    try {
      return await this.#upper.resolve(reference, options);
    } catch (error) {
      if (!isOciError(error, 'NOT_FOUND')) throw error;
      return this.#lower.resolve(reference, options);
    }
  }

  async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    return (await this.#upper.stat(content, options)) ?? this.#lower.stat(content, options);
  }

  async fetch(target: Descriptor, options?: CallOptions): Promise<ByteStream> {
    return (await this.#storeOf(target, options)).fetch(target, options);
  }

  async originOf(content: ContentId, options?: CallOptions): Promise<ContentSource> {
    return originOf(await this.#storeOf(content, options), content, options);
  }

  async isMade(content: ContentId, options?: CallOptions): Promise<boolean> {
    return (await this.#storeOf(content, options)) === this.#upper || isMade(this.#lower, content, options);
  }

  async push(expected: Descriptor, content: ByteSource, options?: CallOptions): Promise<void> {
    await this.#upper.push(expected, content, options);
  }

  async tag(target: Descriptor, reference: string, options?: CallOptions): Promise<void> {
    if (
      (await this.#upper.stat(target, options)) === undefined &&
      (await this.#lower.stat(target, options)) !== undefined
    ) {
      await this.#upper.push(target, await this.#lower.fetch(target, options), options);
    }
    await this.#upper.tag(target, reference, options);
  }

  async #storeOf(content: ContentId, options?: CallOptions): Promise<ContentSource> {
    return (await this.#upper.stat(content, options)) === undefined ? this.#lower : this.#upper;
  }
}
