import { parseJson } from '../oci/json.ts';
import { isTag } from '../oci/reference.ts';
import type { TagListOptions } from '../store/capabilities.ts';
import { pages } from './pages.ts';
import type { RepositoryClient } from './repository-client.ts';
import type { ReadAnswer } from './transport/transport.ts';

/** Most that is read of one page: a registry that ignores page sizes sends all its tags at once. */
export const maxPageSize: number = 32 * 1024 * 1024;

/** What is asked for at a time. ECR takes no more. */
export const defaultPageSize = 1000;

/** The tags of a repository page by page, in the registry's order. What is no tag is left out. */
export function listTags(
  client: RepositoryClient,
  { last, pageSize = defaultPageSize, signal }: TagListOptions,
): AsyncIterable<readonly string[]> {
  return pages({
    read: (query) =>
      client.read(
        {
          method: 'GET',
          path: `tags/list${query}`,
          purpose: `list the tags of ${client.name}`,
          expect: [200],
          access: 'pull',
          signal,
        },
        maxPageSize,
      ),
    entriesOf: (answer) => stringsOf(answer, 'tags', isTag),
    keyOf: (tag) => tag,
    pageSize,
    last,
  });
}

/** The strings of one field of a page that pass `isGood`; a missing or null field is an empty list. */
export function stringsOf(
  { bytes, url }: ReadAnswer,
  field: string,
  isGood: (text: string) => boolean,
): { readonly entries: readonly string[]; readonly count: number } {
  const document = parseJson(bytes, `The list ${url.host} sent`, 'RESPONSE');
  const list =
    typeof document === 'object' && document !== null
      ? (document as Readonly<Record<string, unknown>>)[field]
      : undefined;
  if (!Array.isArray(list)) return { entries: [], count: 0 };
  const entries = list.filter((entry): entry is string => typeof entry === 'string' && isGood(entry));
  return { entries, count: list.length };
}
