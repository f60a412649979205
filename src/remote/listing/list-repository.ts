import type { Digest } from '../../oci/digest.ts';
import type { CallOptions } from '../../options.ts';
import { pages } from '../pages.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { defaultPageSize, maxPageSize } from '../tags.ts';
import type { ReadAnswer } from '../transport/transport.ts';
import { isGoogleHost } from './google-hosts.ts';
import { type ListedManifest, parseRepositoryPage, type RepositoryPage } from './repository-page.ts';

export interface RepositoryListOptions extends CallOptions {
  /** How many to ask for at a time. @default 10000 of Google's registries, 1000 of others */
  readonly pageSize?: number | undefined;
}

/** All that a registry tells about one repository. */
export interface RepositoryListing extends Omit<RepositoryPage, 'manifests'> {
  /** By digest, in the order of the digests. */
  readonly manifests: ReadonlyMap<Digest, ListedManifest>;
}

/** Google's registries give so many at once. */
const googlePageSize = 10_000;

/**
 * What a registry tells about a repository page by page, in its order; one page at least. Other registries than Google's
 * tell the tags only.
 *
 * @throws {OciError} `LIMIT_EXCEEDED` for a list that does not end
 */
export async function* repositoryPages(
  client: RepositoryClient,
  { signal, pageSize }: RepositoryListOptions,
): AsyncGenerator<RepositoryPage, void> {
  const { registry, repository } = client.repository;
  let last: RepositoryPage = { name: '', listsManifests: false, children: [], manifests: [], tags: [] };
  let isEmpty = true;
  const read = (query: string): Promise<ReadAnswer> =>
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
    );
  const entries = pages<Entry>({
    read,
    entriesOf: (answer) => {
      last = parseRepositoryPage(answer, repository);
      return { entries: entriesOf(last), count: last.tags.length };
    },
    keyOf,
    pageSize: pageSize ?? (isGoogleHost(registry) ? googlePageSize : defaultPageSize),
  });
  for await (const fresh of entries) {
    isEmpty = false;
    yield pageOf(last, fresh);
  }
  if (isEmpty) yield last;
}

/** All pages together. What lists of Google's registries tell of one manifest in several places is put together. */
export async function collectPages(listed: AsyncIterable<RepositoryPage>): Promise<RepositoryListing> {
  const manifests = new Map<Digest, ListedManifest>();
  const [children, tags]: [string[], string[]] = [[], []];
  let [name, listsManifests] = ['', false];
  for await (const page of listed) {
    if (name === '') name = page.name;
    listsManifests ||= page.listsManifests;
    for (const child of page.children) children.push(child);
    for (const tag of page.tags) tags.push(tag);
    for (const manifest of page.manifests) {
      const known = manifests.get(manifest.digest);
      const all = known === undefined ? manifest.tags : Array.from(new Set([...known.tags, ...manifest.tags]));
      manifests.set(manifest.digest, { ...manifest, tags: all });
    }
  }
  const sorted = Array.from(manifests).sort(([a], [b]) => (a < b ? -1 : 1));
  return { name, listsManifests, children, tags, manifests: new Map(sorted) };
}

/** Tags come last: where there is no `Link`, the last entry names where the next page starts. */
type Entry = { readonly child: string } | { readonly manifest: ListedManifest } | { readonly tag: string };

function entriesOf({ children, manifests, tags }: RepositoryPage): readonly Entry[] {
  return [
    ...children.map((child) => ({ child })),
    ...manifests.map((manifest) => ({ manifest })),
    ...tags.map((tag) => ({ tag })),
  ];
}

/** A tag is its own key. The others cannot be tags, so that they never are taken for one. */
function keyOf(entry: Entry): string {
  if ('tag' in entry) return entry.tag;
  if ('child' in entry) return `/${entry.child}`;
  return [entry.manifest.digest, ...entry.manifest.tags].join(' ');
}

function pageOf({ name, listsManifests }: RepositoryPage, entries: readonly Entry[]): RepositoryPage {
  return {
    name,
    listsManifests,
    children: entries.flatMap((entry) => ('child' in entry ? [entry.child] : [])),
    manifests: entries.flatMap((entry) => ('manifest' in entry ? [entry.manifest] : [])),
    tags: entries.flatMap((entry) => ('tag' in entry ? [entry.tag] : [])),
  };
}
