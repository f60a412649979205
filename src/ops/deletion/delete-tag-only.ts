import { isOciError, lowerFirst, messageOf, OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { CallOptions } from '../../options.ts';
import { canPushTagged, type Deleter } from '../../store/capabilities.ts';
import type { ContentStore } from '../../store/store.ts';
import { copyGraph } from '../copy.ts';
import { randomImage } from '../random.ts';
import { rawManifestOf } from '../read.ts';
import { openArtifact } from '../resolve.ts';

/** How a tag was deleted. */
export type TagDeletion =
  /** By its name. */
  | 'tag'
  /** It was let name an image made for that, which then was deleted with it. */
  | 'placeholder';

/**
 * Deletes a tag and never what it names, also where a registry deletes by digest only (demand-and-quirks reference, Q-70): there
 * the tag is let name a small image that nobody else has, since it is random, and that image is deleted with its tag. Its layer and
 * config stay until the registry collects garbage. When that fails the tag names again what it did, byte for byte.
 *
 * @throws {OciError} `NOT_FOUND`; what refused it, in the message whether the tag is as it was; `CONFLICT` when somebody else has
 *   changed the tag meanwhile: then it is left as it is
 */
export async function deleteTagOnly(
  store: ContentStore & Deleter,
  tag: string,
  options: CallOptions = {},
): Promise<TagDeletion> {
  try {
    await store.deleteTag(tag, options);
    return 'tag';
  } catch (error) {
    if (!isOciError(error, 'UNSUPPORTED')) throw error;
  }
  await new TagReplacement(store, tag, options).run();
  return 'placeholder';
}

interface KeptManifest {
  readonly root: Descriptor;
  readonly bytes: Uint8Array;
}

class TagReplacement {
  readonly #store: ContentStore & Deleter;
  readonly #tag: string;
  readonly #signal: AbortSignal | undefined;

  constructor(store: ContentStore & Deleter, tag: string, { signal }: CallOptions) {
    this.#store = store;
    this.#tag = tag;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const options = { signal: this.#signal };
    const old = await openArtifact(this.#store, this.#tag, options);
    const kept = { root: old.root, bytes: await rawManifestOf(old, options) };
    const placeholder = await randomImage({ layers: 1, layerSize: 32 });
    const { root } = placeholder;
    try {
      await copyGraph(placeholder.store, this.#store, root, { ...options, tag: this.#tag });
      await this.#expectTag(root);
      await this.#store.deleteManifest(root.digest, options);
      if ((await this.#named(options))?.digest === root.digest) throw this.#stillThere();
    } catch (error) {
      throw await this.#restored(kept, root, error);
    }
  }

  /** Between the two requests somebody may have pushed, and some registries keep other bytes than they get. */
  async #expectTag({ digest }: Descriptor): Promise<void> {
    const named = await this.#named({ signal: this.#signal });
    if (named?.digest === digest) return;
    throw new OciError('CONFLICT', `The tag ${quoted(this.#tag)} has been changed by somebody else`);
  }

  #stillThere(): OciError {
    return new OciError('UNSUPPORTED', 'The registry deletes manifests, but keeps their tags');
  }

  /** The failure, and in its words what became of the tag. */
  async #restored(kept: KeptManifest, placeholder: Descriptor, error: unknown): Promise<unknown> {
    const tag = quoted(this.#tag);
    // The caller's own end must not leave the tag as it is now.
    const options = { signal: AbortSignal.timeout(restoreLimit) };
    try {
      const named = await this.#named(options);
      const isForeign = named !== undefined && named.digest !== placeholder.digest && named.digest !== kept.root.digest;
      // What the registry made of the placeholder itself is nobody else's.
      const isOthers = isForeign && !isOciError(error, 'DIGEST_MISMATCH');
      if (isOthers) await this.#store.deleteManifest(placeholder.digest, options).catch(() => {});
      else if (named?.digest !== kept.root.digest) await this.#putBack(kept, options);
      if (!isOciError(error)) return error;
      const state = isOthers ? `it names ${named.digest} now and named ${kept.root.digest} before` : 'it is as it was';
      return new OciError(error.code, `The tag ${tag} could not be deleted, ${state}: ${lowerFirst(error.message)}`, {
        cause: error,
        hint: error.hint,
      });
    } catch (cause) {
      const why = `${lowerFirst(messageOf(error))}; and then: ${lowerFirst(messageOf(cause))}`;
      return new OciError(
        'CONFLICT',
        `The tag ${tag} names a placeholder now, ${placeholder.digest}, and not ${kept.root.digest}, which could not be put back: ${why}`,
        { cause, hint: `Give the tag to its manifest again: crane tag REPOSITORY@${kept.root.digest} ${this.#tag}` },
      );
    }
  }

  async #putBack({ root, bytes }: KeptManifest, options: CallOptions): Promise<void> {
    if (canPushTagged(this.#store)) return this.#store.pushTagged(root, bytes, this.#tag, options);
    await this.#store.push(root, bytes, options);
    await this.#store.tag(root, this.#tag, options);
  }

  /** `undefined` when there is no such tag; some registries hide that with other refusals (demand-and-quirks reference, Q-15). */
  async #named(options: CallOptions): Promise<Descriptor | undefined> {
    try {
      return await this.#store.resolve(this.#tag, options);
    } catch (error) {
      if (absent.some((code) => isOciError(error, code))) return undefined;
      throw error;
    }
  }
}

const absent = ['NOT_FOUND', 'DENIED', 'UNAUTHORIZED'] as const;

/** Milliseconds for putting a tag back. */
const restoreLimit = 30_000;
