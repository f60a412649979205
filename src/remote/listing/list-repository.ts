import type { Digest } from '../../oci/digest.ts';
import { isOciError, type OciError } from '../../errors.ts';
import type { CallOptions } from '../../options.ts';
import { pages } from '../pages.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { defaultPageSize, maxPageSize } from '../tags.ts';
import type { ReadAnswer } from '../transport/transport.ts';
import { azureListActions, azureListPath, isAzureHost, parseAzurePage } from './azure-page.ts';
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
  /** Why it does not tell of manifests, where it could. */
  readonly refusal?: OciError | undefined;
}

/** A part of it, in the order of the registry. */
interface ListedPage extends RepositoryPage, Pick<RepositoryListing, 'refusal'> {}

/** Google's registries give so many at once. */
const googlePageSize = 10_000;

/**
 * What a registry tells about a repository page by page, in its order; one page at least. Other registries than Google's and
 * Azure's tell the tags only.
 *
 * @throws {OciError} `LIMIT_EXCEEDED` for a list that does not end
 */
export async function* repositoryPages(
  client: RepositoryClient,
  options: RepositoryListOptions,
): AsyncGenerator<ListedPage, void> {
  let refusal: OciError | undefined;
  if (isAzureHost(client.repository.registry)) {
    try {
      yield await azureList(client, options);
      return;
    } catch (error) {
      if (!isOciError(error) || !refusals.has(error.code)) throw error;
      refusal = error;
    }
  }
  // Who may pull may not always list manifests, and gateways may not pass that on.
  for await (const page of taggedPages(client, options)) yield { ...page, refusal };
}

const refusals: ReadonlySet<string> = new Set(['UNAUTHORIZED', 'DENIED', 'NOT_FOUND', 'UNSUPPORTED']);

/** All pages together. What lists of Google's registries tell of one manifest in several places is put together. */
export async function collectPages(listed: AsyncIterable<ListedPage>): Promise<RepositoryListing> {
  const manifests = new Map<Digest, ListedManifest>();
  const children = new Set<string>();
  const tags: string[] = [];
  let [name, listsManifests, listsChildren] = ['', false, false];
  let refusal: OciError | undefined;
  for await (const page of listed) {
    if (name === '') name = page.name;
    listsManifests ||= page.listsManifests;
    listsChildren ||= page.listsChildren;
    refusal ??= page.refusal;
    // One that is named twice would be walked through twice, with all that is named twice below it.
    for (const child of page.children) children.add(child);
    for (const tag of page.tags) tags.push(tag);
    for (const manifest of page.manifests) {
      const known = manifests.get(manifest.digest);
      const all = known === undefined ? manifest.tags : Array.from(new Set([...known.tags, ...manifest.tags]));
      manifests.set(manifest.digest, { ...manifest, tags: all });
    }
  }
  const sorted = Array.from(manifests).sort(([a], [b]) => (a < b ? -1 : 1));
  const listing = { name, listsManifests, listsChildren, children: [...children], tags, manifests: new Map(sorted) };
  return refusal === undefined ? listing : { ...listing, refusal };
}

/** Lists of tags, in which Google's registries tell more. */
async function* taggedPages(
  client: RepositoryClient,
  { signal, pageSize }: RepositoryListOptions,
): AsyncGenerator<RepositoryPage, void> {
  const { registry, repository } = client.repository;
  let last = nothing;
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

/** All at once: it comes by digest, and tags are wanted in order. */
async function azureList(
  { repository: { registry, repository }, name, transport }: RepositoryClient,
  { signal, pageSize = defaultPageSize }: RepositoryListOptions,
): Promise<RepositoryPage> {
  const manifests: ListedManifest[] = [];
  const read = (query: string): Promise<ReadAnswer> =>
    transport.read(
      {
        registry,
        repository,
        method: 'GET',
        target: `${azureListPath(repository)}${query}`,
        scopes: [`repository:${repository}:${azureListActions}`],
        purpose: `list the manifests of ${name}`,
        expect: [200],
        signal,
      },
      maxPageSize,
    );
  const entriesOf = (answer: ReadAnswer): { readonly entries: readonly ListedManifest[]; readonly count: number } => {
    const { manifests: entries, count } = parseAzurePage(answer);
    return { entries, count };
  };
  for await (const fresh of pages({ read, entriesOf, keyOf: ({ digest }) => digest, pageSize })) {
    for (const manifest of fresh) manifests.push(manifest);
  }
  const tags = manifests.flatMap((manifest) => manifest.tags).toSorted();
  return { ...nothing, name: repository, listsManifests: true, manifests, tags };
}

const nothing: RepositoryPage = {
  name: '',
  listsManifests: false,
  listsChildren: false,
  children: [],
  manifests: [],
  tags: [],
};

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

function pageOf({ name, listsManifests, listsChildren }: RepositoryPage, entries: readonly Entry[]): RepositoryPage {
  return {
    name,
    listsManifests,
    listsChildren,
    children: entries.flatMap((entry) => ('child' in entry ? [entry.child] : [])),
    manifests: entries.flatMap((entry) => ('manifest' in entry ? [entry.manifest] : [])),
    tags: entries.flatMap((entry) => ('tag' in entry ? [entry.tag] : [])),
  };
}
