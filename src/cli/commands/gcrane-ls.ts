import { repositories } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { listingJson, listingLines } from '../trees/listing-text.ts';
import { openRegistryTree, parseRegistryRoot } from '../trees/open-tree.ts';
import type { TreeRepository } from '../trees/tree.ts';
import { checkTreeFilter, excludeFlag, includeFlag, treeFilter } from '../trees/tree-filter.ts';
import { TreeReport } from '../trees/tree-report.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REPO|REGISTRY',
  description:
    'List a repository, with full names. Of the registries of Google, gcr.io and pkg.dev: the repositories below it, then each manifest by its digest with its tags behind it, in the order of the digests. Of those of Azure and AWS the manifests in the same way. Of other registries, which do not tell that much: the tags. With --recursive a whole registry can be named, if it has a catalog; repositories that may not be read are told on standard error, and make the command fail at the end.',
  examples:
    'gcrane ls gcr.io/project/app\ngcrane ls -r us-docker.pkg.dev/project/repo\ngcrane ls -r --include "team/**" --exclude ":*-debug" us-docker.pkg.dev/project/repo\ngcrane ls --json gcr.io/project/app',
  arguments: exactly(1),
  complete: repositories,
  flags: {
    recursive: bool({
      shorthand: 'r',
      description:
        'List all repositories below, too, and not only their names; other registries than those of Google need a catalog for that',
    }),
    json: bool({
      description: 'Print one line of JSON for each repository: child, manifest by digest, name and tags',
    }),
    include: includeFlag,
    exclude: excludeFlag,
  },
  async run({ args: [name = ''], flags, context: session }) {
    const { recursive, json, include, exclude } = flags;
    checkTreeFilter(flags);
    const root = await step(`parsing repo ${JSON.stringify(name)}`, async () =>
      recursive ? parseRegistryRoot(name) : parseRepositoryArgument(name),
    );
    const filter = await treeFilter(include, exclude);
    session.connections.asks(root.registry);
    const tree = await openRegistryTree(session, root);
    const { signal } = session;
    const show = async ({ path, listing }: TreeRepository): Promise<void> => {
      const repository = tree.repositoryAt(path);
      const text = json
        ? listingJson(repository, listing)
        : listingLines(repository, listing, { withChildren: !recursive });
      if (text !== '') await session.print(text);
    };
    await step(`reading ${name}`, async () => {
      if (!recursive) return show(await tree.listRoot({ signal }));
      const report = new TreeReport(session);
      for await (const found of tree.walk({ filter, signal, onError: report.unreadable(tree) })) await show(found);
      report.end('not everything could be listed');
    });
  },
});
