import { digestOf } from '../content/hash.ts';
import { maxManifestSize } from '../content/limit.ts';
import { checkDigest } from '../content/verify.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, isDigest } from '../oci/digest.ts';
import { parseJson } from '../oci/json.ts';
import { manifestTypeOf } from '../oci/manifest.ts';
import { essenceOf, isManifestType, isSchema1Type, mediaTypes } from '../oci/media-type.ts';
import { parseTag } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { readWritten } from './own-writes.ts';
import type { RepositoryClient, RepositoryRequest } from './repository-client.ts';
import type { ResponseHeaders } from './transport/exchange.ts';

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

/** What the registry says the digest is, if it says anything of use. */
export function statedDigest(headers: ResponseHeaders): Digest | undefined {
  const value = headers.get('docker-content-digest');
  return value !== undefined && isDigest(value) ? value : undefined;
}
