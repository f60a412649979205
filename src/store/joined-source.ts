import type { ByteStream } from '../content/bytes.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { isMade, type LayeredSource, originOf } from './capabilities.ts';
import type { TransferOptions } from './progress.ts';
import type { ContentSource } from './store.ts';

/** Several sources as one. The first that has something gives it; what it is known to be in is not looked for elsewhere. */
export class JoinedSource implements ContentSource, LayeredSource {
  readonly #sources: readonly ContentSource[];
  readonly #places = new Map<Digest, ContentSource>();

  /** @param sources in the order in which they are asked */
  constructor(sources: Iterable<ContentSource>) {
    this.#sources = Array.from(new Set(sources));
  }

  /** Remembers where content is, which saves asking. */
  place(content: Pick<ContentId, 'digest'>, source: ContentSource): void {
    if (!this.#places.has(content.digest)) this.#places.set(content.digest, source);
  }

  async resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    for (const source of this.#sources) {
      try {
        return await source.resolve(reference, options);
      } catch (error) {
        if (!isOciError(error, 'NOT_FOUND')) throw error;
      }
    }
    throw new OciError('NOT_FOUND', `Nothing is named ${quoted(reference)}`);
  }

  async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    const known = this.#places.get(content.digest);
    if (known !== undefined) return known.stat(content, options);
    for (const source of this.#sources) {
      const found = await source.stat(content, options);
      if (found === undefined) continue;
      this.place(content, source);
      return found;
    }
    return undefined;
  }

  async fetch(target: Descriptor, options?: TransferOptions): Promise<ByteStream> {
    return (await this.#sourceOf(target, options)).fetch(target, options);
  }

  async originOf(content: ContentId, options?: CallOptions): Promise<ContentSource> {
    return originOf(await this.#sourceOf(content, options), content, options);
  }

  async isMade(content: ContentId, options?: CallOptions): Promise<boolean> {
    return isMade(await this.#sourceOf(content, options), content, options);
  }

  async #sourceOf(content: ContentId, options?: CallOptions): Promise<ContentSource> {
    if (!this.#places.has(content.digest) && this.#sources.length > 1) await this.stat(content, options);
    const source = this.#places.get(content.digest) ?? this.#sources[0];
    if (source === undefined) throw new OciError('NOT_FOUND', `No content has the digest ${content.digest}`);
    return source;
  }
}
