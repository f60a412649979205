import { tagFilter, type TagFilter } from '../copying/tag-filter.ts';
import { bool, type FlagsOf, int, strings } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';

/** What lists have in common. */
export interface ListFlags {
  readonly json: boolean;
  readonly limit: number;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly reverse: boolean;
}

/** @param what is listed, in the plural */
export function listFlags(what: string, patterns: string): FlagsOf<ListFlags> {
  return {
    json: bool({ description: `Print a JSON array with an object for each of the ${what}` }),
    limit: int({ description: `Print at most so many ${what}, and ask for no more than are needed; 0 means all` }),
    include: strings({ description: `List only ${what} that fit one of these ${patterns}` }),
    exclude: strings({ description: `List no ${what} that fit one of these; it wins over --include` }),
    reverse: bool({ description: 'List the other way round' }),
  };
}

/** What is left of a list. */
export interface Selection {
  /** Whether all have to be known before the first can be told. */
  readonly isOrdered: boolean;
  readonly keeps: TagFilter;
  /** Infinity for all. */
  readonly limit: number;
  /** Entries to ask for at a time; `undefined` for as many as is usual. */
  readonly pageSize: number | undefined;
}

export interface SelectionOptions {
  /** See {@link Selection}. */
  readonly isOrdered: boolean;
  /** What is left out whatever the patterns say. @default none */
  readonly leavesOut?: TagFilter | undefined;
}

/**
 * Reads the flags of a list, before anything is asked for.
 *
 * @throws {UsageError}
 */
export async function selectionOf(
  { limit, include, exclude }: ListFlags,
  { isOrdered, leavesOut }: SelectionOptions,
): Promise<Selection> {
  if (limit < 0) throw new UsageError(`--limit cannot be below zero, but is ${limit}`);
  const passes = await tagFilter(include, exclude);
  // Of what is filtered nobody knows how many have to be asked for.
  const isFiltered = leavesOut !== undefined || include.length + exclude.length > 0;
  return {
    isOrdered,
    keeps: (name) => leavesOut?.(name) !== true && passes(name),
    limit: limit === 0 ? Infinity : limit,
    pageSize: isOrdered || isFiltered || limit === 0 || limit >= usualPage ? undefined : limit,
  };
}

/** What is asked for at a time where nothing else is known. */
const usualPage = 1000;
