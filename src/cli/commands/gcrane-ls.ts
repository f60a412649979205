import { tagged } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { openTagPlace } from '../listing/tag-place.ts';
import { hasLocalPrefix, parseLocation } from '../location.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { listingJson, listingLines } from '../trees/listing-text.ts';
import { openListedTree, parseTreePlace, type TreePlace } from '../trees/open-tree.ts';
import type { TreeRepository } from '../trees/tree.ts';
import { checkTreeFilter, excludeFlag, includeFlag, treeFilter } from '../trees/tree-filter.ts';
import { TreeReport } from '../trees/tree-report.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REPO|REGISTRY',
  description:
    'List a repository, with full names. Of the registries of Google, gcr.io and pkg.dev: the repositories below it, then each manifest by its digest with its tags behind it, in the order of the digests. Of those of Azure and AWS the manifests in the same way. Of other registries, which do not tell that much: the tags. OCI layouts (oci:DIR) are listed in the same way, with those below the directory; of archives and Docker engines (docker-daemon:NAME) come the tags. With --recursive a whole registry can be named, if it has a catalog; repositories that may not be read are told on standard error, and make the command fail at the end.',
  examples:
    'gcrane ls gcr.io/project/app\ngcrane ls -r us-docker.pkg.dev/project/repo\ngcrane ls -r --include "team/**" --exclude ":*-debug" us-docker.pkg.dev/project/repo\ngcrane ls --json gcr.io/project/app',
  arguments: exactly(1),
  complete: tagged,
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
    const place = await placeOf(name, recursive);
    if (place === undefined) return step(`reading ${name}`, () => listTags(session, name, json));
    const filter = await treeFilter(include, exclude);
    if (place.kind === 'registry') session.connections.asks(place.repository.registry);
    const tree = await openListedTree(session, place);
    const { signal } = session;
    const show = async ({ path, listing }: TreeRepository): Promise<void> => {
      const text = json
        ? listingJson(listing, tree.shortNameOf(path))
        : listingLines(tree.nameOf(path), listing, { withChildren: !recursive });
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

/** @returns `undefined` for what has tags and nothing below: archives, and repositories of engines */
async function placeOf(name: string, recursive: boolean): Promise<TreePlace | undefined> {
  if (recursive) return parseTreePlace(name);
  return step(`parsing repo ${JSON.stringify(name)}`, async () => {
    if (!hasLocalPrefix(name)) return { kind: 'registry', repository: parseRepositoryArgument(name) };
    const { kind } = parseLocation(name);
    return kind === 'oci' ? parseTreePlace(name) : undefined;
  });
}

async function listTags(session: Session, name: string, json: boolean): Promise<void> {
  const place = await openTagPlace(session, name);
  const tags: string[] = [];
  for await (const page of place.list({ details: false, pageSize: undefined, signal: session.signal })) {
    tags.push(...page.map(({ tag }) => tag));
  }
  if (!json) return session.print(tags.map((tag) => `${place.referenceOf(tag)}\n`).join(''));
  const known = { name, tags, children: [], manifests: new Map(), listsManifests: false, listsChildren: false };
  await session.print(listingJson(known, name));
}
