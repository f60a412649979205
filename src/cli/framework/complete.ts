import type { Command, Outputs, Program } from './command.ts';
import { findCommand, type FoundCommand } from './find.ts';
import type { Candidate, Completion, CompletionRequest } from './flag.ts';
import { readFlags, valuesFor } from './given-flags.ts';
import {
  type FlagTable,
  flagTable,
  isFlag,
  type NamedFlag,
  occurrencesIn,
  type ParsedFlags,
  parseFlags,
} from './parse.ts';
import { commandsOf, compareNames, type CommandPath, flagsFor, listedCommands, loadCommand } from './program.ts';
import { printable } from './quote.ts';
import { UsageError } from './usage-error.ts';

interface Answer {
  readonly candidates: readonly Candidate[];
  /** Whether the shell completes names of files. */
  readonly files: boolean;
}

/** As the scripts that cobra makes know them, too. */
const directives = [
  { bit: 2, name: 'ShellCompDirectiveNoSpace' },
  { bit: 4, name: 'ShellCompDirectiveNoFileComp' },
] as const;

/**
 * Answers the completion script of a shell: one candidate per line, with a tab and its description when `described`, and
 * last `:` and a sum: 2 when no space follows what is inserted, 4 when file names are not wanted. crane-cli reference,
 * section 9.5.
 *
 * @param words the command line behind the program's name up to the cursor; the last word is the one to complete
 * @throws {UsageError} when `words` is empty
 */
export async function printCandidates<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  words: readonly string[],
  context: C,
  described: boolean,
): Promise<number> {
  const word = words.at(-1);
  if (word === undefined) throw new UsageError('requires at least 1 arg(s), only received 0');
  const { candidates, files } = await answer(program, words.slice(0, -1), word, context);
  const lines = candidates.map(({ value, description = '' }) => {
    const [line = ''] = description.split('\n');
    return `${printable(value)}${described && line !== '' ? `\t${printable(line)}` : ''}\n`;
  });
  const goesOn = candidates.length > 0 && candidates.every((candidate) => candidate.goesOn);
  const directive = (goesOn ? 2 : 0) + (files ? 0 : 4);
  await context.stdout.write(`${lines.join('')}:${directive}\n`);
  const names = directives.filter(({ bit }) => (directive & bit) !== 0).map(({ name }) => name);
  const shown = names.length === 0 ? 'ShellCompDirectiveDefault' : names.join(', ');
  context.stderr.write(`Completion ended with directive: ${shown}\n`);
  return 0;
}

/** A completion that fails must not disturb the prompt: the reason goes where the scripts do not look. */
async function answer<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  before: readonly string[],
  word: string,
  context: C,
): Promise<Answer> {
  try {
    const found = findCommand(program, before);
    const { path, argv, leading } = found;
    const command = await loadCommand(path);
    const table = flagsFor(program, path, command);
    const awaiting = awaitedFlag(argv, table);
    const awaitingFirst = awaitedFlag(leading, flagTable({ flags: program.leadingFlags, local: false }));
    const [last, lastFirst] = [awaiting, awaitingFirst].map((flag) => (flag === undefined ? undefined : -1));
    const known = { ...found, argv: argv.slice(0, last), leading: leading.slice(0, lastFirst) };
    const line = parseFlags(known.argv, table, () => {});
    prepare(program, known, command, context);
    const request = { word, args: line.args, context };
    const flag = awaiting ?? awaitingFirst;
    if (flag !== undefined) return await valuesOf(flag, request);
    if (line.values.get('help') === true) return { candidates: [], files: false };
    if (!line.terminated && word.startsWith('-')) return await flagCandidates(table, line, request);
    return await argumentCandidates(program, path, command, { ...line, ...request });
  } catch (error) {
    context.stderr.write(`[Debug] [Error] ${error instanceof Error ? error.message : String(error)}\n`);
    return { candidates: [], files: true };
  }
}

/** The flag whose value comes next. */
function awaitedFlag(argv: readonly string[], table: FlagTable): NamedFlag | undefined {
  const rest = [...argv];
  for (let token = rest.shift(); token !== undefined && token !== '--'; token = rest.shift()) {
    if (!isFlag(token)) continue;
    for (const { found, text } of occurrencesIn(token, rest, table)) if (text === undefined) return found;
  }
  return undefined;
}

function prepare<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  found: FoundCommand<C, P & L>,
  command: Command<C, P & L> | undefined,
  context: C,
): void {
  if (program.beforeCompleting === undefined || command === undefined) return;
  const { globals } = valuesFor(
    program,
    command,
    readFlags(program, found, command, () => {}),
  );
  program.beforeCompleting({ context, globals });
}

async function flagCandidates<C>(table: FlagTable, line: ParsedFlags, request: CompletionRequest<C>): Promise<Answer> {
  const { word } = request;
  const cut = word.indexOf('=');
  if (cut === -1) return { candidates: flagNames(table, line, word), files: false };
  const found = table.byName.get(word.slice(2, cut)) ?? table.byShorthand.get(word.slice(1, cut));
  if (found === undefined) return { candidates: [], files: true };
  return await valuesOf(found, { ...request, word: word.slice(cut + 1) });
}

/** The flags that may still be given, in their long form and, while only the dash is typed, in their short one. */
function flagNames({ byName, byShorthand }: FlagTable, { values }: ParsedFlags, word: string): readonly Candidate[] {
  const mayFollow = ({ name, flag }: NamedFlag): boolean =>
    flag.hidden !== true && flag.deprecated === undefined && (flag.repeatable || !values.has(name));
  const named = [...byName.values()].filter(mayFollow).sort(compareNames);
  const candidates = named.flatMap((found) => {
    const { name, flag } = found;
    const { description, shorthand } = flag;
    const short = shorthand !== undefined && byShorthand.get(shorthand) === found ? [`-${shorthand}`] : [];
    return [`--${name}`, ...short].map((value) => ({ value, description }));
  });
  return candidates.filter(({ value }) => value.startsWith(word));
}

async function argumentCandidates<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  path: CommandPath<C, P & L>,
  command: Command<C, P & L> | undefined,
  { args, terminated, word, context }: ParsedFlags & CompletionRequest<C>,
): Promise<Answer> {
  const children = listedCommands(path.length === 0 ? commandsOf(program) : path.at(-1)?.subcommands);
  if (children.length > 0 && args.length === 0 && !terminated) {
    const names = children.map(({ name, summary }) => ({ value: name, description: summary }));
    return { candidates: names.filter(({ value }) => value.startsWith(word)), files: false };
  }
  if (args.length >= (command?.arguments.most ?? 0)) return { candidates: [], files: false };
  return await offered(command?.complete, { word, args, context });
}

async function valuesOf<C>({ flag }: NamedFlag, request: CompletionRequest<C>): Promise<Answer> {
  // The flags of a program are made for its context.
  return await offered(flag.complete as Completion<C> | undefined, request);
}

async function offered<C>(complete: Completion<C> | undefined, request: CompletionRequest<C>): Promise<Answer> {
  const offers = await complete?.(request);
  const candidates = (offers ?? [])
    .map((offer) => (typeof offer === 'string' ? { value: offer } : offer))
    .filter(({ value }) => value.startsWith(request.word));
  return { candidates, files: offers === undefined };
}
