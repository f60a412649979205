import { bool, type Flags } from './flag.ts';
import { type CommandEntry, type Command, isListed, type Outputs, type Program } from './command.ts';
import { any } from './arguments.ts';
import { type FlagTable, flagTable } from './parse.ts';

/** A command with the way to it: from the outermost to itself; empty for the program called without a command. */
export type CommandPath<C, G> = readonly CommandEntry<C, G>[];

/** The commands that every program has. They are loaded like the others. */
export function commandsOf<C extends Outputs, P, L>(program: Program<C, P, L>): readonly CommandEntry<C, P & L>[] {
  const builtin: readonly CommandEntry<C, P & L>[] = [
    {
      name: 'help',
      summary: 'Show the help of any command',
      load: async () => ({ command: (await import('./help-command.ts')).helpCommand(program) }),
    },
    {
      name: 'completion',
      summary: 'Print a script that lets a shell complete commands, flags and names',
      subcommands: (['bash', 'fish', 'powershell', 'zsh'] as const).map((shell) => ({
        name: shell,
        summary: `Print the completion script for ${shell}`,
        load: async () => ({
          command: (await import('./completion-command.ts')).completionCommand<C, P & L>(program.name, shell),
        }),
      })),
    },
  ];
  const own = new Set(program.commands.map(({ name }) => name));
  return [...program.commands, ...builtin.filter(({ name }) => !own.has(name))].sort(compareNames);
}

/** The names of program and commands, as messages and usage lines show them. */
export function pathText<C, G>(program: { readonly name: string }, path: CommandPath<C, G>): string {
  return [program.name, ...path.map(({ name }) => name)].join(' ');
}

/** The body of a command; `undefined` for a parent without one. The program itself prints its usage. */
export async function loadCommand<C extends Outputs, G>(path: CommandPath<C, G>): Promise<Command<C, G> | undefined> {
  const entry = path.at(-1);
  if (entry !== undefined) return (await entry.load?.())?.command;
  return {
    arguments: any,
    hooks: false,
    run: ({ context, usage }) => {
      context.stderr.write(usage());
    },
  };
}

/** The flags that may stand behind the name of a command, or of the program when there is none. */
export function flagsFor<C, P, L>(
  program: Program<C, P, L>,
  path: CommandPath<C, P & L>,
  command: Command<C, P & L> | undefined,
): FlagTable {
  const name = path.at(-1)?.name ?? program.name;
  const local = { ...(path.length === 0 ? program.leadingFlags : {}), ...command?.flags } as Flags;
  return flagTable(
    { flags: local, local: true },
    { flags: helpFlag(name), local: true },
    { flags: program.flags, local: path.length === 0 },
  );
}

/** The names that a list shows, in the order of the alphabet. */
export function listedCommands<C, G>(commands: readonly CommandEntry<C, G>[] = []): readonly CommandEntry<C, G>[] {
  return commands.filter(isListed).sort(compareNames);
}

/** Not by locale: the order of help and pages is the same on every machine. */
export function compareNames(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : 1;
}

function helpFlag(name: string): Flags {
  return { help: bool({ shorthand: 'h', description: `Show the help of ${name}` }) };
}
