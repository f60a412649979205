import { mapLimited } from '../../async/map-limited.ts';
import { isOciError, OciError } from '../../errors.ts';
import type { ContentId } from '../../oci/descriptor.ts';
import type { CallOptions } from '../../options.ts';
import { canListTags, canListTargets, type ListedTag } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';

/** The tags of a store, and what they name. */
export interface TagSurvey {
  /** In the store's order. */
  readonly tags: readonly string[];
  /** What they name; those that could not be resolved, or were not, are missing. */
  readonly targets: ReadonlyMap<string, ContentId>;
  /** Why `targets` is not whole; `undefined` when it is. */
  readonly gap: OciError | undefined;
}

export interface TagSurveyOptions extends CallOptions {
  /** Where the store has to be asked for each tag, and has more of them, none is asked for. @default unlimited */
  readonly maxLookups?: number | undefined;
}

/**
 * Finds out what all tags name: with the list where that says so, as Google's registries and layouts do, else by a question for
 * each tag, a few at a time.
 *
 * @throws {OciError} `UNSUPPORTED` when the store cannot list tags, and what keeps it from doing so
 */
export async function surveyTags(
  store: ContentSource,
  { maxLookups = Infinity, signal }: TagSurveyOptions = {},
): Promise<TagSurvey> {
  const listed = await listTags(store, { signal });
  const tags = listed.map(({ tag }) => tag);
  const targets = new Map(listed.flatMap(({ tag, target }) => (target === undefined ? [] : [[tag, target] as const])));
  const open = tags.filter((tag) => !targets.has(tag));
  if (open.length > maxLookups) {
    return { tags, targets, gap: new OciError('LIMIT_EXCEEDED', `${open.length} tags are too many to ask for each`) };
  }
  let gap: OciError | undefined;
  await mapLimited(
    open,
    lookups,
    async (tag, inner) => {
      try {
        targets.set(tag, await store.resolve(tag, { signal: inner }));
      } catch (error) {
        // A tag that has gone in the meantime names nothing.
        if (!isOciError(error) || passing.has(error.code)) throw error;
        if (error.code !== 'NOT_FOUND') gap ??= error;
      }
    },
    signal,
  );
  return { tags, targets, gap };
}

/** How many tags are asked for at once. */
const lookups = 16;

/** What says nothing of a single tag. */
const passing: ReadonlySet<string> = new Set(['NETWORK', 'TIMEOUT', 'RATE_LIMITED']);

async function listTags(store: ContentSource, options: CallOptions): Promise<readonly ListedTag[]> {
  const listed = new Map<string, ListedTag>();
  try {
    if (canListTargets(store)) {
      for await (const page of store.tagTargets(options)) for (const one of page) listed.set(one.tag, one);
    } else if (canListTags(store)) {
      for await (const page of store.tags(options)) for (const tag of page) listed.set(tag, { tag });
    } else {
      throw new OciError('UNSUPPORTED', 'It cannot list its tags');
    }
  } catch (error) {
    // Some registries say so of a repository without tags (demand-and-quirks reference, Q-64).
    if (!isOciError(error, 'NOT_FOUND')) throw error;
  }
  return Array.from(listed.values());
}
