import { craneCommands } from './commands.ts';
import type { Command, CommandEntry, Program } from './framework/command.ts';
import { underName } from './own-name.ts';
import type { Globals, LeadingFlags, PersistentFlags } from './globals.ts';
import { programOf } from './program.ts';
import type { Session } from './session.ts';

type Entry = CommandEntry<Session, Globals>;

/** What gcrane has in place of crane's, and beside it. */
const ownCommands: readonly Entry[] = [
  {
    name: 'copy',
    aliases: ['cp'],
    summary: 'Copy an image, or a repository and all below it',
    load: () => import('./commands/gcrane-copy.ts'),
  },
  { name: 'gc', summary: 'List or delete manifests without tags', load: () => import('./commands/gcrane-gc.ts') },
  {
    name: 'ls',
    summary: 'List the manifests and tags of a repository, and what lies below it',
    load: () => import('./commands/gcrane-ls.ts'),
  },
];

/** The names of the commands that are gcrane's own; all others are crane's. */
export const ownNames: ReadonlySet<string> = new Set(ownCommands.map(({ name }) => name));

/** The command line `gcrane` as data; `gcrane.ts` runs it. */
export const gcraneProgram: Program<Session, PersistentFlags, LeadingFlags> = programOf({
  name: 'gcrane',
  summary: 'crane, with lists and copies of whole trees of repositories, as gcr.io and pkg.dev have them',
  commands: [...craneCommands.filter(({ name }) => !ownNames.has(name)).map(underNewName), ...ownCommands],
});

/** Examples are there to be copied. */
function underNewName(entry: Entry): Entry {
  const { load, subcommands } = entry;
  return {
    ...entry,
    subcommands: subcommands?.map(underNewName),
    load: load === undefined ? undefined : async () => ({ command: renamed((await load()).command) }),
  };
}

function renamed(command: Command<Session, Globals>): Command<Session, Globals> {
  const { examples, description } = command;
  return {
    ...command,
    ...(description === undefined ? {} : { description: underName('gcrane', description, (word) => names.has(word)) }),
    ...(examples === undefined ? {} : { examples: underName('gcrane', examples) }),
  };
}

const names: ReadonlySet<string> = new Set(craneCommands.map(({ name }) => name));
