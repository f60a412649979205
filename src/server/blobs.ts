import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { canDelete } from '../store/capabilities.ts';
import { type ByteRange, formatContentRange, formatUnsatisfiedRange, resolveRange } from '../wire/content-range.ts';
import { existing, isUnchanged, type Registry, type RouteOf, unsupported } from './endpoint.ts';
import { Refusal } from './errors.ts';
import { empty, type RegistryRequest, type RegistryResponse } from './exchange.ts';
import type { RegistryRepository } from './storage.ts';

/** GET and HEAD, end-2. */
export async function getBlob(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'blob'>,
): Promise<RegistryResponse> {
  const digest = parseDigest(route.digest);
  const repository = await existing(registry, request, route.repository);
  const target = await knownBlob(repository, digest, request);
  const etag = `"${digest}"`;
  const headers = { 'docker-content-digest': digest, etag };
  if (isUnchanged(request, etag)) return empty(304, headers);
  const range = wantedRange(request, target.size, etag);
  const described = {
    ...headers,
    'content-type': mediaTypes.octetStream,
    'content-length': String(range === undefined ? target.size : range.end - range.start),
    'accept-ranges': 'bytes',
    ...(range === undefined ? {} : { 'content-range': formatContentRange(range, target.size) }),
  };
  const status = range === undefined ? 200 : 206;
  if (request.method === 'HEAD') return { status, headers: described };
  return { status, headers: described, body: await repository.read(target, range, request) };
}

/** DELETE, end-10. */
export async function deleteBlob(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'blob'>,
): Promise<RegistryResponse> {
  const digest = parseDigest(route.digest);
  const { content } = await existing(registry, request, route.repository);
  if (!canDelete(content)) return unsupported('delete blobs');
  await content.deleteBlob(digest, request);
  return empty(202);
}

async function knownBlob(
  repository: RegistryRepository,
  digest: Digest,
  request: RegistryRequest,
): Promise<Descriptor> {
  const target = await repository.content.stat({ mediaType: mediaTypes.octetStream, digest }, request);
  if (target !== undefined) return target;
  throw new Refusal(404, 'BLOB_UNKNOWN', `No blob has the digest ${digest}`, { detail: { digest } });
}

/** A range is for GET only (RFC 9110 section 14.2), and not when `If-Range` names another content. */
function wantedRange(request: RegistryRequest, size: number, etag: string): ByteRange | undefined {
  const text = request.method === 'GET' ? request.header('range') : undefined;
  const condition = request.header('if-range');
  if (text === undefined || (condition !== undefined && condition !== etag)) return undefined;
  const range = resolveRange(text, size);
  if (range !== 'unsatisfiable') return range;
  throw new Refusal(416, 'SIZE_INVALID', `The blob has ${size} bytes, the range is not part of it`, {
    headers: { 'content-range': formatUnsatisfiedRange(size) },
  });
}
