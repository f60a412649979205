import { isOciError, OciError, quoted } from '../errors.ts';
import { algorithmOf, type Digest, type DigestAlgorithm, parseDigest } from '../oci/digest.ts';
import { checkRepositoryName } from '../oci/reference.ts';
import { type ByteRange, formatUploadRange, parseChunkRange } from '../wire/content-range.ts';
import { formatRoute } from '../wire/routes.ts';
import type { Registry, RouteOf } from './endpoint.ts';
import { Refusal } from './errors.ts';
import { empty, type RegistryRequest, type RegistryResponse } from './exchange.ts';
import type { RegistryRepository, Upload } from './storage.ts';

/** POST, end-4 and end-11: a session, or the whole blob at once, or a blob of another repository. */
export async function startUpload(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'uploads'>,
): Promise<RegistryResponse> {
  const { query } = request;
  const repository = await registry.storage.create(route.repository, request);
  const mounted = await mount(registry, request, repository);
  if (mounted !== undefined) return created(route, mounted);
  const digest = query.has('digest') ? parseDigest(query.get('digest') ?? '') : undefined;
  const algorithm = digest === undefined ? algorithmIn(query) : algorithmOf(digest);
  const upload = await repository.uploads.start({ algorithm, signal: request.signal });
  if (digest === undefined) return accepted(202, route, upload);
  try {
    await upload.append(request.body, request);
    await upload.finish(digest, request);
  } catch (error) {
    // Nobody knows this session's name.
    await upload.cancel();
    throw error;
  }
  return created(route, digest);
}

/** PATCH, end-5: with `Content-Range` a chunk that has to continue what is there, without it whatever comes. */
export async function appendToUpload(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'upload'>,
): Promise<RegistryResponse> {
  const upload = await knownUpload(registry, request, route);
  await append(upload, request, route);
  return accepted(202, route, upload);
}

/** PUT, end-6: the last bytes, if any, and the digest of all of them. */
export async function finishUpload(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'upload'>,
): Promise<RegistryResponse> {
  const upload = await knownUpload(registry, request, route);
  const digest = parseDigest(request.query.get('digest') ?? '');
  await append(upload, request, route);
  await upload.finish(digest, request);
  return created(route, digest);
}

/** GET and HEAD, end-13. */
export async function getUpload(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'upload'>,
): Promise<RegistryResponse> {
  return accepted(204, route, await knownUpload(registry, request, route));
}

/** DELETE, end-14. */
export async function cancelUpload(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'upload'>,
): Promise<RegistryResponse> {
  const upload = await knownUpload(registry, request, route);
  await upload.cancel();
  return empty(204);
}

/** Whatever speaks against mounting starts an upload instead: the specification's way to say no. */
async function mount(
  { storage }: Registry,
  request: RegistryRequest,
  repository: RegistryRepository,
): Promise<Digest | undefined> {
  const wanted = request.query.get('mount');
  if (wanted === null) return undefined;
  const digest = parseDigest(wanted);
  const name = request.query.get('from');
  // Without a name any repository would do, also those that the client may not read.
  if (name === null) return undefined;
  checkRepositoryName(name);
  const from = await storage.find(name, request);
  if (from === undefined) return undefined;
  return (await repository.mount(digest, from, request)) ? digest : undefined;
}

function algorithmIn(query: URLSearchParams): DigestAlgorithm {
  const name = query.get('digest-algorithm') ?? 'sha256';
  if (name === 'sha256' || name === 'sha512') return name;
  throw new OciError('INVALID_DIGEST', `Unsupported digest algorithm ${quoted(name)}: sha256 and sha512 are known`);
}

async function knownUpload(
  { storage }: Registry,
  request: RegistryRequest,
  { repository, session }: RouteOf<'upload'>,
): Promise<Upload> {
  const { uploads } = await storage.create(repository, request);
  const upload = await uploads.find(session, request);
  if (upload !== undefined) return upload;
  throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', `There is no upload ${quoted(session)}`);
}

async function append(upload: Upload, request: RegistryRequest, route: RouteOf<'upload'>): Promise<void> {
  const range = rangeOf(request);
  const content = range === undefined ? request.body : exactly(request.body, range);
  try {
    await upload.append(content, { offset: range?.start, signal: request.signal });
  } catch (error) {
    if (!isOciError(error, 'OUT_OF_RANGE')) throw error;
    const { headers } = await accepted(416, route, upload);
    throw new Refusal(416, 'BLOB_UPLOAD_INVALID', error.message, { headers });
  }
}

function rangeOf(request: RegistryRequest): ByteRange | undefined {
  const text = request.header('content-range');
  if (text === undefined) return undefined;
  const range = parseChunkRange(text);
  if (range === undefined) {
    throw new Refusal(400, 'BLOB_UPLOAD_INVALID', `The Content-Range ${quoted(text)} is not of the form 0-1023`);
  }
  const length = request.header('content-length');
  if (length !== undefined && Number(length) !== range.end - range.start) {
    throw new Refusal(400, 'SIZE_INVALID', `The Content-Range ${quoted(text)} does not have ${length} bytes`);
  }
  return range;
}

/** A chunk has the length its range states; what is too much is not kept. */
async function* exactly(
  source: AsyncIterable<Uint8Array>,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void> {
  let left = end - start;
  for await (const chunk of source) {
    if (chunk.byteLength > left) throw new OciError('SIZE_MISMATCH', 'The chunk is longer than its Content-Range');
    left -= chunk.byteLength;
    yield chunk;
  }
  if (left > 0) throw new OciError('SIZE_MISMATCH', `The chunk is ${left} bytes shorter than its Content-Range`);
}

async function accepted(
  status: number,
  route: { readonly repository: string },
  upload: Upload,
): Promise<RegistryResponse> {
  const { id } = upload;
  return empty(status, {
    location: formatRoute({ kind: 'upload', repository: route.repository, session: id }),
    range: formatUploadRange(await upload.size()),
    'docker-upload-uuid': id,
  });
}

function created({ repository }: { readonly repository: string }, digest: Digest): RegistryResponse {
  return empty(201, {
    location: formatRoute({ kind: 'blob', repository, digest }),
    'docker-content-digest': digest,
  });
}
