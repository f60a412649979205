import { formatNextLink } from '../wire/link-header.ts';
import { Refusal } from './errors.ts';
import { json, type RegistryRequest, type RegistryResponse } from './exchange.ts';

/**
 * The part of a list that `n` and `last` ask for, with a link to the next one. OCI distribution-spec, "Listing Tags".
 *
 * @param path of the list itself, for the link
 */
export function pageOf(
  names: readonly string[],
  request: RegistryRequest,
  path: string,
  document: (names: readonly string[]) => unknown,
): RegistryResponse {
  const limit = limitOf(request.query.get('n'));
  const last = request.query.get('last');
  const rest = last === null ? names : names.filter((name) => name > last);
  const page = rest.slice(0, limit);
  const end = page.at(-1);
  const more = end !== undefined && page.length < rest.length;
  const query = new URLSearchParams({ n: String(limit), last: end ?? '' });
  return json(200, JSON.stringify(document(page)), more ? { link: formatNextLink(`${path}?${query.toString()}`) } : {});
}

/** All names of a paged list, sorted as Go's `sort.Strings` would. */
export async function sorted(pages: AsyncIterable<readonly string[]>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of pages) for (const name of page) names.push(name);
  return names.sort();
}

function limitOf(text: string | null): number {
  if (text === null || text === '') return Infinity;
  if (/^\d+$/.test(text)) return Number(text);
  throw new Refusal(400, 'UNSUPPORTED', 'The page size n has to be a whole number that is not negative');
}
