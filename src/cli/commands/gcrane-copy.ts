import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, type FlagValues } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import { sideFlags } from '../connections/side-flags.ts';
import { copyOne } from '../copying/copy-one.ts';
import { attachmentFlags, attachmentsOf } from '../copying/flags.ts';
import type { Globals } from '../globals.ts';
import type { WriteOptions } from '../copying/target.ts';
import type { Session } from '../session.ts';
import { announceTrees, openTree, parseTreePlace } from '../trees/open-tree.ts';
import { jobsFlag, jobsOf } from '../trees/flags.ts';
import { checkTreeFilter, excludeFlag, includeFlag, treeFilter } from '../trees/tree-filter.ts';

const flags = {
  recursive: bool({
    shorthand: 'r',
    description: 'Copy all images of the repository SRC, and of the repositories below it, to DST and below',
  }),
  jobs: jobsFlag,
  ...attachmentFlags,
  sparse: bool({
    description: 'Keep the index and its digest, and copy only its images for --platform; not all registries take that',
  }),
  fast: bool({
    description:
      'Trust that the target has all blobs of the manifests that it has, and do not ask for them; --recursive always does',
  }),
  include: includeFlag,
  exclude: excludeFlag,
  'keep-going': bool({
    description: 'With --recursive: copy the others when an image or repository fails, and fail at the end',
  }),
  'dry-run': bool({ description: 'Say what would be copied, and change nothing' }),
  ...sideFlags,
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'SRC DST',
  description:
    'Copy an image, an index with all of its images, or any other artifact; with --recursive a repository and all below it. Then SRC at the start of the names becomes DST, and of registries that list manifests, as those of Google do, those without tags come along; of others the tags are copied, and a catalog has to say what lies below; SRC and DST can be whole registries then. With oci:DIR as SRC or DST each repository is an OCI layout at its path below the directory. What DST has is not copied again, so a copy that was interrupted goes on when it is repeated.',
  examples:
    'gcrane copy gcr.io/project/app:v1 us-docker.pkg.dev/project/repo/app:v1\ngcrane copy -r gcr.io/project us-docker.pkg.dev/project/repo\ngcrane copy -r --dry-run gcr.io/project/app registry.example.com/app\ngcrane copy -r --include "team/**" gcr.io/project oci:backup\ngcrane copy -r --keep-going -j 16 registry.example.com/team registry.example.org/team',
  arguments: exactly(2),
  complete: images,
  flags,
  async run({ args: [source = '', destination = ''], flags: given, changed, context: session }) {
    session.configureSides(given);
    checkFlags(given, session);
    const write = { ...attachmentsOf(given), dryRun: given['dry-run'] };
    if (!given.recursive) {
      const concurrency = changed('jobs') ? given.jobs : undefined;
      if (concurrency !== undefined) session.connections.makeRoomFor(concurrency);
      const { sparse, fast: trustManifests } = given;
      return copyOne(session, [source, destination], {
        ...write,
        concurrency,
        trustManifests,
        noClobber: false,
        sparse,
      });
    }
    await copyRecursively(session, source, destination, given, write);
  },
});

async function copyRecursively(
  session: Session,
  source: string,
  destination: string,
  given: FlagValues<typeof flags>,
  write: Pick<WriteOptions, 'referrers' | 'digestTags'> & { readonly dryRun: boolean },
): Promise<void> {
  const [from, to, filter] = await Promise.all([
    parseTreePlace(source),
    parseTreePlace(destination),
    treeFilter(given.include, given.exclude),
  ]);
  const jobs = jobsOf(given.jobs);
  session.connections.makeRoomFor(jobs);
  announceTrees(session, from, to);
  const [{ copyTree }, tree, target] = await Promise.all([
    import('../trees/copy-tree.ts'),
    openTree(session, from, 'source'),
    openTree(session, to, 'destination'),
  ]);
  await copyTree(session, tree, target, { ...write, jobs, filter, keepGoing: given['keep-going'] });
}

/** gcrane copies with --platform what the lists name by digest under other digests (crane-cli reference, section 10.4). */
function checkFlags(given: FlagValues<typeof flags>, session: Session): void {
  if (given.recursive && session.platforms.length > 0)
    throw new UsageError('--platform does not go with --recursive, which copies everything as it is');
  if (given.sparse && session.platforms.length === 0) throw new UsageError('--sparse needs --platform');
  checkTreeFilter(given);
  if (given['keep-going'] && !given.recursive) throw new UsageError('--keep-going goes with --recursive');
}
