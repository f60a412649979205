import { isDigest } from '../../src/oci/digest.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import {
  bytesOf,
  empty,
  failure,
  type Handle,
  json,
  type Layer,
  type SimulatedAnswer,
  type SimulatedRequest,
  text,
} from './exchange.ts';
import type { World } from './world.ts';

/** the referrers API, what stands in its place, and how it is paged. */
export function referrers(world: World): Layer {
  return async (request, below) => {
    const { route } = request;
    if (route?.kind !== 'referrers') return below(request);
    const mode = world.quirks.referrers ?? 'ok';
    switch (mode) {
      case 404:
        return text(404, '404 page not found\n', 'text/plain');
      case 400:
      case 405:
      case 406:
        return failure(mode, 'UNSUPPORTED', 'the operation is unsupported');
      case 500:
        return empty(500);
      case '303-html':
        return empty(303, { location: `${world.origins.store}/html/packages/referrers%2Fsha256` });
      case 'html-200':
        return text(200, '<html>Sign in</html>', 'text/html');
      case '404-name-unknown':
      case 'unknown-subject-400':
        return (await refusal(world, mode, route.repository, route.digest)) ?? below(request);
      case 'paged':
        return paged(request, below);
      case 'filter-annotation':
        return annotated(request, below);
      default:
        return below(request);
    }
  };
}

async function refusal(
  { storage }: World,
  mode: '404-name-unknown' | 'unknown-subject-400',
  name: string,
  digest: string,
): Promise<SimulatedAnswer | undefined> {
  const repository = await storage.find(name);
  if (mode === '404-name-unknown') {
    return repository === undefined ? failure(404, 'NAME_UNKNOWN', 'repository name not known to registry') : undefined;
  }
  const subject = isDigest(digest) ? { mediaType: mediaTypes.ociManifest, digest } : undefined;
  const isThere = subject !== undefined && (await repository?.content.stat(subject)) !== undefined;
  return isThere ? undefined : failure(400, 'MANIFEST_INVALID', 'manifest invalid');
}

async function all(request: SimulatedRequest, below: Handle): Promise<readonly Descriptor[]> {
  const query = new URLSearchParams(request.query);
  query.delete('page');
  const answer = await below({ ...request, query });
  return (JSON.parse((await bytesOf(answer.body)).toString()) as { manifests: readonly Descriptor[] }).manifests;
}

/** One entry a page, and each page begins with the last entry of the one before. */
async function paged(request: SimulatedRequest, below: Handle): Promise<SimulatedAnswer> {
  const found = await all(request, below);
  const page = Number(request.query.get('page') ?? 0);
  const manifests = found.slice(Math.max(page - 1, 0), page + 1);
  const query = new URLSearchParams(request.query);
  query.set('page', String(page + 1));
  const link = page + 1 < found.length ? { link: `<${request.path}?${query.toString()}>; rel="next"` } : {};
  return index({ manifests }, link);
}

/** How release candidates of the specification said that the filter was applied. */
async function annotated(request: SimulatedRequest, below: Handle): Promise<SimulatedAnswer> {
  const annotations = { 'org.opencontainers.referrers.filtersApplied': 'artifactType' };
  return index({ manifests: await all(request, below), annotations });
}

function index(document: object, headers: SimulatedAnswer['headers'] = {}): SimulatedAnswer {
  const content = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, ...document };
  return json(200, content, { 'content-type': mediaTypes.ociIndex, ...headers });
}
