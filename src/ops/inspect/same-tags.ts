import type { Digest } from '../../oci/digest.ts';
import type { CallOptions } from '../../options.ts';
import type { ContentSource } from '../../store/store.ts';
import { surveyTags } from '../tags/survey-tags.ts';
import type { TagsSummary } from './summary.ts';

export interface SameTags {
  readonly summary: TagsSummary;
  /** All tags of the store. */
  readonly all: readonly string[];
}

/** How far tags are looked for. */
export interface TagSearch {
  /** Where the store has to be asked for each tag, and has more of them, none is asked for. @default 1000 */
  readonly max?: number | undefined;
}

/**
 * The tags that name one of some manifests. The protocol has no question for that: it takes the list of tags, and, where that does
 * not say what they name, a HEAD for each.
 *
 * @param warnings takes why that is not known of all tags
 * @throws {OciError} `UNSUPPORTED` when the store lists no tags
 */
export async function sameTags(
  store: ContentSource,
  digests: readonly Digest[],
  { max = 1000 }: TagSearch,
  warnings: string[],
  { signal }: CallOptions,
): Promise<SameTags> {
  const { tags, targets, gap } = await surveyTags(store, { maxLookups: max, signal });
  if (gap !== undefined) warnings.push(`What all tags name is not known: ${gap.message}`);
  const same = tags.flatMap((tag) => {
    const digest = digests.find((one) => one === targets.get(tag)?.digest);
    return digest === undefined ? [] : [{ tag, digest }];
  });
  return { summary: { same, total: tags.length, complete: gap === undefined }, all: tags };
}
