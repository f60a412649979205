import { untilAborted } from '../content/abort.ts';
import { type ByteSource, collect, discard } from '../content/bytes.ts';
import { VerifiedStream } from '../content/verify.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { repositoryScope } from '../wire/scope.ts';
import { statBlob } from './blobs.ts';
import type { RepositoryClient } from './repository-client.ts';
import { NetworkError, type RequestBody } from './transport/exchange.ts';
import { type Answer, checkHop } from './transport/redirect.ts';
import { ResponseError } from './transport/response-error.ts';

/** Where the bytes of an upload go. */
export type UploadSession = URL;

export interface UploadOptions extends CallOptions {
  /** A session that is open already, from a mount the registry turned into one. */
  readonly session?: UploadSession | undefined;
}

/**
 * Uploads a blob: one POST for a session, one PUT with all bytes. Bytes in hand are sent again after a passing failure;
 * a stream is read once.
 *
 * @throws {OciError} `DIGEST_MISMATCH`, `SIZE_MISMATCH`: the registry then never gets the last bytes
 */
export async function uploadBlob(
  client: RepositoryClient,
  expected: Descriptor,
  content: ByteSource,
  { session, signal }: UploadOptions,
): Promise<void> {
  const verified = VerifiedStream.of(content, expected);
  if (!(content instanceof Uint8Array)) {
    const body = { size: expected.size, replayable: false, open: () => untilAborted(verified, signal) };
    try {
      await uploadOnce(client, expected, body, { session, signal });
    } finally {
      await discard(verified);
    }
    return;
  }
  const bytes = await collect(verified, expected.size);
  let open = session;
  await client.transport.retrying(async () => {
    const first = open;
    open = undefined;
    await uploadOnce(client, expected, bytes, { session: first, signal });
  }, signal);
}

/**
 * Takes a blob from another repository of the registry.
 *
 * @returns whether it did; if not, maybe a session to upload the blob with. Refusals of any kind are no failure.
 */
export async function mountBlob(
  client: RepositoryClient,
  digest: Digest,
  from: string,
  { signal }: CallOptions,
): Promise<{ readonly mounted: boolean; readonly session?: UploadSession; readonly refused?: boolean }> {
  try {
    const answer = await client.perform({
      method: 'POST',
      path: `blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`,
      purpose: `mount blob ${digest} from ${from} into ${client.name}`,
      expect: [200, 201, 202, 204],
      access: 'push',
      extraScopes: [repositoryScope(from, 'pull')],
      retry: false,
      signal,
    });
    if (answer.status === 201) return { mounted: true };
    return { mounted: false, session: sessionOf(answer, client) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isOciError(error)) throw error;
    return { mounted: false, refused: error instanceof ResponseError };
  }
}

/** Gives up an upload. Best effort and soon over: servers forget sessions by themselves. */
export async function cancelUpload(client: RepositoryClient, session: UploadSession): Promise<void> {
  try {
    await client.perform({
      method: 'DELETE',
      path: session,
      purpose: `cancel an upload to ${client.name}`,
      expect: [200, 202, 204],
      access: 'push',
      retry: false,
      signal: AbortSignal.timeout(cancelTimeout),
    });
  } catch {
    // The failure that led here is the one to report.
  }
}

/** Milliseconds. */
const cancelTimeout = 3000;
/** The server may assemble and hash the whole blob before it answers. Milliseconds. */
const commitTimeout = 15 * 60_000;
const committed: readonly number[] = [200, 201, 202, 204];

async function uploadOnce(
  client: RepositoryClient,
  expected: Descriptor,
  body: RequestBody,
  { session, signal }: UploadOptions,
): Promise<void> {
  const location = session ?? (await openSession(client, expected.digest, signal));
  try {
    await send(client, expected, body, location, signal);
  } catch (error) {
    // The answer may have been lost after the registry had stored the blob.
    if (mayHaveArrived(error, signal) && (await isThere(client, expected, signal))) return;
    await cancelUpload(client, location);
    throw error;
  }
}

async function openSession(
  client: RepositoryClient,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const algorithm = algorithmOf(digest);
  const answer = await client.perform({
    method: 'POST',
    path: `blobs/uploads/${algorithm === 'sha256' ? '' : `?digest-algorithm=${algorithm}`}`,
    purpose: `start an upload to ${client.name}`,
    expect: [200, 202, 204],
    access: 'push',
    signal,
  });
  return sessionOf(answer, client);
}

async function send(
  client: RepositoryClient,
  { digest }: Descriptor,
  body: RequestBody,
  session: UploadSession,
  signal: AbortSignal | undefined,
): Promise<void> {
  const traits = client.transport.traitsOf(client.repository.registry);
  if (traits.chunkSize !== undefined) return sendByPatch(client, digest, body, session, signal);
  try {
    await put(client, digest, body, session, signal);
  } catch (error) {
    if (!refusesPut(error)) throw error;
    traits.chunkSize = Number.MAX_SAFE_INTEGER;
    if (!(body instanceof Uint8Array)) throw error;
    const next = await openSession(client, digest, signal);
    await sendByPatch(client, digest, body, next, signal);
  }
}

async function sendByPatch(
  client: RepositoryClient,
  digest: Digest,
  body: RequestBody,
  session: UploadSession,
  signal: AbortSignal | undefined,
): Promise<void> {
  const answer = await client.perform({
    method: 'PATCH',
    path: session,
    headers: { 'content-type': 'application/octet-stream' },
    body,
    purpose: `upload blob ${digest} to ${client.name}`,
    expect: committed,
    access: 'push',
    responseTimeout: commitTimeout,
    retry: false,
    signal,
  });
  const next = answer.headers.get('location') === undefined ? session : sessionOf(answer, client);
  await put(client, digest, new Uint8Array(0), next, signal);
}

async function put(
  client: RepositoryClient,
  digest: Digest,
  body: RequestBody,
  session: UploadSession,
  signal: AbortSignal | undefined,
): Promise<void> {
  await client.perform({
    method: 'PUT',
    path: withDigest(session, digest),
    headers: { 'content-type': 'application/octet-stream' },
    body,
    purpose: `upload blob ${digest} to ${client.name}`,
    expect: committed,
    access: 'push',
    responseTimeout: commitTimeout,
    retry: false,
    signal,
  });
}

/** Appended as text: some registries sign the query they gave, so it must come back byte for byte. */
function withDigest(session: UploadSession, digest: Digest): URL {
  const url = new URL(session);
  const before = url.search === '' ? '' : `${url.search}&`;
  url.search = `${before}digest=${encodeURIComponent(digest)}`;
  return url;
}

/** The session's URL in all the forms registries give it (demand-and-quirks reference, Q-40). */
function sessionOf(answer: Answer, client: RepositoryClient): UploadSession {
  const { registry } = client.repository;
  const location = answer.headers.get('location');
  if (location === undefined) throw new OciError('RESPONSE', `${registry} started an upload without saying where`);
  const origin = client.transport.originOf(registry);
  let url: URL;
  try {
    url = new URL(location, answer.url);
  } catch (cause) {
    throw new OciError('RESPONSE', `${registry} started an upload at ${quoted(location)}, which is no URL`, { cause });
  }
  // Behind a proxy that ends TLS a registry may take itself for an http server.
  const samePort = url.port === '' || url.port === origin.port;
  if (url.protocol === 'http:' && origin.protocol === 'https:' && url.hostname === origin.hostname && samePort) {
    url.protocol = 'https:';
    url.port = origin.port;
  }
  checkHop(origin, answer.url, url, client.transport.isInsecure(registry));
  return url;
}

function refusesPut(error: unknown): boolean {
  if (!(error instanceof ResponseError)) return false;
  return error.status === 405 || error.status === 501 || (error.status === 404 && error.errors.length === 0);
}

function mayHaveArrived(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted === true) return false;
  return error instanceof NetworkError || (error instanceof ResponseError && error.status >= 500);
}

async function isThere(
  client: RepositoryClient,
  expected: Descriptor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return (await statBlob(client, expected, { signal }))?.size === expected.size;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}
