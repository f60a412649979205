import { Limiter } from '../async/limiter.ts';
import { collect } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { checkDigest } from '../content/verify.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, isDigest, parseDigest } from '../oci/digest.ts';
import { childrenOf, type Manifest, manifestTypeOf, parseManifest } from '../oci/manifest.ts';
import { essenceOf, isManifestType, isNonDistributableType, isSchema1Type, mediaTypes } from '../oci/media-type.ts';
import { isTag, parseTag } from '../oci/reference.ts';
import { referrerOf } from '../oci/referrer.ts';
import { canDelete, canKeepReferrers, canListReferrers } from '../store/capabilities.ts';
import type { ContentStore } from '../store/store.ts';
import { formatRoute } from '../wire/routes.ts';
import { existing, isUnchanged, type Registry, type RouteOf, unsupported } from './endpoint.ts';
import { Refusal } from './errors.ts';
import { empty, type RegistryRequest, type RegistryResponse } from './exchange.ts';
import type { RegistryRepository } from './storage.ts';

/** GET and HEAD, end-3. The manifest is sent as it was pushed, whatever the client says it accepts. */
export async function getManifest(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'manifest'>,
): Promise<RegistryResponse> {
  checkReference(route.reference);
  const repository = await existing(registry, request, route.repository);
  const target = await knownManifest(repository, route.reference, request);
  const { mediaType, digest, size } = target;
  const etag = `"${digest}"`;
  const headers = { 'docker-content-digest': digest, etag };
  if (isUnchanged(request, etag)) return empty(304, headers);
  const described = { ...headers, 'content-type': mediaType, 'content-length': String(size) };
  if (request.method === 'HEAD') return { status: 200, headers: described };
  const bytes = await collect(await repository.read(target, undefined, request), size);
  return { status: 200, headers: described, body: bytes };
}

/** PUT, end-7. */
export async function putManifest(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'manifest'>,
): Promise<RegistryResponse> {
  const tags = tagsOf(request, route.reference);
  const bytes = await readManifest(registry, request);
  const target = describe(bytes, request, route.reference);
  const manifest = parseManifest(bytes, target);
  const { content } = await registry.storage.create(route.repository, request);
  if (!registry.sparse) await requireChildren(content, manifest, request);
  await content.push(target, bytes, request);
  for (const tag of tags) await content.tag(target, tag, request);
  const { digest } = target;
  const referrer = canListReferrers(content) ? referrerOf(manifest, target) : undefined;
  if (referrer !== undefined && canKeepReferrers(content)) await content.keepReferrers([referrer], request);
  return empty(201, {
    location: formatRoute({ ...route, reference: digest }),
    'docker-content-digest': digest,
    ...(referrer === undefined ? {} : { 'oci-subject': referrer.subject }),
    ...(isDigest(route.reference) && tags.length > 0 ? { 'oci-tag': tags.join(', ') } : {}),
  });
}

/** DELETE, end-9: a digest goes with all its tags, a tag alone. */
export async function deleteManifest(
  registry: Registry,
  request: RegistryRequest,
  { repository, reference }: RouteOf<'manifest'>,
): Promise<RegistryResponse> {
  checkReference(reference);
  const { content } = await existing(registry, request, repository);
  if (!canDelete(content)) return unsupported('delete manifests');
  if (isDigest(reference)) await content.deleteManifest(reference, request);
  else await content.deleteTag(reference, request);
  return empty(202);
}

/** More tags than the specification asks registries to take with one manifest, by far. */
const maxTags = 100;

function tagsOf({ query }: RegistryRequest, reference: string): readonly string[] {
  if (!reference.includes(':')) return [checkedTag(reference)];
  parseDigest(reference);
  const tags = query.getAll('tag');
  if (tags.length > maxTags) {
    throw new Refusal(414, 'MANIFEST_INVALID', `${tags.length} tags at once are too many, the limit is ${maxTags}`);
  }
  return Array.from(new Set(tags.map(checkedTag)));
}

function checkedTag(text: string): string {
  try {
    return parseTag(text);
  } catch (error) {
    if (isOciError(error)) throw new Refusal(400, 'MANIFEST_INVALID', error.message);
    throw error;
  }
}

/** What cannot name a manifest names none; only a malformed digest is worth a message of its own. */
function checkReference(reference: string): void {
  if (reference.includes(':')) parseDigest(reference);
  else if (!isTag(reference)) throw new OciError('NOT_FOUND', `Nothing is named ${quoted(reference)}`);
}

async function knownManifest(
  { content }: RegistryRepository,
  reference: string,
  request: RegistryRequest,
): Promise<Descriptor> {
  try {
    return await content.resolve(reference, request);
  } catch (error) {
    if (!isOciError(error, 'NOT_FOUND')) throw error;
    throw new Refusal(404, 'MANIFEST_UNKNOWN', `No manifest is named ${quoted(reference)}`, { detail: { reference } });
  }
}

async function readManifest({ maxManifestSize }: Registry, request: RegistryRequest): Promise<Uint8Array> {
  const stated = Number(request.header('content-length') ?? 0);
  if (stated > maxManifestSize) {
    throw new Refusal(413, 'SIZE_INVALID', `The manifest has ${stated} bytes, the limit is ${maxManifestSize}`);
  }
  return collect(request.body, maxManifestSize, 'The manifest');
}

function describe(bytes: Uint8Array, request: RegistryRequest, reference: string): Descriptor {
  const digest = isDigest(reference) ? digestOf(bytes, algorithmOf(reference)) : digestOf(bytes);
  if (isDigest(reference)) checkDigest(digest, reference);
  const contentType = essenceOf(request.header('content-type') ?? '');
  const mediaType = manifestTypeOf(bytes, contentType);
  if (isManifestType(contentType) && !agree(contentType, mediaType)) {
    const message = `The manifest says it is ${quoted(mediaType)}, its Content-Type ${quoted(contentType)}`;
    throw new Refusal(400, 'MANIFEST_INVALID', message);
  }
  const target = { mediaType, digest, size: bytes.byteLength };
  if (isManifestType(mediaType)) return target;
  // Says what is wrong with bytes that are no manifest at all; what is left is a manifest of an unknown type.
  parseManifest(bytes, target);
  throw new Refusal(400, 'MANIFEST_INVALID', `${quoted(mediaType)} is no type of manifest that this registry keeps`);
}

function agree(contentType: string, mediaType: string): boolean {
  // Signed and unsigned schema 1 documents state the same type.
  return contentType === mediaType || (isSchema1Type(contentType) && isSchema1Type(mediaType));
}

/** How many blobs are looked for at once: enough to hide the waits, few enough not to crowd out other requests. */
const lookups = 16;

async function requireChildren(content: ContentStore, manifest: Manifest, request: RegistryRequest): Promise<void> {
  const children = new Map(childrenOf(manifest).map((child) => [child.digest, child]));
  const limiter = new Limiter(lookups);
  const missing: Digest[] = [];
  await Promise.all(
    Array.from(children.values(), (child) =>
      limiter.run(async () => {
        if (!(await isThere(content, child, request))) missing.push(child.digest);
      }),
    ),
  );
  const [first] = missing;
  if (first === undefined) return;
  const others = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  throw new Refusal(400, 'MANIFEST_BLOB_UNKNOWN', `The manifest names ${first}${others}, which the repository lacks`, {
    detail: missing.slice(0, 20).map((digest) => ({ digest })),
  });
}

async function isThere(content: ContentStore, child: Descriptor, request: RegistryRequest): Promise<boolean> {
  // Layers that must not be passed on are fetched from elsewhere.
  if (isNonDistributableType(child.mediaType) || (child.urls !== undefined && child.urls.length > 0)) return true;
  if ((await content.stat(child, request)) !== undefined) return true;
  // Old tools leave the type of a child out, and an index may list things that are not manifests.
  if (isManifestType(child.mediaType)) return false;
  return (await content.stat({ mediaType: mediaTypes.ociManifest, digest: child.digest }, request)) !== undefined;
}
