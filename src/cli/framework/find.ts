import { childNamed, type CommandEntry, type Outputs, type Program } from './command.ts';
import { type FlagTable, flagTable, isFlag, type Occurrence, occurrencesIn } from './parse.ts';
import { commandsOf, flagsFor, listedCommands, type CommandPath } from './program.ts';
import { quote } from './quote.ts';
import { suggestionsFor } from './suggest.ts';
import { UsageError } from './usage-error.ts';

/** Which command a command line means, and what is left for it. */
export interface FoundCommand<C, G> {
  readonly path: CommandPath<C, G>;
  /** The arguments without the names of the commands and without `leading`. */
  readonly argv: readonly string[];
  /** Those of the arguments that are leading flags of the program, with their values. */
  readonly leading: readonly string[];
}

/**
 * Looks for the names of commands among the arguments. Flags may stand in between; one that is not known yet, because the
 * command is not, counts as followed by a value unless it has a `=`, as in crane.
 *
 * @throws {UsageError} for an unknown command of the program, with suggestions
 */
export function findCommand<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  argv: readonly string[],
): FoundCommand<C, P & L> {
  const scan = new Scan(program, argv);
  const path: CommandEntry<C, P & L>[] = [];
  let children: readonly CommandEntry<C, P & L>[] | undefined = commandsOf(program);
  while (children !== undefined) {
    const word = scan.nextWord(path.length === 0);
    if (word === undefined) break;
    const entry: CommandEntry<C, P & L> | undefined = childNamed(children, word);
    if (entry === undefined) {
      // After a flag nobody knows, the word is probably the flag's value: then it is the flag that is wrong.
      if (path.length === 0 && !scan.helpAsked) throw scan.unknownFlag ?? unknownCommand(program.name, word, children);
      scan.keep(word);
      break;
    }
    path.push(entry);
    children = entry.subcommands;
  }
  return { path, argv: scan.remaining(), leading: scan.leading };
}

/** Walks over the arguments from the left and sorts flags while the command is still unknown. */
class Scan<C, P, L> {
  readonly leading: string[] = [];
  /** Whoever asks for help in front of a wrong name gets the help of the program. */
  helpAsked = false;
  /** What is wrong with the first flag that was skipped without being known. */
  unknownFlag: UsageError | undefined;
  readonly #rest: string[];
  readonly #kept: string[] = [];
  readonly #leadingNames: ReadonlySet<string>;
  readonly #first: FlagTable;
  readonly #later: FlagTable;

  constructor(program: Program<C, P, L>, argv: readonly string[]) {
    this.#rest = [...argv];
    this.#leadingNames = new Set(Object.keys(program.leadingFlags));
    this.#first = flagsFor(program, [], undefined);
    this.#later = flagTable({ flags: program.flags, local: false });
  }

  /** The next argument that is no flag and no flag's value. */
  nextWord(atProgram: boolean): string | undefined {
    for (let token = this.#rest.shift(); token !== undefined; token = this.#rest.shift()) {
      if (token === '--') {
        this.#rest.unshift(token);
        return undefined;
      }
      if (isFlag(token)) this.#skip(token, atProgram);
      else if (token === '' || token === '-') this.keep(token);
      else return token;
    }
    return undefined;
  }

  keep(token: string): void {
    this.#kept.push(token);
  }

  remaining(): readonly string[] {
    return [...this.#kept, ...this.#rest];
  }

  #skip(token: string, atProgram: boolean): void {
    const { [0]: next, length } = this.#rest;
    try {
      const found = [...occurrencesIn(token, this.#rest, atProgram ? this.#first : this.#later)];
      this.helpAsked ||= found.some((occurrence) => occurrence.found.name === 'help');
      this.#sort(token, found, next === undefined || this.#rest.length === length ? [] : [next]);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.unknownFlag ??= error;
      this.#skipUnknown(token);
    }
  }

  #sort(token: string, found: readonly Occurrence[], taken: readonly string[]): void {
    const isLeading = ({ found }: Occurrence) => this.#leadingNames.has(found.name);
    if (!found.some(isLeading)) this.#kept.push(token, ...taken);
    else if (found.every(isLeading)) this.leading.push(token, ...taken);
    else
      for (const occurrence of found)
        (isLeading(occurrence) ? this.leading : this.#kept).push(...spelledOut(occurrence));
  }

  #skipUnknown(token: string): void {
    this.#kept.push(token);
    const takesNext = !token.includes('=') && (token.startsWith('--') || token.length === 2);
    const value = takesNext ? this.#rest.shift() : undefined;
    if (value !== undefined) this.#kept.push(value);
  }
}

/** A bundle like `-vuNAME` that mixes flags of two owners is taken apart. */
function spelledOut({ found, text }: Occurrence): readonly string[] {
  return text === undefined ? [`--${found.name}`] : [`--${found.name}=${text}`];
}

/** The failure to find a command among those of a program, or of another command. */
export function unknownCommand<C, G>(
  parent: string,
  word: string,
  commands: readonly CommandEntry<C, G>[],
): UsageError {
  const names = suggestionsFor(
    word,
    listedCommands(commands)
      .map(({ name }) => name)
      .filter((name) => name !== 'help'),
  );
  const list = names.length === 0 ? '' : `\n\nDid you mean this?\n${names.map((name) => `\t${name}\n`).join('')}`;
  return new UsageError(
    `unknown command ${quote(word)} for ${quote(parent)}${list}\nRun '${parent} --help' for usage.`,
  );
}
