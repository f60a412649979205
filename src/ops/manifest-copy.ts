import { maxManifestSize } from '../content/limit.ts';
import { digestOf } from '../content/hash.ts';
import { checkDigest, collectVerified } from '../content/verify.ts';
import { isOciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import { canFetchManifest, canPushTagged } from '../store/capabilities.ts';
import type { ContentSink, ContentSource } from '../store/store.ts';
import { onSide } from './copy-error.ts';
import type { CopySlots } from './copy-slots.ts';
import { openContent } from './read.ts';

export interface ManifestCopyOptions {
  readonly signal: AbortSignal;
  readonly slots: CopySlots;
  /** Manifests that are not at the source, by digest. */
  readonly manifests?: ReadonlyMap<Digest, Uint8Array> | undefined;
  /** What tags of the sink name, where that has been asked already. */
  readonly tagged?: ReadonlyMap<string, Promise<Descriptor | undefined>> | undefined;
}

/** Brings single manifests from one store to another, and asks both about them. */
export class ManifestCopy {
  readonly #source: ContentSource;
  readonly #sink: ContentSink;
  readonly #options: ManifestCopyOptions;

  constructor(source: ContentSource, sink: ContentSink, options: ManifestCopyOptions) {
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
  }

  /** The verified bytes of a manifest of the source. */
  async read(target: Descriptor): Promise<Uint8Array> {
    const { manifests, signal, slots } = this.#options;
    const made = manifests?.get(target.digest);
    if (made !== undefined) return made;
    const options = { signal };
    const read = async (): Promise<Uint8Array> => {
      if (isManifestType(target.mediaType) || target.data !== undefined || !canFetchManifest(this.#source)) {
        return collectVerified(await openContent(this.#source, target, options), target, maxManifestSize);
      }
      // By its type a store would take it for a blob.
      const { bytes } = await this.#source.fetchManifest(target.digest, options);
      checkDigest(digestOf(bytes, algorithmOf(target.digest)), target.digest);
      return bytes;
    };
    return slots.transfer(target.size, () => onSide('source', read));
  }

  /** Sends a manifest to the sink, under its digest or a tag. */
  async put(target: Descriptor, bytes: Uint8Array, tag?: string): Promise<void> {
    await this.#options.slots.transfer(target.size, () => onSide('target', () => this.#send(target, bytes, tag)));
  }

  async #send(target: Descriptor, bytes: Uint8Array, tag: string | undefined): Promise<void> {
    const options = { signal: this.#options.signal };
    if (canPushTagged(this.#sink) && (tag !== undefined || !isManifestType(target.mediaType))) {
      return this.#sink.pushTagged(target, bytes, tag ?? target.digest, options);
    }
    await this.#sink.push(target, bytes, options);
    if (tag !== undefined) await this.#sink.tag(target, tag, options);
  }

  async exists(target: Descriptor): Promise<boolean> {
    const found = await this.#options.slots.ask(() =>
      onSide('target', () => this.#sink.stat(target, { signal: this.#options.signal })),
    );
    return found?.size === target.size;
  }

  /** A registry with immutable tags refuses even the same manifest, so it is not sent where the tag already names it. */
  async isTagged(target: Descriptor, tag: string): Promise<boolean> {
    const found = await this.named(tag);
    return found?.digest === target.digest && !isOtherType(found.mediaType, target.mediaType);
  }

  /** What a tag names at the sink, as far as that can be asked. */
  async named(tag: string): Promise<Descriptor | undefined> {
    const sink = this.#sink as ContentSink & Partial<ContentSource>;
    const asked = this.#options.tagged?.get(tag);
    if (asked === undefined && sink.resolve === undefined) return undefined;
    try {
      return await this.#options.slots.ask(async () => asked ?? sink.resolve?.(tag, { signal: this.#options.signal }));
    } catch {
      // Whatever keeps the tag from being read, the push shows whether it matters.
      this.#options.signal.throwIfAborted();
      return undefined;
    }
  }

  /** What the source knows of a manifest, if it has it. */
  async resolve({ digest }: Descriptor): Promise<Descriptor | undefined> {
    try {
      return await this.#options.slots.ask(() =>
        onSide('source', () => this.#source.resolve(digest, { signal: this.#options.signal })),
      );
    } catch (error) {
      if (isOciError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

/** Bytes without a type of their own may be given another one. */
function isOtherType(before: string, after: string): boolean {
  return before !== after && isManifestType(before) && isManifestType(after);
}
