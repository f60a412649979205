import type { Command, CommandEntry, Outputs, Program } from './command.ts';
import type { NamedFlag } from './parse.ts';
import {
  compareNames,
  commandsOf,
  flagsFor,
  listedCommands,
  loadCommand,
  type CommandPath,
  pathText,
} from './program.ts';

/** A flag as help and reference pages show it. */
export interface FlagPage {
  readonly name: string;
  readonly shorthand: string | undefined;
  /** Empty for a flag that stands alone. */
  readonly valueName: string;
  readonly description: string;
  readonly shownDefault: string | undefined;
  readonly required: boolean;
  readonly repeatable: boolean;
}

/** Everything there is to say about one command, as plain data. */
export interface CommandPage {
  /** `crane auth login` */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly hidden: boolean;
  readonly usageLines: readonly string[];
  readonly aliases: readonly string[];
  readonly examples: string | undefined;
  /** The sub-commands that are not hidden. */
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  /** The length that the names of sub-commands are filled up to. */
  readonly nameWidth: number;
  readonly flags: readonly FlagPage[];
  readonly globalFlags: readonly FlagPage[];
}

/** The pages of the program and all its commands, hidden ones too, each parent before its children. Loads every command. */
export async function describe<C extends Outputs, P, L>(program: Program<C, P, L>): Promise<readonly CommandPage[]> {
  return await pagesBelow(program, []);
}

/** The page of one command whose body is loaded. */
export function pageOf<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  path: CommandPath<C, P & L>,
  command: Command<C, P & L> | undefined,
): CommandPage {
  const entry = path.at(-1);
  const children = entry === undefined ? commandsOf(program) : entry.subcommands;
  const listed = listedCommands(children);
  const named = [...flagsFor(program, path, command).byName.values()].filter(isShown).sort(compareNames);
  const { summary } = entry ?? program;
  const name = pathText(program, path);
  return {
    path: name,
    name: entry?.name ?? program.name,
    summary,
    description: (path.length === 0 ? program.description : command?.description) ?? summary,
    hidden: path.some(({ hidden }) => hidden === true),
    usageLines: usageLines(name, command, listed),
    aliases: entry?.aliases ?? [],
    examples: command?.examples,
    commands: listed.map(({ name, summary }) => ({ name, summary })),
    nameWidth: Math.max(11, ...(children ?? []).map(({ name }) => name.length)),
    flags: named.filter(({ local }) => local).map(flagPage),
    globalFlags: named.filter(({ local }) => !local).map(flagPage),
  };
}

async function pagesBelow<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  path: CommandPath<C, P & L>,
): Promise<readonly CommandPage[]> {
  const children: readonly CommandEntry<C, P & L>[] =
    (path.length === 0 ? commandsOf(program) : path.at(-1)?.subcommands) ?? [];
  const pages = [pageOf(program, path, await loadCommand(path))];
  for (const child of [...children].sort(compareNames)) pages.push(...(await pagesBelow(program, [...path, child])));
  return pages;
}

function usageLines<C, G>(
  path: string,
  command: Command<C, G> | undefined,
  listed: readonly CommandEntry<C, G>[],
): readonly string[] {
  const { usage = '' } = command ?? {};
  return [
    ...(command === undefined ? [] : [`${path} ${usage === '' ? '' : `${usage} `}[flags]`]),
    ...(listed.length === 0 ? [] : [`${path} [command]`]),
  ];
}

function isShown({ flag }: NamedFlag): boolean {
  return flag.hidden !== true && flag.deprecated === undefined;
}

function flagPage({ name, flag }: NamedFlag): FlagPage {
  const { shorthand, valueName, description, shownDefault, required = false, repeatable } = flag;
  return { name, shorthand, valueName, description, shownDefault, required, repeatable };
}
