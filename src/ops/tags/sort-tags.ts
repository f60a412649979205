import { compareUtf8 } from '../../oci/json.ts';
import type { DescribedTag } from '../../store/described-tag.ts';
import { versionOrder } from './version-order.ts';

/** How tags are ordered: by the characters of their names, by the versions that they name, by time. */
export type TagOrder = 'name' | 'semver' | 'created';

export interface SortTagsOptions {
  /** The other way round: the largest, or newest, first. @default false */
  readonly reverse?: boolean | undefined;
}

/**
 * Sorts tags. What has no place in an order comes last, also when it is reversed: tags that are no versions, or whose time is
 * not known. Those, and equals, are in the order of their names. The time of a tag is when its image was made, or where that is
 * not known when it came into its store. How versions are read says {@link versionOrder}.
 */
export async function sortTags<T extends DescribedTag>(
  tags: readonly T[],
  order: TagOrder,
  { reverse = false }: SortTagsOptions = {},
): Promise<readonly T[]> {
  if (order === 'name') return placed(tags, ({ tag }) => tag, compareUtf8, reverse);
  if (order === 'created') return placed(tags, timeOf, (a, b) => a - b, reverse);
  const { read, compare } = await versionOrder();
  return placed(tags, ({ tag }) => read(tag), compare, reverse);
}

/** When the image of a tag was made, or where that is not known came into its store, in milliseconds since 1970. */
export function timeOf({ created, uploaded }: DescribedTag): number | undefined {
  return created ?? uploaded;
}

/** @param keyOf `undefined` for what has no place */
function placed<T extends DescribedTag, K>(
  tags: readonly T[],
  keyOf: (tag: T) => K | undefined,
  compare: (a: K, b: K) => number,
  reverse: boolean,
): readonly T[] {
  const keyed = tags.map((tag) => ({ tag, key: keyOf(tag) }));
  keyed.sort((a, b) => {
    if (a.key === undefined || b.key === undefined) {
      return Number(a.key === undefined) - Number(b.key === undefined) || compareUtf8(a.tag.tag, b.tag.tag);
    }
    return (reverse ? compare(b.key, a.key) : compare(a.key, b.key)) || compareUtf8(a.tag.tag, b.tag.tag);
  });
  return keyed.map(({ tag }) => tag);
}
