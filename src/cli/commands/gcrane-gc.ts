import { repositories } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { collectUntagged } from '../trees/collect-untagged.ts';
import { ageFlag, sizeFlag } from '../trees/flags.ts';
import { parseRegistryRoot } from '../trees/open-tree.ts';
import { checkPathsOnly, checkTreeFilter, excludeFlag, includeFlag, treeFilter } from '../trees/tree-filter.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REPO|REGISTRY',
  description:
    'List the manifests that have no tag, one REPO@DIGEST per line. Among them are images that tagged indexes need; --delete and --dry-run leave those out, and what refers to a manifest that stays, as signatures do. Only the registries of Google, Azure and AWS tell which manifests have no tag; with others it is an error.',
  examples:
    'gcrane gc gcr.io/project/app\ngcrane gc -r --dry-run --older-than 30d us-docker.pkg.dev/project/repo\ngcrane gc -r --exclude "base/**" us-docker.pkg.dev/project/repo\ngcrane gc -r --delete --older-than 30d us-docker.pkg.dev/project/repo',
  arguments: exactly(1),
  complete: repositories,
  flags: {
    recursive: bool({ shorthand: 'r', description: 'Look into all repositories below, too' }),
    delete: bool({ description: 'Delete those that nothing needs, without asking, and print what was deleted' }),
    'dry-run': bool({ description: 'Print what --delete would delete, and change nothing' }),
    include: {
      ...includeFlag,
      description:
        'With --recursive: only repositories that fit one of these globs, which are matched with the path below the root (the root is ".")',
    },
    exclude: excludeFlag,
    'keep-going': bool({
      description:
        'Go on when something fails, and fail at the end; what may not be read ends only deletions without it',
    }),
    'older-than': ageFlag,
    'min-size': sizeFlag,
  },
  async run({ args: [name = ''], flags, context: session }) {
    const root = await step(`parsing repo ${JSON.stringify(name)}`, async () =>
      flags.recursive ? parseRegistryRoot(name) : parseRepositoryArgument(name),
    );
    checkTreeFilter(flags);
    checkPathsOnly([...flags.include, ...flags.exclude], 'what is cleaned up has none');
    const filter = await treeFilter(flags.include, flags.exclude);
    const age = flags['older-than'];
    await step(`reading ${name}`, () =>
      collectUntagged(session, root, {
        recursive: flags.recursive,
        filter,
        keepGoing: flags['keep-going'],
        mode: flags['dry-run'] ? 'rehearse' : flags.delete ? 'delete' : 'list',
        before: age === undefined ? undefined : session.process.now().getTime() - age,
        minSize: flags['min-size'],
      }),
    );
  },
});
