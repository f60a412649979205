import { isOciError, OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type Referrer, referrerIn } from '../oci/referrer.ts';
import { canKeepReferrers, canListReferrers } from '../store/capabilities.ts';
import type { ContentSink, ContentSource } from '../store/store.ts';
import { onSide } from './copy-error.ts';
import type { ReferrerCopyOptions } from './copy-options.ts';
import type { CopyRun } from './copy-run.ts';

/** What following referrers needs of the copy it belongs to. */
export interface ReferrerHost {
  readonly source: ContentSource;
  readonly sink: ContentSink;
  readonly signal: AbortSignal;
  ask<T>(question: () => Promise<T>): Promise<T>;
  /** The verified bytes of a manifest of the source. */
  read(target: Descriptor): Promise<Uint8Array>;
  /** Copies a referrer with all below and behind it. */
  copy(target: Descriptor, bytes: Uint8Array, run: CopyRun, level: number): Promise<void>;
  /** Sends a manifest that the sink has already. */
  resend(target: Descriptor, bytes: Uint8Array): Promise<void>;
  /** Whether the sink had the content before. */
  wasThere(digest: Digest): boolean;
  warn(message: string): void;
}

/** A referrer on its way. */
interface Arrival {
  readonly referrer: Referrer;
  readonly bytes: Uint8Array;
}

const defaultDepth = 8;
const defaultCount = 10_000;

/** Copies what refers to manifests, after them: some registries refuse a referrer whose subject they do not have (demand-and-quirks reference, Q-69). */
export class ReferrerCopy {
  readonly #host: ReferrerHost;
  readonly #options: ReferrerCopyOptions;
  /** By subject: whether it came, and its referrers with it. */
  readonly #followed = new Map<Digest, Promise<boolean>>();
  #count = 0;

  /** @throws {OciError} `UNSUPPORTED` when the source cannot list referrers */
  constructor(host: ReferrerHost, options: ReferrerCopyOptions) {
    if (!canListReferrers(host.source)) {
      throw new OciError('UNSUPPORTED', 'The source cannot list referrers', {
        hint: 'Registries, OCI layouts and OCI archives can; a docker archive has none',
      });
    }
    this.#host = host;
    this.#options = options;
  }

  /**
   * Looks for the referrers of a manifest at once, and copies them when it is there itself.
   *
   * @param copied settles when the manifest is at the sink
   * @param level how many subjects are above the manifest
   */
  follow(subject: Descriptor, copied: Promise<void>, run: CopyRun, level: number): void {
    const earlier = this.#followed.get(subject.digest);
    const task = this.#copyUnless(earlier, subject, copied, run, level);
    this.#followed.set(subject.digest, task);
    run.follow(task);
  }

  async #list(subject: Descriptor, level: number): Promise<readonly Descriptor[]> {
    const { source, signal } = this.#host;
    if (!canListReferrers(source)) return [];
    const found = await this.#host.ask(() => onSide('source', () => source.referrers(subject, { signal })));
    const { artifactTypes = [], maxDepth = defaultDepth, maxCount = defaultCount } = this.#options;
    // What refers to a chosen referrer, a signature of an SBOM, comes along whatever it is.
    const all = artifactTypes.length > 0 && level === 0;
    const wanted = all ? found.filter(({ artifactType }) => artifactTypes.includes(artifactType ?? '')) : found;
    if (wanted.length > 0 && level >= maxDepth) {
      throw new OciError(
        'LIMIT_EXCEEDED',
        `Referrers of referrers are more than ${maxDepth} levels deep at ${subject.digest}`,
      );
    }
    this.#count += wanted.length;
    if (this.#count > maxCount) {
      throw new OciError(
        'LIMIT_EXCEEDED',
        `There are more than ${maxCount} referrers, up to those of ${subject.digest}`,
      );
    }
    return wanted;
  }

  /** @returns whether the subject is there, and its referrers with it */
  async #copyUnless(
    earlier: Promise<boolean> | undefined,
    subject: Descriptor,
    copied: Promise<void>,
    run: CopyRun,
    level: number,
  ): Promise<boolean> {
    // Where a failure does not end the others, another root may bring what this one could not.
    if (earlier !== undefined && (await earlier.catch(() => false))) return true;
    const listed = this.#list(subject, level);
    listed.catch(() => {});
    try {
      await copied;
    } catch {
      // Whoever wanted the subject learns of it, and decides whether it matters.
      return false;
    }
    await this.#copyAll(subject, listed, run, level);
    return true;
  }

  async #copyAll(
    subject: Descriptor,
    listed: Promise<readonly Descriptor[]>,
    run: CopyRun,
    level: number,
  ): Promise<void> {
    const found = await this.#unlessBestEffort(`The referrers of ${subject.digest} cannot be listed`, listed);
    const arrivals = await Promise.all((found ?? []).map((entry) => this.#copyOne(subject, entry, run, level)));
    const arrived = arrivals.filter((arrival) => arrival !== undefined);
    for (const { referrer } of arrived) run.referrers.push(referrer);
    await this.#ensureListed(subject, arrived);
  }

  async #copyOne(subject: Descriptor, entry: Descriptor, run: CopyRun, level: number): Promise<Arrival | undefined> {
    const what = `The referrer ${entry.digest}${kindOf(entry)} of ${subject.digest}`;
    return this.#unlessBestEffort(`${what} cannot be copied`, this.#copyEntry(subject, entry, run, level, what));
  }

  async #copyEntry(
    subject: Descriptor,
    entry: Descriptor,
    run: CopyRun,
    level: number,
    what: string,
  ): Promise<Arrival | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#host.read(entry);
    } catch (error) {
      // Lists under a tag are not changed by those who delete.
      if (!isOciError(error, 'NOT_FOUND')) throw error;
      this.#host.warn(`${what} is listed, but not there`);
      return undefined;
    }
    const referrer = referrerIn(bytes, entry);
    // This also keeps lists that go in circles from being followed: no manifest can name its own referrer's digest.
    if (referrer?.subject !== subject.digest) {
      this.#host.warn(`${what} is left out: it does not name this manifest as its subject`);
      return undefined;
    }
    await this.#host.copy(entry, bytes, run, level + 1);
    return { referrer, bytes };
  }

  /** @returns `undefined` when a failure is only worth a warning */
  async #unlessBestEffort<T>(what: string, task: Promise<T>): Promise<T | undefined> {
    try {
      return await task;
    } catch (error) {
      this.#host.signal.throwIfAborted();
      if (!isOciError(error)) throw error;
      if (this.#options.bestEffort !== true) throw refused(error, what);
      this.#host.warn(`${what}: ${error.message}`);
      return undefined;
    }
  }

  /**
   * Whoever keeps lists of referrers has to know those that came. One that was there before may be missing in the list,
   * where the list is a tag and a copy ended between the two.
   */
  async #ensureListed(subject: Descriptor, arrivals: readonly Arrival[]): Promise<void> {
    const { sink, signal } = this.#host;
    if (arrivals.length === 0) return;
    if (canKeepReferrers(sink)) {
      const referrers = arrivals.map(({ referrer }) => referrer);
      return onSide('target', () => sink.keepReferrers(referrers, { signal }));
    }
    const old = arrivals.filter(({ referrer }) => this.#host.wasThere(referrer.descriptor.digest));
    if (old.length === 0 || !canListReferrers(sink)) return;
    const what = `The referrers of ${subject.digest} cannot be listed at the target`;
    const listed = await this.#unlessBestEffort(
      what,
      this.#host.ask(() => onSide('target', () => sink.referrers(subject, { signal }))),
    );
    const known = new Set(listed?.map(({ digest }) => digest));
    for (const { referrer, bytes } of old) {
      if (listed !== undefined && !known.has(referrer.descriptor.digest)) {
        await this.#host.resend(referrer.descriptor, bytes);
      }
    }
  }
}

function kindOf({ artifactType }: Descriptor): string {
  return artifactType === undefined ? '' : ` (${artifactType})`;
}

function refused(error: OciError, what: string): OciError {
  const said = error.message.startsWith(what) ? error.message : `${what}: ${error.message}`;
  return new OciError(error.code, said, {
    cause: error,
    hint: error.hint ?? 'With --referrers=best-effort what cannot be copied is a warning',
  });
}
