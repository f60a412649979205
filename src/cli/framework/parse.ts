import type { Flag, Flags } from './flag.ts';
import { printable, quote } from './quote.ts';
import { suggestionsFor } from './suggest.ts';
import { UsageError } from './usage-error.ts';

export interface NamedFlag {
  readonly name: string;
  readonly flag: Flag<unknown>;
  /** False for the program's flags and `--help`. */
  readonly local: boolean;
}

/** The flags that one command line may use. */
export interface FlagTable {
  readonly byName: ReadonlyMap<string, NamedFlag>;
  readonly byShorthand: ReadonlyMap<string, NamedFlag>;
}

export interface ParsedFlags {
  /** Positional arguments. */
  readonly args: readonly string[];
  /** Of the flags that were given. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Whether `--` ended the flags. */
  readonly terminated: boolean;
}

/** Where a flag was found in the arguments: `text` is undefined when the value is missing. */
export interface Occurrence {
  readonly found: NamedFlag;
  readonly text: string | undefined;
  /** How the message about a missing value calls it. */
  readonly shown: string;
}

/** The first owner of a name or shorthand keeps it: the flags of the command come before those of the program. */
export function flagTable(...groups: readonly { readonly flags: Flags; readonly local: boolean }[]): FlagTable {
  const byName = new Map<string, NamedFlag>();
  const byShorthand = new Map<string, NamedFlag>();
  for (const { flags, local } of groups) {
    for (const [name, flag] of Object.entries(flags)) {
      if (byName.has(name)) continue;
      const named = { name, flag, local };
      byName.set(name, named);
      if (flag.shorthand !== undefined && !byShorthand.has(flag.shorthand)) byShorthand.set(flag.shorthand, named);
    }
  }
  return { byName, byShorthand };
}

/**
 * Reads flags and positional arguments, which may be mixed; `--` ends the flags.
 *
 * @param notice gets a line for every deprecated flag that is used
 * @throws {UsageError} crane-cli reference, section 1
 */
export function parseFlags(argv: readonly string[], table: FlagTable, notice: (line: string) => void): ParsedFlags {
  const values = new Map<string, unknown>();
  const args: string[] = [];
  const rest = [...argv];
  for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
    if (token === '--') return { args: [...args, ...rest], values, terminated: true };
    if (!isFlag(token)) args.push(token);
    else for (const occurrence of occurrencesIn(token, rest, table)) assign(values, occurrence, notice);
  }
  return { args, values, terminated: false };
}

/** A lone dash is an argument: it stands for standard input or output. */
export function isFlag(token: string): boolean {
  return token.length > 1 && token.startsWith('-');
}

/**
 * The flags that one token holds; a value in the next token is taken from `rest`.
 *
 * @throws {UsageError} for a flag that `table` does not have
 */
export function* occurrencesIn(token: string, rest: string[], table: FlagTable): Generator<Occurrence, void> {
  if (token.startsWith('--')) yield longFlag(token, rest, table);
  else yield* shortFlags(token.slice(1), rest, table);
}

function longFlag(token: string, rest: string[], table: FlagTable): Occurrence {
  const cut = token.indexOf('=');
  const name = token.slice(2, cut === -1 ? undefined : cut);
  if (name === '' || name.startsWith('-')) throw new UsageError(`bad flag syntax: ${printable(token)}`);
  const found = table.byName.get(name);
  if (found === undefined) throw unknownFlag(name, table);
  const text = cut === -1 ? (found.flag.impliedText ?? rest.shift()) : token.slice(cut + 1);
  return { found, text, shown: token };
}

function unknownFlag(name: string, { byName }: FlagTable): UsageError {
  const known = Array.from(byName).flatMap(([other, { flag }]) => (flag.hidden === true ? [] : [other]));
  // What is shorter is near to too many.
  const meant = name.length < 3 ? [] : suggestionsFor(name, known).map((other) => `--${other}`);
  const hint = meant.length === 0 ? undefined : `Did you mean ${meant.join(' or ')}?`;
  return new UsageError(`unknown flag: --${printable(name)}`, { hint });
}

function* shortFlags(bundle: string, rest: string[], table: FlagTable): Generator<Occurrence, void> {
  let left = bundle;
  while (left !== '') {
    const letter = String.fromCodePoint(left.codePointAt(0) ?? 0);
    const found = table.byShorthand.get(letter);
    const shown = `'${printable(letter)}' in -${printable(left)}`;
    if (found === undefined) throw new UsageError(`unknown shorthand flag: ${shown}`);
    const after = left.slice(letter.length);
    const { impliedText } = found.flag;
    if (after.length > 1 && after.startsWith('=')) {
      yield { found, text: after.slice(1), shown };
      return;
    }
    if (impliedText === undefined) {
      yield { found, text: after === '' ? rest.shift() : after, shown };
      return;
    }
    yield { found, text: impliedText, shown };
    left = after;
  }
}

function assign(values: Map<string, unknown>, occurrence: Occurrence, notice: (line: string) => void): void {
  const { name, flag } = occurrence.found;
  if (occurrence.text === undefined) throw new UsageError(`flag needs an argument: ${occurrence.shown}`);
  try {
    values.set(name, flag.parse(occurrence.text, values.get(name)));
  } catch (error) {
    const called = flag.shorthand === undefined ? `--${name}` : `-${flag.shorthand}, --${name}`;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`invalid argument ${quote(occurrence.text)} for ${quote(called)} flag: ${printable(reason)}`, {
      cause: error,
    });
  }
  if (flag.deprecated !== undefined) notice(`Flag --${name} has been deprecated, ${flag.deprecated}`);
}
