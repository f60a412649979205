import { mapLimited } from '../../async/map-limited.ts';
import { isOciError, OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { referrersTag } from '../../oci/referrer.ts';
import type { CallOptions } from '../../options.ts';
import { canListEntries, canListReferrers } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';
import { manifestOf } from '../read.ts';
import { openArtifact } from '../resolve.ts';
import { surveyTags, type TagSurvey, type TagSurveyOptions } from '../tags/survey-tags.ts';

/** What is lost with a manifest. */
export interface DeletionPlan {
  readonly target: Descriptor;
  /** All tags that name it: they go with it. Only those that are known, where `tagsUnknown`. */
  readonly tags: readonly string[];
  /** Why there may be more tags, or indexes; `undefined` when there are none. */
  readonly tagsUnknown: OciError | undefined;
  /** Indexes that list it, with tags, or where the store lists those without as well: they stay, and are incomplete then. */
  readonly indexes: readonly ListingIndex[];
  /** Why there may be more indexes with tags; `undefined` when there are none. */
  readonly indexesUnknown: OciError | undefined;
  /** Signatures, SBOMs and the like whose subject it is: they stay, of no use to anybody. */
  readonly referrers: readonly Descriptor[];
  /** Why there may be more referrers; `undefined` when there are none. */
  readonly referrersUnknown: OciError | undefined;
  /** Tags that are made of its digest, as cosign's are: they stay, of no use to anybody. */
  readonly digestTags: readonly string[];
}

/** An index that lists a manifest. */
export interface ListingIndex {
  readonly digest: Digest;
  readonly tags: readonly string[];
}

export interface DeletionPlanOptions extends TagSurveyOptions {
  /** Of more indexes with tags none is read. @default 1000 */
  readonly maxIndexes?: number | undefined;
}

/**
 * Finds out what would be lost with a manifest, and changes nothing. What cannot be found out is no failure: the plan says so.
 *
 * @throws {OciError} `NOT_FOUND` when there is no such manifest
 */
export async function planDeletion(
  store: ContentSource,
  digest: Digest,
  options: DeletionPlanOptions = {},
): Promise<DeletionPlan> {
  return new DeletionPlanner(store, options).plan(digest, options);
}

/** Makes plans for several manifests of one store, and looks at its tags and indexes once. */
export class DeletionPlanner {
  readonly #store: ContentSource;
  readonly #options: DeletionPlanOptions;
  #survey: Promise<TagSurvey> | undefined;
  readonly #gone = new Set<string>();
  /** What indexes list. */
  readonly #children = new Map<Digest, ReadonlySet<Digest>>();

  constructor(store: ContentSource, options: Omit<DeletionPlanOptions, 'signal'> = {}) {
    this.#store = store;
    this.#options = options;
  }

  /** @throws {OciError} `NOT_FOUND` when there is no such manifest */
  async plan(digest: Digest, { signal }: CallOptions = {}): Promise<DeletionPlan> {
    const target = await this.#store.resolve(digest, { signal });
    const [survey, [referrers = [], referrersUnknown]] = await Promise.all([
      this.#lookAtTags(signal),
      attempt(this.#referrersOf(target, signal), signal),
    ]);
    const named = Array.from(survey.targets).filter(([tag]) => !this.#gone.has(tag));
    const tags = named.filter(([, { digest: other }]) => other === digest).map(([tag]) => tag);
    const [indexes = [], indexesUnknown] = await attempt(this.#indexesOf(digest, named, signal), signal);
    const list = referrersTag(digest);
    const isAttached = (tag: string): boolean => (tag === list || tag.startsWith(`${list}.`)) && !this.#gone.has(tag);
    return {
      target,
      tags,
      tagsUnknown: survey.gap,
      indexes,
      indexesUnknown: indexesUnknown ?? survey.gap,
      referrers,
      referrersUnknown,
      digestTags: survey.tags.filter(isAttached),
    };
  }

  /** These tags were deleted: no later plan has them. */
  forget(tags: readonly string[]): void {
    for (const tag of tags) this.#gone.add(tag);
  }

  async #lookAtTags(signal: AbortSignal | undefined): Promise<TagSurvey> {
    this.#survey ??= attempt(surveyTags(this.#store, { ...this.#options, signal }), signal).then(
      ([survey, gap]) => survey ?? { tags: [], targets: new Map(), gap },
    );
    return this.#survey;
  }

  async #referrersOf(target: Descriptor, signal: AbortSignal | undefined): Promise<readonly Descriptor[]> {
    if (!canListReferrers(this.#store)) throw new OciError('UNSUPPORTED', 'It cannot list referrers');
    return this.#store.referrers(target, { signal });
  }

  async #indexesOf(
    digest: Digest,
    named: readonly (readonly [tag: string, target: Pick<Descriptor, 'mediaType' | 'digest'>])[],
    signal: AbortSignal | undefined,
  ): Promise<readonly ListingIndex[]> {
    const tagged = new Map<Digest, string[]>();
    for (const [tag, target] of named) {
      if (!isIndexType(target.mediaType) || target.digest === digest) continue;
      const known = tagged.get(target.digest);
      if (known === undefined) tagged.set(target.digest, [tag]);
      else known.push(tag);
    }
    if (canListEntries(this.#store)) {
      for (const entry of await this.#store.entries({ signal })) {
        if (isIndexType(entry.mediaType) && entry.digest !== digest && !tagged.has(entry.digest))
          tagged.set(entry.digest, []);
      }
    }
    const { maxIndexes = 1000 } = this.#options;
    if (tagged.size > maxIndexes) {
      throw new OciError('LIMIT_EXCEEDED', `${tagged.size} indexes are too many to read`);
    }
    const lists = await mapLimited(
      Array.from(tagged),
      reads,
      async ([index, tags], inner) => ({ digest: index, tags, children: await this.#childrenOf(index, inner) }),
      signal,
    );
    return lists.flatMap(({ children, ...index }) => (children.has(digest) ? [index] : []));
  }

  async #childrenOf(index: Digest, signal: AbortSignal | undefined): Promise<ReadonlySet<Digest>> {
    const known = this.#children.get(index);
    if (known !== undefined) return known;
    const children = await readChildren(this.#store, index, signal);
    this.#children.set(index, children);
    return children;
  }
}

/** How many indexes are read at once. */
const reads = 8;

async function readChildren(
  store: ContentSource,
  index: Digest,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<Digest>> {
  try {
    const manifest = await manifestOf(await openArtifact(store, index, { signal }), { signal });
    return new Set(manifest.kind === 'index' ? manifest.index.manifests.map(({ digest }) => digest) : []);
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return new Set();
    throw error;
  }
}

/** A failure is an answer, too, unless it is the caller's own. */
async function attempt<T>(
  task: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<readonly [result: T | undefined, failure: OciError | undefined]> {
  try {
    return [await task, undefined];
  } catch (error) {
    signal?.throwIfAborted();
    if (!isOciError(error)) throw error;
    return [undefined, error];
  }
}
