import { joinSignals } from '../async/join-signals.ts';
import { Limiter } from '../async/limiter.ts';
import { maxManifestSize } from '../content/limit.ts';
import { collectVerified } from '../content/verify.ts';
import { isOciError, OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { childrenOf, type Manifest, parseManifest } from '../oci/manifest.ts';
import { isManifestType, isNonDistributableType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import { canMount, canPushFrom, canPushTagged, type Mounter } from '../store/capabilities.ts';
import type { ProgressEvent, ProgressOptions } from '../store/progress.ts';
import type { ContentSink, ContentSource } from '../store/store.ts';
import { openContent } from './read.ts';
import { SourceBlob } from './source-blob.ts';

export interface CopyOptions extends CallOptions, ProgressOptions {
  /**
   * How many blobs and manifests move at once.
   *
   * @default 4
   */
  readonly concurrency?: number | undefined;
  /**
   * Move layers that registries need not hold, too.
   *
   * @default false
   */
  readonly nonDistributable?: boolean | undefined;
}

/** Where a copy failed. `code` and `hint` are the cause's. */
export class CopyError extends OciError {
  override readonly name = 'CopyError';
  readonly side: 'source' | 'target';

  constructor(side: 'source' | 'target', cause: OciError) {
    super(cause.code, `${side === 'source' ? 'reading from the source' : 'writing to the target'}: ${cause.message}`, {
      cause,
      hint: cause.hint,
    });
    this.side = side;
  }
}

/** Questions whether content is there cost no bytes, so more of them go out at once than transfers do. */
const statsPerTransfer = 4;

/**
 * Copies the graph under `root`, children before parents, so that the sink never holds a manifest that points at nothing.
 * Pull, push, save, load and mirror are all this. What the sink has is not sent again; a manifest it has does not end the
 * walk, so that an interrupted copy heals when repeated. Rejects after everything it started has settled.
 *
 * @param tag what the sink shall call the root; without it the root is reachable by digest only
 */
export async function copyGraph(
  source: ContentSource,
  sink: ContentSink,
  root: Descriptor,
  options: CopyOptions & { readonly tag?: string | undefined } = {},
): Promise<void> {
  await new GraphCopy(source, sink, options).copy(root, options.tag);
}

/** Several roots between the same two stores: what they share moves once, and the first failure ends them all. */
export class GraphCopy {
  readonly #source: ContentSource;
  readonly #sink: ContentSink;
  readonly #mounter: Mounter | undefined;
  readonly #nonDistributable: boolean;
  readonly #onProgress: ((event: ProgressEvent) => void) | undefined;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #transfers: Limiter;
  readonly #stats: Limiter;
  readonly #concurrency: number;
  /** Questions under way, whose answers may no longer be wanted when something fails. */
  readonly #questions = new Set<Promise<unknown>>();
  readonly #visits = new Map<Digest, Promise<void>>();

  constructor(source: ContentSource, sink: ContentSink, options: CopyOptions = {}) {
    const { concurrency = 4, nonDistributable = false, onProgress, signal } = options;
    this.#source = source;
    this.#sink = sink;
    this.#mounter = canMount(sink) && sink.canMountFrom(source) ? sink : undefined;
    this.#nonDistributable = nonDistributable;
    this.#onProgress = onProgress;
    this.#signal = joinSignals(signal, this.#abort.signal);
    this.#transfers = new Limiter(concurrency);
    this.#stats = new Limiter(concurrency * statsPerTransfer);
    this.#concurrency = concurrency;
  }

  /** @see copyGraph */
  async copy(root: Descriptor, tag?: string): Promise<void> {
    try {
      if (tag === undefined) await this.#visit(root);
      else await this.#copyManifest(root, tag);
    } catch (error) {
      this.#abort.abort(error);
      await Promise.allSettled([...this.#visits.values(), ...this.#questions]);
      throw error;
    }
  }

  #visit(target: Descriptor): Promise<void> {
    const known = this.#visits.get(target.digest);
    if (known !== undefined) return known;
    this.#onProgress?.({ type: 'queued', target });
    const visit = isManifestType(target.mediaType) ? this.#copyManifest(target) : this.#copyBlob(target);
    // A sibling may fail first; this rejection is then awaited only by allSettled.
    visit.catch(() => {});
    this.#visits.set(target.digest, visit);
    return visit;
  }

  async #copyManifest(target: Descriptor, tag?: string): Promise<void> {
    const known = tag === undefined ? this.#exists(target) : this.#isTagged(target, tag);
    known.catch(() => {});
    const bytes = await this.#transfers.run(() => this.#read(target), this.#signal);
    await this.#visitAll(await this.#childrenOf(parseManifest(bytes, target)));
    if (await known) {
      this.#onProgress?.({ type: 'skip', target, reason: 'exists', tag });
      return;
    }
    await this.#transfers.run(() => this.#push(target, bytes, tag), this.#signal);
    this.#onProgress?.({ type: 'finish', target, tag });
  }

  /** A manifest is held in memory until its children are there, so that an index of thousands takes them bit by bit. */
  async #visitAll(children: readonly Descriptor[]): Promise<void> {
    const manifests = new Limiter(this.#concurrency * statsPerTransfer);
    await Promise.all(
      children.map((child) =>
        isManifestType(child.mediaType) ? manifests.run(() => this.#visit(child), this.#signal) : this.#visit(child),
      ),
    );
  }

  #read(target: Descriptor): Promise<Uint8Array> {
    return onSide('source', async () =>
      collectVerified(await openContent(this.#source, target, { signal: this.#signal }), target, maxManifestSize),
    );
  }

  #push(target: Descriptor, bytes: Uint8Array, tag: string | undefined): Promise<void> {
    return onSide('target', () => this.#put(target, bytes, tag));
  }

  async #put(target: Descriptor, bytes: Uint8Array, tag: string | undefined): Promise<void> {
    const options = { signal: this.#signal };
    if (tag === undefined) return this.#sink.push(target, bytes, options);
    if (canPushTagged(this.#sink)) return this.#sink.pushTagged(target, bytes, tag, options);
    await this.#sink.push(target, bytes, options);
    await this.#sink.tag(target, tag, options);
  }

  async #copyBlob(target: Descriptor): Promise<void> {
    if (isNonDistributableType(target.mediaType) && !this.#nonDistributable) {
      this.#onProgress?.({ type: 'skip', target, reason: 'nondistributable' });
      return;
    }
    if (await this.#exists(target)) {
      this.#onProgress?.({ type: 'skip', target, reason: 'exists' });
      return;
    }
    await this.#transfers.run(() => this.#moveBlob(target), this.#signal);
  }

  async #moveBlob(target: Descriptor): Promise<void> {
    const options = { signal: this.#signal };
    if (this.#mounter !== undefined && (await this.#mounter.mount(target, this.#source, options))) {
      this.#onProgress?.({ type: 'skip', target, reason: 'mounted' });
      return;
    }
    const transfer = { signal: this.#signal, onProgress: this.#onProgress };
    const content = new SourceBlob(this.#source, target, transfer);
    try {
      if (canPushFrom(this.#sink)) await this.#sink.pushFrom(target, content, transfer);
      else await this.#sink.push(target, await content.open(0), options);
    } catch (error) {
      throw isOciError(error) ? new CopyError(content.failed ? 'source' : 'target', error) : error;
    } finally {
      await content.cancel();
    }
    this.#onProgress?.({ type: 'finish', target });
  }

  async #exists(target: Descriptor): Promise<boolean> {
    const found = await this.#ask(() => onSide('target', () => this.#sink.stat(target, { signal: this.#signal })));
    // Of another length it is a remnant, or the descriptor is wrong: sending it shows which.
    return found?.size === target.size;
  }

  /** A registry with immutable tags refuses even the same manifest, so it is not sent where the tag already names it. */
  async #isTagged(target: Descriptor, tag: string): Promise<boolean> {
    const sink = this.#sink as ContentSink & Partial<ContentSource>;
    if (sink.resolve === undefined) return false;
    try {
      const found = await this.#ask(async () => sink.resolve?.(tag, { signal: this.#signal }));
      return found?.digest === target.digest;
    } catch {
      // Whatever keeps the tag from being read, the push shows whether it matters.
      this.#signal.throwIfAborted();
      return false;
    }
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    const asked = this.#stats.run(question, this.#signal);
    this.#questions.add(asked);
    try {
      return await asked;
    } finally {
      this.#questions.delete(asked);
    }
  }

  /** Schema 1 lists digests without sizes, which the source has to state. */
  async #childrenOf(manifest: Manifest): Promise<readonly Descriptor[]> {
    if (manifest.kind !== 'schema1') return childrenOf(manifest);
    return Promise.all(
      manifest.layers.map(async (layer) => {
        const found = await this.#ask(() => this.#source.stat(layer, { signal: this.#signal }));
        if (found === undefined) throw new OciError('NOT_FOUND', `The source has no layer ${layer.digest}`);
        return found;
      }),
    );
  }
}

async function onSide<T>(side: 'source' | 'target', task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw isOciError(error) ? new CopyError(side, error) : error;
  }
}
