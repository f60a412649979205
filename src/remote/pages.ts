import { isOciError, OciError } from '../errors.ts';
import { parseNextLink } from '../wire/link-header.ts';
import type { ReadAnswer } from './transport/transport.ts';
import { ResponseError } from './transport/response-error.ts';

export interface PageOptions<T> {
  /** Gets one page; the argument is the query, with its question mark or empty. */
  readonly read: (query: string) => Promise<ReadAnswer>;
  /** The page's entries, unusable ones left out, and how many there were with them. */
  readonly entriesOf: (answer: ReadAnswer) => { readonly entries: readonly T[]; readonly count: number };
  /** By what entries are told apart, and what `last` is continued after. */
  readonly keyOf: (entry: T) => string;
  readonly pageSize: number | undefined;
  readonly last?: string | undefined;
  /** Further query parameters. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads a list page by page. Whatever path or host a `Link` names, only its query is used, at our own path: that repairs
 * registries behind gateways, and keeps credentials where they belong. Entries come once, and a list that goes in circles ends.
 * Demand-and-quirks reference, Q-60 to Q-64.
 *
 * @throws {OciError} `LIMIT_EXCEEDED` when a list goes on and on, or is larger than any that is meant for use
 */
export async function* pages<T>(options: PageOptions<T>): AsyncGenerator<readonly T[], void> {
  const { entriesOf, keyOf } = options;
  const asked = new Set<string>();
  const seen = new Set<string>();
  let fruitless = 0;
  let bytes = 0;
  let pageSize = options.pageSize;
  let query: string | undefined = queryOf(options, pageSize, options.last);
  while (query !== undefined && !asked.has(query)) {
    const isFirst = asked.size === 0;
    asked.add(query);
    let answer: ReadAnswer;
    try {
      answer = await options.read(query);
    } catch (error) {
      if (!isFirst || pageSize === undefined || !refusesSize(error)) throw error;
      pageSize = undefined;
      asked.clear();
      answer = await options.read(queryOf(options, undefined, options.last));
    }
    bytes += answer.bytes.byteLength;
    if (bytes > maxListSize) throw tooLarge(answer.url);
    const { entries, count } = entriesOf(answer);
    const fresh = entries.filter((entry) => !seen.has(keyOf(entry)));
    for (const entry of fresh) seen.add(keyOf(entry));
    fruitless = fresh.length > 0 ? 0 : fruitless + 1;
    if (fresh.length > 0) yield fresh;
    if (asked.size === maxPages || fruitless === maxFruitless) throw endless(answer.url, asked.size);
    const link = nextQuery(answer);
    const last = fresh.at(-1);
    // Before there were links a full page was the only sign that more may follow.
    const mayGoOn = link === undefined && last !== undefined && pageSize !== undefined && count === pageSize;
    query = mayGoOn ? queryOf(options, pageSize, keyOf(last)) : link;
  }
}

/** Pages of a registry that never ends are refused here; real ones have a few hundred. */
const maxPages = 100_000;
/** Pages in a row without anything new: registries that filter what somebody may see leave some empty. */
const maxFruitless = 100;

/** Bytes of all pages together: millions of tags, of which each is kept to be told apart from the others. */
export const maxListSize: number = 64 * 1024 * 1024;

function tooLarge({ host }: URL): OciError {
  return new OciError('LIMIT_EXCEEDED', `The list ${host} sends is larger than the limit of ${maxListSize} bytes`);
}

function endless({ host }: URL, count: number): OciError {
  return new OciError('LIMIT_EXCEEDED', `The list ${host} sends does not end: ${count} pages, and there is another`, {
    hint: 'A registry that names the same entries again and again is broken; ask its operators',
  });
}

function queryOf<T>(
  { parameters = {} }: PageOptions<T>,
  pageSize: number | undefined,
  last: string | undefined,
): string {
  const query = [
    ...(pageSize === undefined ? [] : [`n=${pageSize}`]),
    ...(last === undefined ? [] : [`last=${encodeURIComponent(last)}`]),
    ...Object.entries(parameters).map(([key, value]) => `${key}=${encodeURIComponent(value)}`),
  ].join('&');
  return query === '' ? '' : `?${query}`;
}

function nextQuery({ headers, url }: ReadAnswer): string | undefined {
  const link = parseNextLink(headers.getAll('link'));
  if (link === undefined) return undefined;
  try {
    const { search } = new URL(link, url);
    return search === '' ? undefined : search;
  } catch {
    return undefined;
  }
}

/** ECR answers 405 to more than 1000, others 400. */
function refusesSize(error: unknown): boolean {
  return isOciError(error) && error instanceof ResponseError && (error.status === 400 || error.status === 405);
}
