import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, type FlagValues, int, strings } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import { copyOne } from '../copying/copy-one.ts';
import { attachmentFlags, attachmentsOf, concurrencyOf } from '../copying/flags.ts';
import type { Globals } from '../globals.ts';
import { jsonFlag } from '../json-result.ts';
import type { Session } from '../session.ts';
import { sideFlags } from '../connections/side-flags.ts';

const flags = {
  'all-tags': bool({ shorthand: 'a', description: 'Copy all tags of the repository SRC to the repository DST' }),
  'no-clobber': bool({ shorthand: 'n', description: 'Do not overwrite tags that exist at the target' }),
  jobs: int({
    shorthand: 'j',
    description:
      'Number of tags, and of blobs, to copy at the same time; 0 means 8 tags, 4 blobs and 16 small ones beside them',
  }),
  ...attachmentFlags,
  sparse: bool({
    description: 'Keep the index and its digest, and copy only its images for --platform; not all registries take that',
  }),
  include: strings({
    description: 'With --all-tags: only tags that fit one of these globs, or ranges of versions as semver:>=1.2',
  }),
  exclude: strings({ description: 'With --all-tags: no tags that fit one of these; it wins over --include' }),
  fast: bool({
    description: 'Trust that the target has all blobs of the manifests that it has, and do not ask for them',
  }),
  'keep-going': bool({ description: 'With --all-tags: copy the others when a tag fails, and fail at the end' }),
  'dry-run': bool({ description: 'Say what would be copied, and change nothing' }),
  json: jsonFlag(
    'Print what became of the image as a JSON object: reference, digest, size, what was copied; with --all-tags an array',
  ),
  ...sideFlags,
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'SRC DST',
  description:
    'Copy an image, an index with all of its images, or any other artifact, between registries, layouts (oci:DIR:TAG), archives (oci-archive:FILE, docker-archive:FILE, - for standard input or output) and Docker engines (docker-daemon:NAME). Manifests are copied byte for byte, so digests stay the same. Blobs that the target has are not sent again; within one registry they are mounted. A copy that was interrupted moves only what is missing when it is repeated. With one --platform its image is copied; with several, an index that has only those, under a new digest.',
  examples:
    'crane copy alpine:3.20 registry.example.com/base/alpine:3.20\ncrane copy --platform linux/arm64 alpine:3.20 registry.example.com/base/alpine:3.20-arm64\ncrane copy --platform linux/amd64,linux/arm64 alpine:3.20 registry.example.com/base/alpine:3.20\ncrane copy --referrers --digest-tags ghcr.io/org/app:v1 registry.example.com/org/app:v1\ncrane copy -a ghcr.io/org/app registry.example.com/org/app\ncrane copy -a --include "semver:>=2.0" --exclude "*-debug" --dry-run ghcr.io/org/app registry.example.com/org/app\ncrane copy ghcr.io/org/app:v1 oci:layout:v1\ncrane copy alpine:3.20 docker-daemon:alpine:3.20',
  arguments: exactly(2),
  complete: images,
  flags,
  async run({ args: [source = '', destination = ''], flags: given, context: session }) {
    session.configureSides(given);
    checkFlags(given, session);
    const write = {
      ...attachmentsOf(given),
      concurrency: concurrencyOf(given.jobs, session),
      keepDigestTags: given['no-clobber'],
      trustManifests: given.fast,
      dryRun: given['dry-run'],
    };
    if (!given['all-tags'])
      return copyOne(session, [source, destination], {
        ...write,
        noClobber: given['no-clobber'],
        sparse: given.sparse,
      });
    const [{ copyAllTags }, { parseTagPlace }] = await Promise.all([
      import('../copying/all-tags.ts'),
      import('../copying/tag-places.ts'),
    ]);
    const places = [await parseTagPlace(source), await parseTagPlace(destination)] as const;
    return copyAllTags(session, places, {
      ...write,
      noClobber: given['no-clobber'],
      keepGoing: given['keep-going'],
      sparse: given.sparse,
      include: given.include,
      exclude: given.exclude,
    });
  },
});

type CopyFlags = FlagValues<typeof flags>;

function checkFlags(given: CopyFlags, session: Session): void {
  if (given.sparse && session.platforms.length === 0) throw new UsageError('--sparse needs --platform');
  if (given['all-tags']) return;
  const idle = [
    given.include.length > 0 ? 'include' : undefined,
    given.exclude.length > 0 ? 'exclude' : undefined,
    given['keep-going'] ? 'keep-going' : undefined,
  ].find((name) => name !== undefined);
  if (idle !== undefined) throw new UsageError(`--${idle} goes with --all-tags`);
}
