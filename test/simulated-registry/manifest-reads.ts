import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/content/hash.ts';
import { essenceOf, mediaTypes } from '../../src/oci/media-type.ts';
import { endless } from './blob-bodies.ts';
import {
  bytesOf,
  empty,
  failure,
  type Handle,
  headerOf,
  type Layer,
  type SimulatedAnswer,
  type SimulatedRequest,
  text,
  withHeaders,
} from './exchange.ts';
import type { HeadQuirks, HostileQuirks, ManifestQuirks } from './quirks.ts';
import type { World } from './world.ts';

/** how manifests are answered, and when they and blobs are seen. */
export function reads(world: World): Layer {
  return async (request, below) => {
    const { route, method } = request;
    if ((method !== 'GET' && method !== 'HEAD') || (route?.kind !== 'manifest' && route?.kind !== 'blob')) {
      return below(request);
    }
    const name = route.kind === 'manifest' ? route.reference : route.digest;
    if (isUnseen(world, `${route.repository}/${name}`)) {
      return failure(404, route.kind === 'manifest' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN', 'not yet');
    }
    if (route.kind === 'manifest') return readManifest(world, request, below);
    const answer = await below(request);
    const lost = world.notes.lost.get(`${route.repository}@${route.digest}`);
    const isStale = method === 'HEAD' && world.quirks.manifests?.staleHead === true && answer.status === 404;
    if (!isStale || lost === undefined) return answer;
    return { status: 200, headers: { 'content-length': String(lost), 'docker-content-digest': route.digest } };
  };
}

function isUnseen({ notes }: World, key: string): boolean {
  const left = notes.lag.get(key) ?? 0;
  if (left > 0) notes.lag.set(key, left - 1);
  return left > 0;
}

async function readManifest({ quirks }: World, request: SimulatedRequest, below: Handle): Promise<SimulatedAnswer> {
  const { head = {}, manifests = {}, accept = 'any', hostile } = quirks;
  const isHead = request.method === 'HEAD';
  if (isHead && typeof head.manifest === 'number') return empty(head.manifest);
  const found = await below({ ...request, method: 'GET' });
  if (found.status !== 200) return found;
  const bytes = await bytesOf(found.body);
  const stored = essenceOf(headerOf(found, 'content-type') ?? '');
  const wanted = request.headers.accept ?? '*/*';
  const isWanted = wanted.includes(stored) || wanted.includes('*/*');
  if (!isWanted && accept === '406') return failure(406, 'MANIFEST_UNACCEPTABLE', `${stored} is not accepted`);
  const answer = !isWanted && accept === 'strict-schema1' ? asSchema1(bytes) : { ...found, body: bytes };
  const labelled = hostileManifest(relabelled(answer, manifests), hostile?.manifest);
  return isHead ? beheaded(labelled, bytes, head.manifest) : labelled;
}

/** What Quay makes of a manifest for clients that seem to be old: something else with another digest. */
function asSchema1(bytes: Buffer): SimulatedAnswer {
  const { layers = [] } = JSON.parse(bytes.toString()) as { layers?: readonly { digest: string }[] };
  const fsLayers = layers.map(({ digest }) => ({ blobSum: digest }));
  const content = JSON.stringify({ schemaVersion: 1, name: 'converted', tag: 'latest', fsLayers, history: [] });
  const digest = digestOf(Buffer.from(content));
  return text(200, content, mediaTypes.dockerSchema1Signed, { 'docker-content-digest': digest });
}

/** */
function relabelled(answer: SimulatedAnswer, { contentType, digestHeader }: ManifestQuirks): SimulatedAnswer {
  const type = headerOf(answer, 'content-type') ?? '';
  const types = {
    parameters: `${type}; charset=utf-8`,
    text: 'text/plain; charset=utf-8',
    json: 'application/json',
    schema1: mediaTypes.dockerSchema1Signed,
    none: undefined,
  };
  const digest = digestHeader === 'wrong' ? `sha256:${'1'.repeat(64)}` : undefined;
  return withHeaders(answer, {
    ...(contentType === undefined ? {} : { 'content-type': types[contentType] }),
    ...(digestHeader === undefined ? {} : { 'docker-content-digest': digest, etag: undefined }),
  });
}

/** */
function beheaded(answer: SimulatedAnswer, bytes: Buffer, mode: HeadQuirks['manifest']): SimulatedAnswer {
  const head = { ...answer, body: undefined };
  switch (mode) {
    case 'no-digest':
      return withHeaders(head, { 'docker-content-digest': undefined, etag: undefined });
    case 'no-length':
      return withHeaders(head, { 'content-length': undefined });
    case 'no-type':
      return withHeaders(head, { 'content-type': undefined });
    case 'gzip-length':
      return withHeaders(head, { 'content-length': String(gzipSync(bytes).length), 'content-encoding': 'gzip' });
    default:
      return head;
  }
}

function hostileManifest(answer: SimulatedAnswer, mode: HostileQuirks['manifest']): SimulatedAnswer {
  const type = headerOf(answer, 'content-type') ?? '';
  switch (mode) {
    case 'other-bytes':
      return text(200, `{"schemaVersion":2,"mediaType":"${type}","config":{},"layers":[]}`, type);
    case 'deep':
      return text(200, '['.repeat(1_000_000), type);
    case 'html':
      return text(200, '<html>Sign in to the hotel network</html>', 'text/html');
    case 'not-json':
      return text(200, '\u0000\u0001', type);
    case 'many':
      return text(
        200,
        `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[${'{},'.repeat(500_000)}{}]}`,
        type,
      );
    case 'endless':
      return { status: 200, headers: { 'content-type': type }, body: endless(Buffer.alloc(64 * 1024, ' ')) };
    default:
      return answer;
  }
}
