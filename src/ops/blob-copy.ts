import { isOciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isNonDistributableType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import { canMount, canPushFrom, isMade, originOf, vouchesFor } from '../store/capabilities.ts';
import type { ProgressOptions } from '../store/progress.ts';
import type { ContentSink, ContentSource } from '../store/store.ts';
import { CopyError, onSide } from './copy-error.ts';
import type { CopySlots } from './copy-slots.ts';
import { SourceBlob } from './source-blob.ts';

/** What had to be done for a blob: nothing, because it is there or need not be, or one of the ways to get it there. */
export type BlobOutcome = 'exists' | 'left' | 'mounted' | 'moved';

export interface BlobCopyOptions extends CallOptions, ProgressOptions {
  readonly signal: AbortSignal;
  readonly nonDistributable: boolean;
  readonly slots: CopySlots;
}

/** Up to here one request to look is worth no less than the bytes that it may spare. */
const maxUnaskedSize = 128 * 1024;

/** Brings single blobs from one store to another. */
export class BlobCopy {
  readonly #source: ContentSource;
  readonly #sink: ContentSink;
  readonly #options: BlobCopyOptions;

  constructor(source: ContentSource, sink: ContentSink, options: BlobCopyOptions) {
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
  }

  async copy(target: Descriptor): Promise<BlobOutcome> {
    const { nonDistributable, onProgress, slots } = this.#options;
    const isRestricted = isNonDistributableType(target.mediaType);
    if (isRestricted && !nonDistributable) {
      onProgress?.({ type: 'skip', target, reason: 'nondistributable' });
      return 'left';
    }
    const origin = await originOf(this.#source, target, this.#options);
    // A store may give a layer that it has only the address of.
    if ((!isRestricted && vouchesFor(this.#sink, origin)) || (await this.#exists(target))) {
      onProgress?.({ type: 'skip', target, reason: 'exists' });
      return 'exists';
    }
    return slots.transfer(target.size, async () => {
      if (await this.#mount(target, origin)) {
        onProgress?.({ type: 'skip', target, reason: 'mounted' });
        return 'mounted';
      }
      await this.#move(target, origin);
      return 'moved';
    });
  }

  /** Sends a blob without asking whether it is there: the sink's answer has turned out to be wrong. */
  async resend(target: Descriptor): Promise<void> {
    const origin = await originOf(this.#source, target, this.#options);
    await this.#options.slots.transfer(target.size, () => this.#move(target, origin));
  }

  async #exists(target: Descriptor): Promise<boolean> {
    const { signal, slots } = this.#options;
    if (target.size <= maxUnaskedSize && (await isMade(this.#source, target, { signal }))) return false;
    const found = await slots.ask(() => onSide('target', () => this.#sink.stat(target, { signal })));
    // Of another length it is a remnant, or the descriptor is wrong: sending it shows which.
    return found?.size === target.size;
  }

  async #mount(target: Descriptor, origin: ContentSource): Promise<boolean> {
    const { signal } = this.#options;
    return canMount(this.#sink) && this.#sink.canMountFrom(origin) && this.#sink.mount(target, origin, { signal });
  }

  async #move(target: Descriptor, origin: ContentSource): Promise<void> {
    const { signal, onProgress } = this.#options;
    const transfer = { signal, onProgress };
    const content = new SourceBlob(origin, target, transfer);
    try {
      if (canPushFrom(this.#sink)) await this.#sink.pushFrom(target, content, transfer);
      else await this.#sink.push(target, await content.open(0), { signal });
    } catch (error) {
      throw isOciError(error) ? new CopyError(content.failed ? 'source' : 'target', error) : error;
    } finally {
      await content.cancel();
    }
    onProgress?.({ type: 'finish', target });
  }
}
