import { parseCsvRecord } from './csv.ts';
import { quote } from './quote.ts';

/** Something the shell may insert at the cursor. */
export interface Candidate {
  readonly value: string;
  readonly description?: string | undefined;
  /** Whether the argument goes on behind it, as a directory does: then the shell puts no space there. @default false */
  readonly goesOn?: boolean | undefined;
}

/** What is known while the user presses the completion key. */
export interface CompletionRequest<C = unknown> {
  /** The text before the cursor that candidates have to begin with; others are filtered out. */
  readonly word: string;
  /** The positional arguments before it. */
  readonly args: readonly string[];
  readonly context: C;
}

/** What may come next and nothing else; `undefined` when that is the name of a file, which the shell knows best. */
export type Offers = readonly (Candidate | string)[] | undefined;

export type Completion<C = unknown> = (request: CompletionRequest<C>) => Offers | Promise<Offers>;

/** What every kind of flag can say about itself. */
export interface FlagOptions {
  /** One line for the help, without a full stop. */
  readonly description: string;
  /** One character, used after a single dash. */
  readonly shorthand?: string | undefined;
  /** @default false */
  readonly required?: boolean | undefined;
  /** Works, but is in no help text, reference page or completion. @default false */
  readonly hidden?: boolean | undefined;
  /** What to do instead; makes the flag hidden, and using it prints a notice. */
  readonly deprecated?: string | undefined;
  /** Stands for the value in the help. @default the name of the kind */
  readonly valueName?: string | undefined;
  /**
   * Candidates for the value; without it the shell offers files, where there can be any. A flag may stand in any program, so
   * that it is not known here which context the completion gets.
   */
  readonly complete?: Completion<never> | undefined;
}

/** A flag without its name: how to read it and how to present it. Made by {@link bool}, {@link string}, {@link custom} … */
export interface Flag<T> extends FlagOptions {
  /** Empty for flags that stand alone. */
  readonly valueName: string;
  /** The value when the flag is not given. */
  readonly initial: T;
  /** As the help prints it after "default"; `undefined` where there is nothing worth saying. */
  readonly shownDefault: string | undefined;
  /** The text assumed when the flag is given without `=value`; `undefined` when it then takes the next argument. */
  readonly impliedText: string | undefined;
  readonly repeatable: boolean;
  /**
   * Reads one occurrence.
   *
   * @param earlier the result of the occurrence before it, `undefined` for the first
   * @throws {Error} whose message is the reason shown after `invalid argument … for … flag: `
   */
  parse(text: string, earlier: T | undefined): T;
}

/** Flags by long name. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The values that flags give. */
export type FlagValues<F> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** The flags that give the values of `V`, by the same names. */
export type FlagsOf<V> = { readonly [K in keyof V]: Flag<V[K]> };

export interface CustomFlagOptions<T> extends FlagOptions {
  readonly valueName: string;
  readonly initial: T;
  readonly shownDefault?: string | undefined;
  /** @default false */
  readonly repeatable?: boolean | undefined;
  readonly parse: (text: string, earlier: T | undefined) => T;
}

/** A flag with a grammar of its own, for example a platform. See {@link Flag} for what `parse` gets and throws. */
export function custom<T>(options: CustomFlagOptions<T>): Flag<T> {
  const { shownDefault, repeatable = false } = options;
  return { ...options, shownDefault, repeatable, impliedText: undefined };
}

/** True when given; another value only with `=`. */
export function bool(options: FlagOptions & { readonly initial?: boolean | undefined }): Flag<boolean> {
  const { initial = false } = options;
  return {
    complete: () => ['true', 'false'],
    ...options,
    valueName: options.valueName ?? '',
    initial,
    shownDefault: initial ? 'true' : undefined,
    impliedText: 'true',
    repeatable: false,
    parse: parseBool,
  };
}

/** How often it is given: `-vv` is 2. With `=` it takes a number or, like {@link bool}, `true` and `false`. */
export function count(options: FlagOptions): Flag<number> {
  return {
    ...options,
    valueName: options.valueName ?? '',
    initial: 0,
    shownDefault: undefined,
    impliedText: '+1',
    repeatable: false,
    parse: (text, earlier = 0) => (text === '+1' ? earlier + 1 : parseCount(text)),
  };
}

/** Any text; the last occurrence wins. */
export function string(options: FlagOptions & { readonly initial?: string | undefined }): Flag<string> {
  const { valueName = 'string', initial = '' } = options;
  const shownDefault = initial === '' ? undefined : quote(initial);
  return custom({ ...options, valueName, initial, shownDefault, parse: (text) => text });
}

/** A whole number, also `0x1f`, `0o17`, `0b11` and `1_000`; the last occurrence wins. */
export function int(options: FlagOptions & { readonly initial?: number | undefined }): Flag<number> {
  const { valueName = 'int', initial = 0 } = options;
  const shownDefault = initial === 0 ? undefined : String(initial);
  return custom({ complete: nothing, ...options, valueName, initial, shownDefault, parse: parseInteger });
}

/** A list: every occurrence is one CSV record and adds its fields; the first one replaces the initial list. */
export function strings(
  options: FlagOptions & { readonly initial?: readonly string[] | undefined },
): Flag<readonly string[]> {
  const { valueName = 'strings', initial = [] } = options;
  const shownDefault = initial.length === 0 ? undefined : `[${initial.join(',')}]`;
  const parse = (text: string, earlier: readonly string[] = []) => [...earlier, ...parseCsvRecord(text)];
  const complete = options.complete === undefined ? undefined : inList(options.complete);
  return custom({ ...options, valueName, initial, shownDefault, repeatable: true, parse, complete });
}

/**
 * A map in the order of the command line. One `=` in the text makes it one pair, whatever commas it has, without the double
 * quotes around it; more make it a CSV record of pairs. The last value of a key wins. crane-cli reference, section 1.
 */
export function stringToString(options: FlagOptions): Flag<ReadonlyMap<string, string>> {
  const { valueName = 'stringToString' } = options;
  const initial: ReadonlyMap<string, string> = new Map();
  const parse = (text: string, earlier: ReadonlyMap<string, string> = initial) =>
    new Map([...earlier, ...pairsOf(text)]);
  return custom({ complete: nothing, ...options, valueName, initial, shownDefault: '[]', repeatable: true, parse });
}

/** Pairs in the order of the command line, each cut at the first `=`; commas mean nothing. */
export function keyValue(options: FlagOptions): Flag<readonly (readonly [key: string, value: string])[]> {
  const { valueName = 'keyToValue' } = options;
  const parse = (text: string, earlier: readonly (readonly [string, string])[] = []) => [...earlier, pairOf(text)];
  return custom({ complete: nothing, ...options, valueName, initial: [], repeatable: true, parse });
}

/** Completes what stands behind the last comma, with what does not stand before it. */
export function inList<C>(complete: Completion<C>): Completion<C> {
  return async (request) => {
    const start = request.word.lastIndexOf(',') + 1;
    const before = request.word.slice(0, start);
    const given = new Set(before.split(','));
    const offers = await complete({ ...request, word: request.word.slice(start) });
    return offers
      ?.map((offer) => (typeof offer === 'string' ? { value: offer } : offer))
      .filter(({ value }) => !given.has(value))
      .map(({ value, description, goesOn }) => ({ value: `${before}${value}`, description, goesOn }));
  };
}

/** For values that nobody but the user knows, and that are no files. */
export function nothing(): readonly string[] {
  return [];
}

const truths: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falsehoods: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

function parseBool(text: string): boolean {
  if (truths.has(text)) return true;
  if (falsehoods.has(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${quote(text)}: invalid syntax`);
}

function parseCount(text: string): number {
  return /^[2-9]$/.test(text) ? Number(text) : Number(parseBool(text));
}

const integerGrammar =
  /^(?<sign>[+-]?)(?<digits>0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?\d)*)$/;

function parseInteger(text: string): number {
  const { sign, digits = '' } = integerGrammar.exec(text)?.groups ?? {};
  if (digits === '') throw new Error(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`);
  const plain = digits.replaceAll('_', '').replace(/^0(?=\d)/, '0o');
  const value = Number(plain.toLowerCase());
  if (!Number.isSafeInteger(value)) throw new Error(`strconv.ParseInt: parsing ${quote(text)}: value out of range`);
  return sign === '-' && value !== 0 ? -value : value;
}

function pairsOf(text: string): readonly (readonly [string, string])[] {
  const equalSigns = text.split('=').length - 1;
  return (equalSigns > 1 ? parseCsvRecord(text) : [equalSigns === 1 ? trimQuotes(text) : text]).map(pairOf);
}

function trimQuotes(text: string): string {
  let start = 0;
  let end = text.length;
  while (text[start] === '"') start += 1;
  while (end > start && text[end - 1] === '"') end -= 1;
  return text.slice(start, end);
}

function pairOf(text: string): readonly [string, string] {
  const cut = text.indexOf('=');
  if (cut === -1) throw new Error(`${text} must be formatted as key=value`);
  return [text.slice(0, cut), text.slice(cut + 1)];
}
