import type { ByteSource } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import { checkDigest, collectVerified } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, isDigest } from '../oci/digest.ts';
import { parseTag } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { resolveManifest, statedDigest } from './manifests.ts';
import { noteWritten } from './own-writes.ts';
import { maintainReferrers } from './referrers-tag.ts';
import type { RepositoryClient } from './repository-client.ts';
import type { ResponseHeaders } from './transport/exchange.ts';
import { ResponseError } from './transport/response-error.ts';

/**
 * Puts a manifest under its digest, or under a tag when one is given, and keeps the list of its subject's referrers. A tag that
 * cannot be changed and names the manifest already is as good as put (demand-and-quirks reference, Q-55).
 */
export async function putManifest(
  client: RepositoryClient,
  expected: Descriptor,
  content: ByteSource,
  { tag, signal }: CallOptions & { readonly tag?: string | undefined },
): Promise<void> {
  const bytes = await collectVerified(content, expected, maxManifestSize);
  const tags = tag === undefined ? [] : [parseTag(tag)];
  // A tag of content with another hash function is part of a push by digest (OCI distribution-spec, "Pushing Manifests").
  const byDigest = tag === undefined || algorithmOf(expected.digest) !== 'sha256';
  const query = byDigest && tag !== undefined ? `?tag=${tag}` : '';
  const first = byDigest ? `${expected.digest}${query}` : tag;
  const headers = await put(client, expected, bytes, first, signal);
  const stored = statedDigest(headers);
  if (stored !== undefined && algorithmOf(stored) === algorithmOf(expected.digest))
    checkDigest(stored, expected.digest);
  const accepted = new Set(headers.getAll('oci-tag').flatMap((value) => value.split(',').map((text) => text.trim())));
  if (byDigest) {
    for (const missing of tags.filter((name) => !accepted.has(name))) {
      await put(client, expected, bytes, missing, signal);
    }
  }
  await maintainReferrers(client, { target: expected, bytes, handled: headers.get('oci-subject') }, { signal });
}

async function put(
  client: RepositoryClient,
  { digest, mediaType }: Descriptor,
  bytes: Uint8Array,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<ResponseHeaders> {
  const name = reference.replace(/\?.*/, '');
  try {
    const { headers } = await client.perform({
      method: 'PUT',
      path: `manifests/${reference}`,
      headers: { 'content-type': mediaType },
      body: bytes,
      purpose: `write manifest ${quoted(name)} of ${client.name}`,
      expect: [200, 201, 202, 204],
      access: 'push',
      signal,
    });
    noteWritten(client, name);
    return headers;
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    if (await isNamedAlready(client, error, { digest, mediaType }, name, signal)) return noHeaders;
    throw refusedPut(error, mediaType);
  }
}

const noHeaders: ResponseHeaders = { get: () => undefined, getAll: () => [], entries: () => [] };

/** What registries with immutable tags answer, even to what the tag names (demand-and-quirks reference, Q-55). */
const immutableStatuses: ReadonlySet<number> = new Set([400, 403, 409, 412]);

async function isNamedAlready(
  client: RepositoryClient,
  { status }: ResponseError,
  { digest }: ContentId,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (isDigest(name) || !immutableStatuses.has(status)) return false;
  try {
    return (await resolveManifest(client, name, { signal })).digest === digest;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

const typeStatuses: ReadonlySet<number> = new Set([405, 406, 415]);

/** Registries take some types only, and do not always say which they refused (demand-and-quirks reference, Q-54). */
function refusedPut(error: ResponseError, mediaType: string): OciError {
  const isAboutForm = typeStatuses.has(error.status) || error.errors.some(({ code }) => code === 'MANIFEST_INVALID');
  if (!isAboutForm || error.code === 'MISSING_CONTENT') return error;
  const hint = `The registry may not take manifests of the type ${mediaType}, or what they describe`;
  return new OciError(error.code, error.message, { cause: error, hint });
}
