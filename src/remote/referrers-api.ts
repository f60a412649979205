import { digestOf } from '../content/hash.ts';
import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseManifest } from '../oci/manifest.ts';
import { essenceOf, mediaTypes } from '../oci/media-type.ts';
import type { ReferrerListOptions } from '../store/capabilities.ts';
import { parseErrorBody } from '../wire/error-body.ts';
import { keepRecent } from './keep-recent.ts';
import { pages } from './pages.ts';
import type { RepositoryClient } from './repository-client.ts';
import { maxPageSize } from './tags.ts';
import type { ReadAnswer, Transport } from './transport/transport.ts';

/**
 * What the referrers API lists for a manifest; `undefined` when it has no answer. Whether a repository has the API is
 * remembered once it is certain: a missing repository, a subject that is not known and failures that pass say nothing of it.
 * OCI distribution-spec, "Listing Referrers"; demand-and-quirks reference, Q-66 and Q-67.
 *
 * @throws {OciError} for all that is neither a list nor a way to say that there is none, 5xx and 429 above all;
 *   `RESPONSE` for a list that breaks off
 */
export async function askReferrersApi(
  client: RepositoryClient,
  subject: Digest,
  { artifactType, signal }: ReferrerListOptions,
): Promise<readonly Descriptor[] | undefined> {
  if (knownReferrersApi(client) === false) return undefined;
  const found: Descriptor[] = [];
  let isList = true;
  let isFirst = true;
  const read = (query: string): Promise<ReadAnswer> => readPage(client, subject, query, signal);
  const entriesOf = (answer: ReadAnswer): { entries: readonly Descriptor[]; count: number } => {
    const has = showsApi(answer);
    if (!isFirst && has !== true) throw brokenOff(client, subject, answer);
    isFirst = false;
    if (has !== undefined) keepRecent(remembered(client.transport), client.name, has, maxRepositories);
    isList = has === true;
    if (!isList) return { entries: [], count: 0 };
    const document = parseManifest(answer.bytes, { mediaType: mediaTypes.ociIndex, digest: digestOf(answer.bytes) });
    const entries = document.kind === 'index' ? document.index.manifests : [];
    return { entries, count: entries.length };
  };
  const parameters = artifactType === undefined ? {} : { artifactType };
  const list = pages({ read, entriesOf, keyOf: ({ digest }) => digest, pageSize: undefined, parameters });
  for await (const page of list) for (const entry of page) found.push(entry);
  return isList ? found : undefined;
}

/** Half a list would pass for a whole one. */
function brokenOff({ name }: RepositoryClient, subject: Digest, { url, status }: ReadAnswer): OciError {
  const message = `The list of the referrers of ${subject} in ${name} breaks off: ${url.host} answered ${status} to the next page`;
  return new OciError('RESPONSE', message);
}

/** Whether a repository has the API, as far as that was found out. */
export function knownReferrersApi({ transport, name }: RepositoryClient): boolean | undefined {
  return remembered(transport).get(name);
}

/** As many as one command may work on. */
const maxRepositories = 1000;

const known = new WeakMap<Transport, Map<string, boolean>>();

function remembered(transport: Transport): Map<string, boolean> {
  const found = known.get(transport) ?? new Map<string, boolean>();
  known.set(transport, found);
  return found;
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
      expect: [200, ...redirects, ...refusals, ...doubts],
      access: 'pull',
      // GHCR leads away to a web page instead of answering.
      sameOrigin: true,
      signal,
    },
    maxPageSize,
  );
}

/** What registries without the API answer. */
const redirects: readonly number[] = [301, 302, 303, 307, 308];
const refusals: readonly number[] = [404, 405, 406, 501];
/** What they answer as well, and others when they do not know the subject or who asks. */
const doubts: readonly number[] = [400, 403];

function showsApi({ status, headers, bytes }: ReadAnswer): boolean | undefined {
  if (status === 200) return essenceOf(headers.get('content-type') ?? '') === mediaTypes.ociIndex;
  if (doubts.includes(status)) return undefined;
  const isAboutRepository = parseErrorBody(bytes).some(({ code }) => code === 'NAME_UNKNOWN');
  return status === 404 && isAboutRepository ? undefined : false;
}
