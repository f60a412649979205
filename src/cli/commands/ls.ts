import type { TagOrder } from '../../ops/tags/sort-tags.ts';
import type { DescribedTag } from '../../store/described-tag.ts';
import { tagged } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, custom, type FlagValues } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { listFlags, type Selection, selectionOf } from '../listing/flags.ts';
import { ListOutput } from '../listing/list-output.ts';
import { collected, selected } from '../listing/selected.ts';
import { openTagPlace, type TagPlace } from '../listing/tag-place.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const orders: readonly TagOrder[] = ['name', 'semver', 'created'];

const flags = {
  'full-ref': bool({ description: 'Print the full name of each image, not only the tag' }),
  'omit-digest-tags': bool({
    shorthand: 'O',
    description: 'Leave out tags made from digests (sha256-…), as signatures have',
  }),
  ...listFlags('tags', 'globs, or ranges of versions as semver:>=1.2'),
  sort: custom<TagOrder | undefined>({
    description:
      'Order of the tags: name; semver, by version; created, by the time the image was made, which costs two or three requests a tag in registries that do not list times',
    valueName: 'order',
    initial: undefined,
    shownDefault: 'that of the registry',
    parse: readOrder,
    complete: () => orders,
  }),
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REPO',
  description:
    'List the tags of a repository, one per line, in the order in which the registry returns them. An OCI layout (oci:DIR), an archive (oci-archive:FILE, docker-archive:FILE or - for one on standard input) and a repository of a Docker engine (docker-daemon:NAME) are listed as well. With --sort semver come pre-releases, then the release, then its variants, as 1.27.3-rc1, 1.27.3, 1.27.3-alpine; what is no version, or has no time, comes last, with --reverse, too.',
  examples:
    'crane ls alpine\ncrane ls --sort semver --reverse --limit 5 --include "semver:>=3" alpine\ncrane ls --sort created --reverse --exclude "*-debug" ghcr.io/org/app\ncrane ls --json ghcr.io/org/app | jq -r ".[].reference"\ncrane ls oci:layout',
  arguments: exactly(1),
  complete: tagged,
  flags,
  async run({ args: [name = ''], flags: given, context: session }) {
    const selection = await selectionOf(given, {
      isOrdered: given.sort !== undefined || given.reverse,
      leavesOut: given['omit-digest-tags'] ? (tag) => tag.startsWith('sha256-') : undefined,
    });
    await step(`reading tags for ${name}`, async () => {
      const place = await openTagPlace(session, name);
      const output = new ListOutput<DescribedTag>(session, given.json, {
        line: ({ tag }) => (given['full-ref'] ? place.referenceOf(tag) : tag),
        object: (tag) => objectOf(tag, place.referenceOf(tag.tag)),
      });
      for await (const page of tagsIn(session, place, given, selection)) await output.add(page);
      await output.end();
    });
  },
});

type LsFlags = FlagValues<typeof flags>;

async function* tagsIn(
  session: Session,
  place: TagPlace,
  { json, sort, reverse }: LsFlags,
  { isOrdered, keeps, limit, pageSize }: Selection,
): AsyncGenerator<readonly DescribedTag[], void> {
  const pages = place.list({ details: json || sort === 'created', pageSize, signal: session.signal });
  const kept = selected(pages, ({ tag }) => tag, { keeps, limit: isOrdered ? Infinity : limit });
  if (!isOrdered) {
    yield* kept;
    return;
  }
  const { orderedTags } = await import('../listing/ordered-tags.ts');
  yield (await orderedTags(session, place, await collected(kept), { order: sort, reverse })).slice(0, limit);
}

/** Members without a value are left out of JSON. */
function objectOf({ created, uploaded, ...known }: DescribedTag, reference: string): object {
  const { tag, digest, mediaType, size, imageSize } = known;
  return {
    tag,
    reference,
    digest,
    mediaType,
    size,
    imageSize,
    created: timeText(created),
    uploaded: timeText(uploaded),
  };
}

function timeText(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function readOrder(text: string): TagOrder {
  const found = orders.find((order) => order === text);
  if (found !== undefined) return found;
  throw new Error(`it has to be one of ${orders.join(', ')}`);
}
