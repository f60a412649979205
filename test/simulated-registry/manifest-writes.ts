import { streamOf } from '../../src/content/bytes.ts';
import { digestOf } from '../../src/content/hash.ts';
import { isOciError } from '../../src/errors.ts';
import { isDigest } from '../../src/oci/digest.ts';
import { essenceOf, isIndexType, isSchema1Type, mediaTypes } from '../../src/oci/media-type.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import {
  bytesOf,
  failure,
  type Layer,
  type SimulatedAnswer,
  type SimulatedRequest,
  succeeded,
  withHeaders,
} from './exchange.ts';
import type { ManifestQuirks, Quirks } from './quirks.ts';
import type { World } from './world.ts';

/** The fields of a manifest that rules are about. */
interface Document {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
}

/** A manifest that somebody wants to put. */
interface Put {
  readonly repository: string;
  readonly reference: string;
  readonly type: string;
  readonly bytes: Buffer;
  readonly document: Document;
  readonly ifMatch: string | undefined;
}

/** which manifests are taken, and what is said about it. */
export function manifestWrites(world: World): Layer {
  return async (request, below) => {
    const { route, method, headers } = request;
    if (route?.kind !== 'manifest' || method !== 'PUT') return below(request);
    const bytes = await bytesOf(request.body);
    const { repository, reference } = route;
    const document = parse(bytes);
    const type = essenceOf(headers['content-type'] ?? document.mediaType ?? '');
    const put = { repository, reference, type, bytes, document, ifMatch: headers['if-match'] };
    const rules = world.quirks.manifests ?? {};
    const refused = refusedForm(put, rules) ?? (await refusedState(world, put, rules));
    if (refused !== undefined) return refused;
    const ignoresTags = rules.ociTag === 'ignore' ? { query: withoutTags(request.query) } : {};
    const answer = await below({ ...request, ...ignoresTags, body: streamOf(bytes) });
    if (!succeeded(answer)) return answer;
    note(world, put, request);
    return worded(answer, world.quirks);
  };
}

function parse(bytes: Buffer): Document {
  try {
    return JSON.parse(bytes.toString()) as Document;
  } catch {
    return {};
  }
}

/** Rules about the document alone. */
function refusedForm(put: Put, rules: ManifestQuirks): SimulatedAnswer | undefined {
  const { type, bytes, document, reference } = put;
  const { maxBytes = Infinity, rejectDockerTypes, artifactAllowList } = rules;
  if (bytes.length > maxBytes) return failure(413, 'MANIFEST_INVALID', `the manifest is larger than ${maxBytes} bytes`);
  const isDocker = type.startsWith('application/vnd.docker.');
  if (rejectDockerTypes !== undefined && isDocker)
    return failure(rejectDockerTypes, 'MANIFEST_INVALID', `${type} is not supported`);
  if (rules.rejectSchema1 === true && isSchema1Type(type))
    return failure(400, 'MANIFEST_INVALID', 'schema 1 is not supported');
  if (rules.requireMediaType === true && document.mediaType === undefined)
    return failure(400, 'UNSUPPORTED', 'Invalid JSON syntax');
  if (rules.sha512 === 'reject' && reference.startsWith('sha512:'))
    return failure(400, 'DIGEST_INVALID', 'sha512 is not supported');
  const config = document.config?.mediaType;
  if (artifactAllowList !== undefined && config !== undefined && !artifactAllowList.includes(config)) {
    return failure(400, 'MANIFEST_INVALID', `'${config}' is not one of [${artifactAllowList.join(', ')}]`);
  }
  if (rules.rejectReferrers !== undefined && document.subject !== undefined && document.artifactType !== undefined) {
    return failure(rules.rejectReferrers, 'UNSUPPORTED', 'Invalid parameter: the artifact type is not supported');
  }
  if (rules.rejectMixed !== undefined && isMixed(put)) {
    return failure(rules.rejectMixed, 'MANIFEST_INVALID', 'an index must hold manifests of its own kind');
  }
  return undefined;
}

function isMixed({ type, document }: Put): boolean {
  const isDocker = type === mediaTypes.dockerManifestList;
  return (document.manifests ?? []).some(
    ({ mediaType }) => mediaType.startsWith('application/vnd.docker.') !== isDocker,
  );
}

/** Rules about what is there already. */
async function refusedState(
  { storage, quirks }: World,
  { repository, reference, type, document, ifMatch }: Put,
  { immutableTags, kindChange, ifMatch: heedsIfMatch }: ManifestQuirks,
): Promise<SimulatedAnswer | undefined> {
  const content = (await storage.find(repository))?.content;
  const { subject } = document;
  if (quirks.subjectMustExist === true && subject !== undefined) {
    if ((await content?.stat(subject)) === undefined)
      return failure(404, 'MANIFEST_UNKNOWN', 'the subject is not there');
  }
  if (isDigest(reference) || content === undefined) return undefined;
  const known = await resolved(content.resolve(reference));
  if (heedsIfMatch === true && ifMatch !== undefined && ifMatch !== `"${known?.digest}"`) {
    return failure(412, 'PRECONDITION', 'the manifest has changed');
  }
  if (known === undefined) return undefined;
  if (immutableTags !== undefined) return immutable(immutableTags, reference);
  if (kindChange !== undefined && isIndexType(known.mediaType) !== isIndexType(type)) {
    return failure(kindChange, 'MANIFEST_INVALID', `the tag ${reference} names a manifest of another kind`);
  }
  return undefined;
}

async function resolved(found: Promise<Descriptor>): Promise<Descriptor | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** some refuse even the manifest that the tag names already. */
function immutable(status: 400 | 403 | 409 | 412, tag: string): SimulatedAnswer {
  const code = { 400: 'TAG_IMMUTABLE', 403: 'DENIED', 409: 'CONFLICT', 412: 'PRECONDITION' }[status];
  return failure(status, code, `image tag ${tag} already exists and is immutable`);
}

function withoutTags(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams(query);
  kept.delete('tag');
  return kept;
}

function note(
  { notes, now, quirks }: World,
  { repository, reference, bytes, document }: Put,
  { query }: SimulatedRequest,
): void {
  const { readAfterWriteLag } = quirks.manifests ?? {};
  const digest = isDigest(reference) ? reference : digestOf(bytes);
  const tags = isDigest(reference) ? query.getAll('tag') : [reference];
  if (readAfterWriteLag !== undefined) {
    for (const name of [digest, ...tags]) notes.lag.set(`${repository}/${name}`, readAfterWriteLag);
  }
  const uploaded = `${repository}@${digest}`;
  notes.uploaded.set(uploaded, notes.uploaded.get(uploaded) ?? now());
  const order = notes.tags.get(repository) ?? [];
  notes.tags.set(repository, [...order, ...tags.filter((tag) => !order.includes(tag))]);
  const { config, layers = [], manifests = [] } = document;
  for (const child of [config, ...layers, ...manifests])
    if (child) notes.referenced.add(`${repository}@${child.digest}`);
}

function worded(answer: SimulatedAnswer, { ociSubject, referrers = 'ok', manifests = {} }: Quirks): SimulatedAnswer {
  const hasApi = typeof referrers !== 'number' && referrers !== '303-html' && referrers !== 'html-200';
  const states = ociSubject === undefined ? hasApi : ociSubject !== 'never';
  const tags = answer.headers['oci-tag'];
  const repeated = manifests.ociTag === 'repeat' && typeof tags === 'string' ? { 'oci-tag': tags.split(', ') } : {};
  return withHeaders(answer, { ...(states ? {} : { 'oci-subject': undefined }), ...repeated });
}
