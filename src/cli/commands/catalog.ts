import { OciError, quoted } from '../../errors.ts';
import { parseRegistry, type RegistryName } from '../../oci/reference.ts';
import { registries } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, custom, type FlagValues } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { listFlags, type Selection, selectionOf } from '../listing/flags.ts';
import { ListOutput } from '../listing/list-output.ts';
import { collected, selected } from '../listing/selected.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const flags = {
  'full-ref': bool({ description: 'Print the full name of each repository' }),
  ...listFlags('repositories', 'globs, where ** also fits names with slashes'),
  sort: custom<'name' | undefined>({
    description: 'Order of the repositories: name',
    valueName: 'order',
    initial: undefined,
    shownDefault: 'that of the registry',
    parse: readOrder,
    complete: () => ['name'],
  }),
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REGISTRY',
  description:
    'List the repositories of a registry, one per line. Many registries do not support this, or allow it to administrators only.',
  examples:
    'crane catalog registry.example.com\ncrane catalog --include "team/**" --json registry.example.com | jq -r ".[].reference"',
  arguments: exactly(1),
  complete: registries,
  flags,
  async run({ args: [text = ''], flags: given, context: session }) {
    const { json, sort, reverse } = given;
    checkPatterns([...given.include, ...given.exclude]);
    const selection = await selectionOf(given, { isOrdered: sort !== undefined || reverse });
    const registry = await step(`parsing reg ${JSON.stringify(text)}`, async () => {
      if (text !== '') return parseRegistry(text);
      throw new OciError('INVALID_REFERENCE', 'The name of the registry is empty: ""', {
        hint: 'Write host or host:port',
      });
    });
    await step(`reading the catalog of ${text}`, async () => {
      const output = new ListOutput<string>(session, json, {
        line: (name) => (given['full-ref'] ? `${registry}/${name}` : name),
        object: (name) => ({ repository: name, reference: `${registry}/${name}` }),
      });
      for await (const page of repositoriesOf(session, registry, given, selection)) await output.add(page);
      await output.end();
    });
  },
});

async function* repositoriesOf(
  session: Session,
  registry: RegistryName,
  { sort, reverse }: FlagValues<typeof flags>,
  { isOrdered, keeps, limit, pageSize }: Selection,
): AsyncGenerator<readonly string[], void> {
  const { catalog } = await import('../../remote/catalog.ts');
  session.connections.asks(registry);
  const transport = await session.transport();
  const pages = catalog(registry, { transport, pageSize, signal: session.signal });
  const kept = selected(pages, (name) => name, { keeps, limit: isOrdered ? Infinity : limit });
  if (!isOrdered) {
    yield* kept;
    return;
  }
  const names = await collected(kept);
  if (sort === 'name') names.sort();
  yield (reverse ? names.toReversed() : names).slice(0, limit);
}

function checkPatterns(patterns: readonly string[]): void {
  const range = patterns.find((pattern) => pattern.startsWith('semver:'));
  if (range !== undefined) throw new UsageError(`${quoted(range)} is for tags; repositories have no versions`);
}

function readOrder(text: string): 'name' {
  if (text === 'name') return text;
  const isOfTags = text === 'semver' || text === 'created';
  throw new Error(isOfTags ? 'repositories have no versions and no times, it has to be name' : 'it has to be name');
}
