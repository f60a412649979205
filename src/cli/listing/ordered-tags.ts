import type { TagOrder } from '../../ops/tags/sort-tags.ts';
import type { DescribedTag } from '../../store/described-tag.ts';
import type { Session } from '../session.ts';
import type { TagPlace } from './tag-place.ts';

/** Tags in another order than that of their place, all of which have to be known for that. */
export async function orderedTags(
  session: Session,
  place: TagPlace,
  tags: readonly DescribedTag[],
  { order, reverse }: { readonly order: TagOrder | undefined; readonly reverse: boolean },
): Promise<readonly DescribedTag[]> {
  if (order === undefined) return reverse ? tags.toReversed() : tags;
  const { sortTags, timeOf } = await import('../../ops/tags/sort-tags.ts');
  const described = order === 'created' ? await place.describe(tags, session) : tags;
  const sorted = await sortTags(described, order, { reverse });
  if (order === 'created')
    noteUnknown(
      session,
      sorted.filter((tag) => timeOf(tag) === undefined),
    );
  return sorted;
}

function noteUnknown({ log }: Session, unknown: readonly DescribedTag[]): void {
  if (unknown.length === 0) return;
  const names = unknown.slice(0, maxNamed).map(({ tag }) => tag);
  const more = unknown.length > maxNamed ? ` and ${unknown.length - maxNamed} more` : '';
  const [subject, them] =
    unknown.length === 1 ? ['1 tag comes', 'it was'] : [`${unknown.length} tags come`, 'they were'];
  log.line(`${subject} last, since it is not known when ${them} made: ${names.join(', ')}${more}`);
}

/** Of more the start is enough. */
const maxNamed = 10;
