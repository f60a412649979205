import type { ByteSource } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { maxManifestSize } from '../content/limit.ts';
import { checkDigest, collectVerified } from '../content/verify.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, isDigest } from '../oci/digest.ts';
import { parseJson } from '../oci/json.ts';
import { manifestTypeOf } from '../oci/manifest.ts';
import { essenceOf, isManifestType, isSchema1Type, mediaTypes } from '../oci/media-type.ts';
import { parseTag } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { forgetWritten, noteWritten, readWritten } from './own-writes.ts';
import { maintainReferrers } from './referrers-tag.ts';
import type { RepositoryClient, RepositoryRequest } from './repository-client.ts';
import type { ResponseHeaders } from './transport/exchange.ts';
import { ResponseError } from './transport/response-error.ts';

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * All kinds at once, joined: a registry that misses a kind converts or refuses, and some read one header only.
 * crane-library reference, section 3.1.
 */
const accept: string = [
  mediaTypes.dockerSchema1,
  mediaTypes.dockerSchema1Signed,
  mediaTypes.dockerManifest,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifestList,
  mediaTypes.ociIndex,
].join(',');

/** A manifest by tag or digest with one GET. By digest the bytes are verified; by tag the digest is computed from them. */
export async function fetchManifest(
  client: RepositoryClient,
  reference: string,
  options: CallOptions,
): Promise<FetchedManifest> {
  const request = readRequest(client, 'GET', reference, options.signal);
  const { headers, bytes } = await readWritten(client, reference, options, () =>
    client.read({ ...request, expect: [200] }, maxManifestSize),
  );
  const wanted = isDigest(reference) ? reference : undefined;
  const stated = statedDigest(headers);
  const digest = digestOf(bytes, algorithmOf(wanted ?? stated ?? sha256));
  const mediaType = manifestTypeOf(bytes, essenceOf(headers.get('content-type') ?? ''));
  if (wanted !== undefined) checkDigest(digest, wanted);
  checkJson(bytes, `Manifest ${quoted(reference)} of ${client.name}`, headers);
  // The digest of signed schema 1 leaves out the signatures.
  if (wanted === undefined && stated !== undefined && stated !== digest && !isSchema1Type(mediaType)) {
    client.transport.warn(`${client.name}:${reference} has the digest ${digest}, but the registry states ${stated}`);
  }
  return { descriptor: { mediaType, digest, size: bytes.byteLength }, bytes };
}

/** A manifest's descriptor by HEAD, or by GET from registries that answer HEAD incompletely (demand-and-quirks reference, Q-29). */
export async function resolveManifest(
  client: RepositoryClient,
  reference: string,
  options: CallOptions,
): Promise<Descriptor> {
  return (
    (await headManifest(client, reference, options)) ?? (await fetchManifest(client, reference, options)).descriptor
  );
}

/**
 * Like {@link resolveManifest}; `undefined` when the manifest is not there or not to be seen. Some registries hide with 401 or
 * 403 what is not there, and whoever may really not enter learns it from the next step (demand-and-quirks reference, Q-15).
 */
export async function statManifest(
  client: RepositoryClient,
  { digest }: ContentId,
  options: CallOptions,
): Promise<Descriptor | undefined> {
  try {
    return await resolveManifest(client, digest, options);
  } catch (error) {
    if (isOciError(error) && hidden.has(error.code)) return undefined;
    throw error;
  }
}

const hidden: ReadonlySet<string> = new Set(['NOT_FOUND', 'DENIED', 'UNAUTHORIZED']);

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

/** @param reference a tag or a digest */
export async function deleteManifest(client: RepositoryClient, reference: string, options: CallOptions): Promise<void> {
  const { signal } = options;
  const what = isDigest(reference) ? 'manifest' : 'tag';
  try {
    await client.perform({
      method: 'DELETE',
      path: `manifests/${isDigest(reference) ? reference : parseTag(reference)}`,
      purpose: `delete ${what} ${quoted(reference)} of ${client.name}`,
      expect: [200, 202, 204],
      access: 'delete',
      signal,
    });
    forgetWritten(client);
  } catch (error) {
    throw refusedDelete(error, what, await isStillThere(error, client, reference, options));
  }
}

/** Registries that do not delete may answer 404 to what they have (demand-and-quirks reference, Q-70). */
async function isStillThere(
  error: unknown,
  client: RepositoryClient,
  reference: string,
  options: CallOptions,
): Promise<boolean> {
  if (!isOciError(error, 'NOT_FOUND')) return false;
  try {
    await resolveManifest(client, reference, options);
    return true;
  } catch {
    options.signal?.throwIfAborted();
    return false;
  }
}

const sha256 = 'sha256:' as Digest;

/** Every manifest is a JSON object; what is none comes from a proxy or a login page in between. */
function checkJson(bytes: Uint8Array, what: string, headers: ResponseHeaders): void {
  let document: unknown;
  try {
    document = parseJson(bytes, what);
  } catch (cause) {
    if (!isOciError(cause)) throw cause;
    const type = headers.get('content-type') ?? '';
    const hint = /html/i.test(type)
      ? 'It is an HTML page: check the host, and whether a proxy or login page stands in between'
      : undefined;
    throw new OciError('INVALID_MANIFEST', cause.message, { cause, hint });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new OciError('INVALID_MANIFEST', `${what} is not a JSON object`);
  }
}

async function headManifest(
  client: RepositoryClient,
  reference: string,
  { signal }: CallOptions,
): Promise<Descriptor | undefined> {
  const request = readRequest(client, 'HEAD', reference, signal);
  let answer;
  try {
    answer = await readWritten(client, reference, { signal }, () =>
      client.perform({ ...request, expect: [200, ...unhelpfulHead] }),
    );
  } catch (error) {
    // An answer to HEAD has no words; the one to GET says what is wrong.
    if (isOciError(error, 'UNAUTHORIZED')) return undefined;
    throw error;
  }
  if (answer.status !== 200) return undefined;
  const mediaType = essenceOf(answer.headers.get('content-type') ?? '');
  const digest = statedDigest(answer.headers);
  // The length of a compressed answer is not the manifest's (demand-and-quirks reference, Q-28).
  const encoding = answer.headers.get('content-encoding') ?? 'identity';
  const size = Number(encoding === 'identity' ? (answer.headers.get('content-length') ?? Number.NaN) : Number.NaN);
  // Schema 1 is what some say of whatever has no type of its own.
  const isTyped = isManifestType(mediaType) && !isSchema1Type(mediaType);
  const complete = isTyped && digest !== undefined && Number.isSafeInteger(size) && size > 0;
  if (!complete || (isDigest(reference) && digest !== reference)) return undefined;
  return { mediaType, digest, size };
}

/** Statuses of registries and proxies that let HEAD not through. */
const unhelpfulHead: readonly number[] = [400, 403, 405, 501];

function readRequest(
  client: RepositoryClient,
  method: 'GET' | 'HEAD',
  reference: string,
  signal: AbortSignal | undefined,
): Omit<RepositoryRequest, 'expect'> {
  return {
    method,
    path: `manifests/${isDigest(reference) ? reference : parseTag(reference)}`,
    headers: { accept },
    purpose: `read manifest ${quoted(reference)} of ${client.name}`,
    access: 'pull',
    signal,
  };
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

function statedDigest(headers: ResponseHeaders): Digest | undefined {
  const value = headers.get('docker-content-digest');
  return value !== undefined && isDigest(value) ? value : undefined;
}

function refusedDelete(error: unknown, what: string, isThere: boolean): unknown {
  if (!isOciError(error) || !(isThere || error.code === 'UNSUPPORTED' || error.code === 'RESPONSE')) return error;
  const hint =
    what === 'tag'
      ? 'This registry may delete by digest only; that also removes all other tags of the same manifest'
      : 'This registry may not allow deleting, or only in its own interface';
  return new OciError('UNSUPPORTED', error.message, { cause: error, hint });
}
