import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ByteRange } from '../../wire/content-range.ts';
import { formatChunkRange } from '../../wire/content-range.ts';
import type { RepositoryClient } from '../repository-client.ts';
import type { RequestBody } from '../transport/exchange.ts';
import type { Answer } from '../transport/redirect.ts';
import type { UploadSession } from './session.ts';

export interface PieceRequest {
  readonly session: UploadSession;
  readonly body: RequestBody;
  readonly signal: AbortSignal | undefined;
}

/** The closing request: with the whole blob, or with nothing when all of it was sent before. */
export async function putBlob(
  client: RepositoryClient,
  request: PieceRequest & { readonly digest: Digest },
): Promise<void> {
  const { session, digest, body, signal } = request;
  await client.perform({
    method: 'PUT',
    path: withDigest(session.location, digest),
    headers: octets,
    body,
    purpose: `upload blob ${digest} to ${client.name}`,
    expect: sentStatuses,
    access: 'push',
    commits: true,
    retry: false,
    signal,
  });
}

/**
 * One piece; without a range it is all there is, as clients sent it before there were pieces. Nothing but messages needs the
 * digest, which may not be known yet.
 */
export async function patchBlob(
  client: RepositoryClient,
  request: PieceRequest & { readonly digest?: Digest | undefined; readonly range?: ByteRange | undefined },
): Promise<Answer> {
  const { session, digest, body, range, signal } = request;
  return client.perform({
    method: 'PATCH',
    path: session.location,
    // Just `0-99`: some refuse HTTP's own form (demand-and-quirks reference, Q-46).
    headers: range === undefined ? octets : { ...octets, 'content-range': formatChunkRange(range) },
    body,
    purpose: `upload ${digest === undefined ? 'a blob' : `blob ${digest}`} to ${client.name}`,
    expect: sentStatuses,
    access: 'push',
    commits: range === undefined,
    retry: false,
    signal,
  });
}

/** Whether the registry has the blob, after an answer that may have been lost. Any failure counts as no. */
export async function isThere(
  client: RepositoryClient,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const { headers } = await client.perform({
      method: 'HEAD',
      path: `blobs/${digest}`,
      purpose: `look for blob ${digest} in ${client.name}`,
      expect: [200],
      access: 'push',
      retry: false,
      signal,
    });
    return Number(headers.get('content-length') ?? size) === size;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

const octets: Readonly<Record<string, string>> = { 'content-type': 'application/octet-stream' };
/** demand-and-quirks reference, Q-41. */
const sentStatuses: readonly number[] = [200, 201, 202, 204];

/** Appended as text: some registries sign the query they gave, so it must come back byte for byte. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  const before = url.search === '' ? '' : `${url.search}&`;
  url.search = `${before}digest=${encodeURIComponent(digest)}`;
  return url;
}
