import { any } from './arguments.ts';
import { childNamed, type Command, type Outputs, type Program } from './command.ts';
import { findCommand, type FoundCommand } from './find.ts';
import type { Candidate } from './flag.ts';
import { renderHelp, renderUsage } from './help.ts';
import { pageOf } from './page.ts';
import { type CommandPath, commandsOf, listedCommands, loadCommand } from './program.ts';
import { backquoted } from './quote.ts';
import { UsageError } from './usage-error.ts';

/** `help [COMMAND…]`: what `COMMAND --help` prints. An unknown name is answered with the program's usage. */
export function helpCommand<C extends Outputs, P, L>(program: Program<C, P, L>): Command<C, P & L> {
  return {
    usage: '[command]',
    description: `Show the help of ${program.name} or of the command that is named: "${program.name} help COMMAND"`,
    arguments: any,
    hooks: false,
    complete: ({ args }) => subcommandsOf(program, args),
    async run({ args, context }) {
      const path = topic(program, args)?.path;
      const page = pageOf(program, path ?? [], await loadCommand(path ?? []));
      if (path !== undefined) {
        await context.stdout.write(renderHelp(page));
        return;
      }
      context.stderr.write(`Unknown help topic [${args.map(backquoted).join(' ')}]\n`);
      context.stderr.write(renderUsage(page));
    },
  };
}

function topic<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  args: readonly string[],
): FoundCommand<C, P & L> | undefined {
  try {
    return findCommand(program, args);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function subcommandsOf<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  names: readonly string[],
): readonly Candidate[] {
  const path: CommandPath<C, P & L>[number][] = [];
  for (const name of names) {
    const entry = childNamed(path.length === 0 ? commandsOf(program) : path.at(-1)?.subcommands, name);
    if (entry === undefined) return [];
    path.push(entry);
  }
  const children = path.length === 0 ? commandsOf(program) : path.at(-1)?.subcommands;
  return listedCommands(children).map(({ name, summary }) => ({ value: name, description: summary }));
}
