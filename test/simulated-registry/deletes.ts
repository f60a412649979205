import { isDigest } from '../../src/oci/digest.ts';
import { canListTags } from '../../src/store/capabilities.ts';
import { failure, type Handle, type Layer, type SimulatedAnswer, type SimulatedRequest } from './exchange.ts';
import { hasParent } from './google.ts';
import type { World } from './world.ts';

/** what can be deleted, and by which name. */
export function deletes(world: World): Layer {
  return async (request, below) => {
    const { route, method } = request;
    if (method !== 'DELETE') return below(request);
    const { tag, digest, blob } = world.quirks.del ?? {};
    if (route?.kind === 'blob') return outcome(blob ?? 202, request, below);
    if (route?.kind !== 'manifest') return below(request);
    if (!isDigest(route.reference)) return outcome(tag ?? 202, request, below);
    if (digest !== 'dangling-tag') return outcome(digest ?? 202, request, below);
    if (await hasParent(world, route.repository, route.reference)) {
      return failure(400, 'GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE', 'Manifest is still referenced by an index');
    }
    if (!(await hasTag(world, route.repository, route.reference))) return below(request);
    return failure(400, 'GOOGLE_MANIFEST_DANGLING_TAG', `Manifest is still referenced by tag: ${route.reference}`);
  };
}

async function outcome(status: number, request: SimulatedRequest, below: Handle): Promise<SimulatedAnswer> {
  if (status >= 400) {
    const code = status === 400 ? 'DIGEST_INVALID' : status === 401 ? 'UNAUTHORIZED' : 'UNSUPPORTED';
    return failure(status, code, 'The operation is unsupported.');
  }
  const answer = await below(request);
  return answer.status === 202 ? { ...answer, status } : answer;
}

async function hasTag({ storage }: World, name: string, digest: string): Promise<boolean> {
  const content = (await storage.find(name))?.content;
  if (content === undefined || !canListTags(content)) return false;
  for await (const tags of content.tags()) {
    for (const tag of tags) if ((await content.resolve(tag)).digest === digest) return true;
  }
  return false;
}
