import { walkRepositories, type WalkedRepository } from '../../remote/listing/walk-repositories.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import { repositories } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { listingJson, listingLines } from '../trees/listing-text.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REPO',
  description:
    'List a repository, with full names. Of the registries of Google, gcr.io and pkg.dev: the repositories below it, then each manifest by its digest with its tags behind it, in the order of the digests. Of other registries, which do not tell that much: the tags.',
  examples:
    'gcrane ls gcr.io/project/app\ngcrane ls -r us-docker.pkg.dev/project/repo\ngcrane ls --json gcr.io/project/app',
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
  },
  async run({ args: [name = ''], flags: { recursive, json }, context: session }) {
    const root = await step(`parsing repo ${JSON.stringify(name)}`, async () => parseRepositoryArgument(name));
    session.connections.asks(root.registry);
    const transport = await session.connections.transport();
    const { signal } = session;
    const show = async ({ repository, listing }: WalkedRepository): Promise<void> =>
      session.print(
        json ? listingJson(repository, listing) : listingLines(repository, listing, { withChildren: !recursive }),
      );
    await step(`reading ${name}`, async () => {
      if (!recursive) {
        return show({ repository: root, listing: await new RemoteStore(root, { transport }).list({ signal }) });
      }
      for await (const found of walkRepositories(root, { transport, signal })) await show(found);
    });
  },
});
