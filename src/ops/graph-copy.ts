import { joinSignals } from '../async/join-signals.ts';
import { Limiter } from '../async/limiter.ts';
import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { childrenOf, type Manifest, parseManifest } from '../oci/manifest.ts';
import { isManifestType } from '../oci/media-type.ts';
import { isMade, isSameStore, originOf } from '../store/capabilities.ts';
import type { ProgressEvent } from '../store/progress.ts';
import type { ContentSink, ContentSource } from '../store/store.ts';
import { BlobCopy } from './blob-copy.ts';
import { CopyError } from './copy-error.ts';
import type { ChildFilter, CopyOptions, CopySummary } from './copy-options.ts';
import { CopyRun } from './copy-run.ts';
import { CopySlots } from './copy-slots.ts';
import { DigestTagCopy } from './digest-tag-copy.ts';
import { ManifestCopy } from './manifest-copy.ts';
import { ManifestPush } from './manifest-push.ts';
import { ReferrerCopy } from './referrer-copy.ts';

export interface GraphCopyOptions extends CopyOptions {
  /** A root that fails leaves the others going. @default false */
  readonly keepGoing?: boolean | undefined;
  /** Digest tags that name other content at the sink stay as they are. @default false */
  readonly keepDigestTags?: boolean | undefined;
  /** Manifests that are made from what is at the source and not there themselves, by digest: trimmed indexes. @default none */
  readonly manifests?: ReadonlyMap<Digest, Uint8Array> | undefined;
  /** What tags of the sink name, where that has been asked already. @default the sink is asked */
  readonly tagged?: ReadonlyMap<string, Promise<Descriptor | undefined>> | undefined;
}

/** A manifest on its way. */
interface Visit {
  readonly run: CopyRun;
  /** Indexes above it. */
  readonly depth: number;
  /** Whether an index lists it: then it may be a manifest of a type that nobody knows. */
  readonly isListed?: boolean | undefined;
  /** Subjects above it. */
  readonly level: number;
  readonly tag?: string | undefined;
  /** Its bytes, where they have been read already. */
  readonly bytes?: Uint8Array | undefined;
}

const defaultMaxDepth = 8;

/** Several roots between the same two stores: what they share moves once, and the first failure ends them all. */
export class GraphCopy {
  readonly #source: ContentSource;
  readonly #sink: ContentSink;
  readonly #options: GraphCopyOptions;
  readonly #onProgress: ((event: ProgressEvent) => void) | undefined;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #slots: CopySlots;
  readonly #blobs: BlobCopy;
  readonly #manifests: ManifestCopy;
  readonly #pushes: ManifestPush;
  readonly #referrers: ReferrerCopy | undefined;
  readonly #digestTags: DigestTagCopy | undefined;
  readonly #visits = new Map<Digest, Promise<void>>();

  /** @throws {OciError} `UNSUPPORTED` when referrers are wanted and the source cannot list them */
  constructor(source: ContentSource, sink: ContentSink, options: GraphCopyOptions = {}) {
    const { concurrency, nonDistributable = false, onProgress, referrers = false, signal } = options;
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
    this.#onProgress = onProgress;
    this.#signal = joinSignals(signal, this.#abort.signal);
    this.#slots = new CopySlots(concurrency, this.#signal);
    this.#blobs = new BlobCopy(source, sink, {
      signal: this.#signal,
      nonDistributable,
      onProgress,
      slots: this.#slots,
    });
    const { manifests, tagged } = options;
    this.#manifests = new ManifestCopy(source, sink, { signal: this.#signal, slots: this.#slots, manifests, tagged });
    this.#pushes = new ManifestPush({
      blobs: this.#blobs,
      manifests: this.#manifests,
      isSparse: options.includeChild !== undefined,
      childrenOf: async (target, bytes) => this.#childrenOf(parseManifest(bytes, target), target),
      warn: (message) => this.#warn(message),
    });
    if (referrers !== false) this.#referrers = this.#followReferrers(referrers === true ? {} : referrers);
    if (options.digestTags === true) this.#digestTags = this.#followDigestTags(options.keepDigestTags);
  }

  /** @see copyGraph */
  async copy(root: Descriptor, tag?: string): Promise<CopySummary> {
    const run = new CopyRun();
    try {
      const visit = { run, depth: 0, level: 0, tag };
      if (tag !== undefined) this.#onProgress?.({ type: 'queued', target: root });
      await (tag === undefined ? this.#visit(root, visit) : this.#copyManifest(root, visit));
      await run.settle();
      await this.#digestTags?.copy(run);
      return run.summary();
    } catch (error) {
      await this.#end(run, error);
      throw error;
    }
  }

  /** Of what a failed call has begun, nothing goes on. */
  async #end(run: CopyRun, error: unknown): Promise<void> {
    if (this.#options.keepGoing !== true) {
      this.#abort.abort(error);
      await Promise.allSettled([...this.#visits.values(), this.#slots.settle()]);
    }
    await Promise.allSettled(run.followers);
  }

  #visit(target: Descriptor, visit: Visit): Promise<void> {
    const known = this.#visits.get(target.digest);
    if (known !== undefined) return known;
    this.#onProgress?.({ type: 'queued', target });
    const task =
      isManifestType(target.mediaType) || visit.bytes !== undefined || visit.depth + visit.level === 0
        ? this.#copyManifest(target, visit)
        : this.#copyBlob(target, visit);
    this.#visits.set(target.digest, task);
    // A sibling may fail first; this rejection is then awaited only by allSettled. Another root may try again.
    task.catch(() => this.#visits.delete(target.digest));
    return task;
  }

  async #copyManifest(target: Descriptor, visit: Visit): Promise<void> {
    const copied = this.#bringManifest(target, visit);
    copied.catch(() => {});
    visit.run.unlooked.add(target.digest);
    this.#referrers?.follow(target, copied, visit.run, visit.level);
    await copied;
  }

  async #bringManifest(target: Descriptor, visit: Visit): Promise<void> {
    const { run, tag } = visit;
    const isHome = await this.#isHome(target);
    if (isHome && tag === undefined && !this.#wantsAttachments) return this.#found(target, visit);
    const known = this.#isKnown(target, tag);
    known.catch(() => {});
    const isTrusted = isHome || (this.#options.trustManifests === true && known);
    const { bytes, children } = await this.#bringChildren(target, visit, isTrusted).catch(async (error: unknown) => {
      await known.catch(() => {});
      throw error;
    });
    if (await known) return this.#found(target, visit);
    await this.#pushes.push(target, bytes, children, tag);
    run.movedManifest();
    this.#onProgress?.({ type: 'finish', target, tag });
  }

  /** Whether the sink has the manifest under its tag, as far as that is likely. */
  async #isKnown(target: Descriptor, tag: string | undefined): Promise<boolean> {
    if (await isMade(this.#source, target, { signal: this.#signal })) return false;
    return tag === undefined ? this.#manifests.exists(target) : this.#manifests.isTagged(target, tag);
  }

  #found(target: Descriptor, { run, tag }: Visit): void {
    this.#pushes.isThere(target);
    run.foundManifest();
    this.#onProgress?.({ type: 'skip', target, reason: 'exists', tag });
  }

  /** Whether the manifest comes from the place that it goes to, where all that it names is already. */
  async #isHome(target: Descriptor): Promise<boolean> {
    if (this.#options.manifests?.has(target.digest) === true) return false;
    return isSameStore(this.#sink, await originOf(this.#source, target, { signal: this.#signal }));
  }

  /** @param isTrusted whether the sink is sure to have all that the manifest names */
  async #bringChildren(
    target: Descriptor,
    visit: Visit,
    isTrusted: boolean | Promise<boolean>,
  ): Promise<{ readonly bytes: Uint8Array; readonly children: readonly Descriptor[] }> {
    const bytes = visit.bytes ?? (await this.#manifests.read(target));
    const manifest = this.#parse(bytes, target, visit);
    const children = manifest === undefined ? [] : await this.#childrenOf(manifest, target);
    await this.#visitAll((await isTrusted) ? this.#neededBelow(children) : children, visit, manifest);
    return { bytes, children };
  }

  /** A manifest is held in memory until its children are there, so that an index of thousands takes them bit by bit. */
  async #visitAll(
    children: readonly Descriptor[],
    { run, depth, level }: Visit,
    parent: Manifest | undefined,
  ): Promise<void> {
    const manifests = new Limiter(this.#slots.waiting);
    const below = { run, level, depth: depth + 1, isListed: parent?.kind === 'index' };
    const tasks = children.map((child) =>
      isManifestType(child.mediaType)
        ? manifests.run(() => this.#visit(child, below), this.#signal)
        : this.#visit(child, below),
    );
    // Where a failure does not end the copy, no child may still run when its parent has failed.
    if (this.#survivesFailures(level)) await Promise.allSettled(tasks);
    await Promise.all(tasks);
  }

  #survivesFailures(level: number): boolean {
    const { keepGoing = false, referrers = false } = this.#options;
    return keepGoing || (level > 0 && typeof referrers === 'object' && referrers.bestEffort === true);
  }

  async #copyBlob(target: Descriptor, visit: Visit): Promise<void> {
    // Old tools leave the type of a child out.
    if (visit.isListed === true && target.mediaType === '') {
      const found = await this.#manifests.resolve(target);
      if (found !== undefined) return this.#copyManifest({ ...target, mediaType: found.mediaType }, visit);
    }
    try {
      this.#count(target, await this.#blobs.copy(target), visit.run);
    } catch (error) {
      const isMissing = error instanceof CopyError && error.side === 'source' && error.code === 'NOT_FOUND';
      // An index may list manifests of types that only those know who wrote them.
      if (visit.isListed !== true || !isMissing || (await this.#manifests.resolve(target)) === undefined) throw error;
      await this.#copyManifest(target, visit);
    }
  }

  #count(target: Descriptor, outcome: Awaited<ReturnType<BlobCopy['copy']>>, run: CopyRun): void {
    if (outcome === 'moved') run.movedBlob(target);
    else if (outcome === 'mounted') run.mountedBlob();
    else if (outcome === 'exists') run.foundBlob();
    if (outcome === 'mounted' || outcome === 'exists') this.#pushes.isThere(target);
  }

  /** @returns `undefined` for a manifest of a type that is not known and that names no other content */
  #parse(bytes: Uint8Array, target: Descriptor, { depth }: Visit): Manifest | undefined {
    const { maxDepth = defaultMaxDepth } = this.#options;
    let manifest: Manifest;
    try {
      manifest = parseManifest(bytes, target);
    } catch (error) {
      // Without what it names it would be a copy by halves.
      if (isManifestType(target.mediaType) || namesContent(bytes)) throw error;
      return undefined;
    }
    if (manifest.kind === 'index' && depth > maxDepth) {
      throw new OciError('LIMIT_EXCEEDED', `Index ${target.digest} is nested more than ${maxDepth} levels deep`);
    }
    return manifest;
  }

  /** Schema 1 lists digests without sizes, which the source has to state. */
  async #childrenOf(manifest: Manifest, target: Descriptor): Promise<readonly Descriptor[]> {
    if (manifest.kind === 'index') return childrenOf(manifest).filter((child) => this.#includes(child, target));
    if (manifest.kind === 'image') return childrenOf(manifest);
    return Promise.all(
      manifest.layers.map(async (layer) => {
        const found = await this.#slots.ask(() => this.#source.stat(layer, { signal: this.#signal }));
        if (found === undefined) throw new OciError('NOT_FOUND', `The source has no layer ${layer.digest}`);
        return found;
      }),
    );
  }

  #includes(...[child, parent]: Parameters<ChildFilter>): boolean {
    return this.#options.includeChild?.(child, parent) ?? true;
  }

  /** What has to be visited under a manifest that is trusted to be complete: manifests whose attachments are wanted. */
  #neededBelow(children: readonly Descriptor[]): readonly Descriptor[] {
    if (!this.#wantsAttachments) return [];
    return children.filter(({ mediaType }) => isManifestType(mediaType));
  }

  get #wantsAttachments(): boolean {
    return this.#referrers !== undefined || this.#digestTags !== undefined;
  }

  #followReferrers(options: Exclude<CopyOptions['referrers'], boolean | undefined>): ReferrerCopy {
    const host = {
      source: this.#source,
      sink: this.#sink,
      signal: this.#signal,
      ask: <T>(question: () => Promise<T>) => this.#slots.ask(question),
      read: (target: Descriptor) => this.#manifests.read(target),
      copy: (target: Descriptor, bytes: Uint8Array, run: CopyRun, level: number) =>
        this.#visit(target, { run, level, depth: 0, bytes }),
      resend: (target: Descriptor, bytes: Uint8Array) => this.#manifests.put(target, bytes),
      wasThere: (digest: Digest) => this.#pushes.wasThere(digest),
      warn: (message: string) => this.#warn(message),
    };
    return new ReferrerCopy(host, options);
  }

  #followDigestTags(keep: boolean | undefined): DigestTagCopy {
    const host = {
      source: this.#source,
      signal: this.#signal,
      ask: <T>(question: () => Promise<T>) => this.#slots.ask(question),
      copy: (root: Descriptor, run: CopyRun, tag: string) => this.#copyManifest(root, { run, depth: 0, level: 0, tag }),
      named: (tag: string) => this.#manifests.named(tag),
      warn: (message: string) => this.#warn(message),
    };
    return new DigestTagCopy(host, { keep });
  }

  #warn(message: string): void {
    this.#onProgress?.({ type: 'warning', message });
  }
}

/** Whether there is a digest in a document of a kind that nobody knows. */
function namesContent(bytes: Uint8Array): boolean {
  return /"sha(?:256|512):[a-f0-9]{64}/.test(Buffer.from(bytes).toString('latin1'));
}
