import { isOciError } from '../errors.ts';
import { algorithmOf, type Digest, hexOf } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { canListTags } from '../store/capabilities.ts';
import type { ContentSource } from '../store/store.ts';

/**
 * The tags by which cosign and others attach content to a manifest: its digest with a dash, and an ending. The tag without
 * an ending is the list of referrers, which whoever gets the referrers keeps himself.
 */
export class DigestTags {
  readonly #source: ContentSource;
  #all: Promise<ReadonlyMap<string, readonly string[]> | undefined> | undefined;

  constructor(source: ContentSource) {
    this.#source = source;
  }

  /** The tags that belong to a manifest. The tags of the source are listed once, whatever number of manifests is asked for. */
  async of(digest: Digest, options: CallOptions = {}): Promise<readonly string[]> {
    this.#all ??= this.#list(options);
    const listed = await this.#all;
    const name = `${algorithmOf(digest)}-${hexOf(digest)}`;
    return listed === undefined ? this.#probe(name, options) : (listed.get(name) ?? []);
  }

  /** By what they belong to; `undefined` where the source does not list its tags, or not to us. */
  async #list(options: CallOptions): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
    if (!canListTags(this.#source)) return undefined;
    const found = new Map<string, string[]>();
    try {
      for await (const page of this.#source.tags(options)) {
        for (const tag of page) {
          const name = digestTag.exec(tag)?.[1];
          if (name === undefined) continue;
          const known = found.get(name);
          if (known === undefined) found.set(name, [tag]);
          else known.push(tag);
        }
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isOciError(error) || !noList.has(error.code)) throw error;
      return undefined;
    }
    return found;
  }

  async #probe(name: string, options: CallOptions): Promise<readonly string[]> {
    const found = await Promise.all(
      knownEndings.map(async (ending) => ((await this.#isThere(name + ending, options)) ? [name + ending] : [])),
    );
    return found.flat();
  }

  async #isThere(tag: string, options: CallOptions): Promise<boolean> {
    try {
      await this.#source.resolve(tag, options);
      return true;
    } catch (error) {
      if (isOciError(error, 'NOT_FOUND') || isOciError(error, 'DENIED')) return false;
      throw error;
    }
  }
}

const digestTag = /^(sha256-[a-f0-9]{64})\../;
const knownEndings: readonly string[] = ['.sig', '.att', '.sbom'];
const noList: ReadonlySet<string> = new Set(['NOT_FOUND', 'DENIED', 'UNAUTHORIZED', 'UNSUPPORTED']);
