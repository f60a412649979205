import { digestOf } from '../content/hash.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseManifest } from '../oci/manifest.ts';
import { essenceOf, mediaTypes } from '../oci/media-type.ts';
import type { ReferrerListOptions } from '../store/capabilities.ts';
import { pages } from './pages.ts';
import { readReferrersTag } from './referrers-tag.ts';
import type { RepositoryClient } from './repository-client.ts';
import { maxPageSize } from './tags.ts';
import type { ReadAnswer } from './transport/transport.ts';

/**
 * What points at a manifest: from the referrers API, else from the referrers tag. OCI distribution-spec, "Listing Referrers";
 * demand-and-quirks reference, Q-66 and Q-67.
 */
export async function listReferrers(
  client: RepositoryClient,
  subject: Digest,
  { artifactType, signal }: ReferrerListOptions,
): Promise<readonly Descriptor[]> {
  const found =
    (await askApi(client, subject, { artifactType, signal })) ??
    (await readReferrersTag(client, subject, { signal }))?.index.manifests ??
    [];
  // Whether the registry applied the filter is not worth finding out: applying it again changes nothing.
  return artifactType === undefined ? found : found.filter((entry) => entry.artifactType === artifactType);
}

/** `undefined` when the registry has no such API. */
async function askApi(
  client: RepositoryClient,
  subject: Digest,
  { artifactType, signal }: ReferrerListOptions,
): Promise<readonly Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  let supported = true;
  const read = (query: string): Promise<ReadAnswer> => readPage(client, subject, query, signal);
  const entriesOf = (answer: ReadAnswer): { entries: readonly Descriptor[]; count: number } => {
    supported = isIndexAnswer(answer);
    if (!supported) return { entries: [], count: 0 };
    const document = parseManifest(answer.bytes, { mediaType: mediaTypes.ociIndex, digest: digestOf(answer.bytes) });
    const entries = document.kind === 'index' ? document.index.manifests : [];
    return { entries, count: entries.length };
  };
  const parameters = artifactType === undefined ? {} : { artifactType };
  const list = pages({ read, entriesOf, keyOf: ({ digest }) => digest, pageSize: undefined, parameters });
  for await (const page of list) found.push(...page);
  return supported ? found : undefined;
}

async function readPage(
  client: RepositoryClient,
  subject: Digest,
  query: string,
  signal: AbortSignal | undefined,
): Promise<ReadAnswer> {
  return client.read(
    {
      method: 'GET',
      path: `referrers/${subject}${query}`,
      headers: { accept: mediaTypes.ociIndex },
      purpose: `list the referrers of ${subject} in ${client.name}`,
      expect: [200, ...noApi],
      access: 'pull',
      // GHCR leads away to a web page instead of answering.
      sameOrigin: true,
      signal,
    },
    maxPageSize,
  );
}

/** What registries without the API answer. */
const noApi: readonly number[] = [301, 302, 303, 307, 308, 400, 403, 404, 405, 406, 501];

function isIndexAnswer({ status, headers }: ReadAnswer): boolean {
  return status === 200 && essenceOf(headers.get('content-type') ?? '') === mediaTypes.ociIndex;
}
