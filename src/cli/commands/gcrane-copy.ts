import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, type FlagValues } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import { sideFlags } from '../connections/side-flags.ts';
import { copyOne } from '../copying/copy-one.ts';
import { attachmentFlags, attachmentsOf } from '../copying/flags.ts';
import type { Globals } from '../globals.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { jobsFlag, jobsOf } from '../trees/flags.ts';

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
  'keep-going': bool({
    description: 'With --recursive: copy the others when an image or repository fails, and fail at the end',
  }),
  'dry-run': bool({ description: 'Say what would be copied, and change nothing' }),
  ...sideFlags,
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'SRC DST',
  description:
    'Copy an image, an index with all of its images, or any other artifact; with --recursive a repository and all below it. Then SRC at the start of the names becomes DST, and of the registries of Google, which list manifests, those without tags come along; of others the tags are copied, and a catalog has to say what lies below. What DST has is not copied again, so a copy that was interrupted goes on when it is repeated.',
  examples:
    'gcrane copy gcr.io/project/app:v1 us-docker.pkg.dev/project/repo/app:v1\ngcrane copy -r gcr.io/project us-docker.pkg.dev/project/repo\ngcrane copy -r --dry-run gcr.io/project/app registry.example.com/app\ngcrane copy -r --keep-going -j 16 registry.example.com/team registry.example.org/team',
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
    const [from, to] = await Promise.all(
      [source, destination].map((text) =>
        step(`parsing repo ${JSON.stringify(text)}`, async () => parseRepositoryArgument(text)),
      ),
    );
    if (from === undefined || to === undefined) return;
    const { copyTree } = await import('../trees/copy-tree.ts');
    await copyTree(session, from, to, { ...write, jobs: jobsOf(given.jobs), keepGoing: given['keep-going'] });
  },
});

/** gcrane copies with --platform what the lists name by digest under other digests (crane-cli reference, section 10.4). */
function checkFlags(given: FlagValues<typeof flags>, session: Session): void {
  if (given.recursive && session.platforms.length > 0)
    throw new UsageError('--platform does not go with --recursive, which copies everything as it is');
  if (given.sparse && session.platforms.length === 0) throw new UsageError('--sparse needs --platform');
  if (given['keep-going'] && !given.recursive) throw new UsageError('--keep-going goes with --recursive');
}
