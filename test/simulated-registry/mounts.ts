import { isDigest } from '../../src/oci/digest.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import {
  failure,
  type Handle,
  type Layer,
  readdressed,
  type SimulatedAnswer,
  type SimulatedRequest,
} from './exchange.ts';
import type { World } from './world.ts';

/** taking a blob from a neighbour. */
export function mounts(world: World): Layer {
  return async (request, below) => {
    const { route, method, query } = request;
    if (route?.kind === 'blob' && world.quirks.mount === 'shares-later')
      await share(world, route.repository, route.digest);
    const digest = query.get('mount');
    if (route?.kind !== 'uploads' || method !== 'POST' || digest === null) return below(request);
    return mount(world, request, digest, below);
  };
}

async function mount(world: World, request: SimulatedRequest, digest: string, below: Handle): Promise<SimulatedAnswer> {
  const mode = world.quirks.mount ?? 'ok';
  const from = request.query.get('from');
  const session = (): Promise<SimulatedAnswer> => below(readdressed(request, request.path, ''));
  if (mode === 202 || mode === 'shares-later') return session();
  if (mode === 'source-401') {
    const isThere = from !== null && (await world.storage.find(from)) !== undefined;
    return isThere ? below(request) : failure(401, 'UNAUTHORIZED', `project ${from} not found`);
  }
  if (typeof mode === 'number') return failure(mode, mode === 401 ? 'UNAUTHORIZED' : 'UNSUPPORTED', 'no mounts here');
  if (mode === 'requires-from' && from === null) return failure(400, 'INVALID_REQUEST', 'from is missing');
  if (mode === 'only-if-referenced' && !world.notes.referenced.has(`${from}@${digest}`)) return session();
  if (mode !== 'anonymous' || from !== null) return below(request);
  const holder = await holderOf(world, digest);
  if (holder === undefined) return session();
  return below(readdressed(request, request.path, `mount=${digest}&from=${holder}`));
}

async function holderOf({ storage }: World, digest: string): Promise<string | undefined> {
  if (!isDigest(digest)) return undefined;
  for await (const names of storage.repositories?.() ?? []) {
    for (const name of names) {
      const repository = await storage.find(name);
      if ((await repository?.content.stat({ mediaType: mediaTypes.octetStream, digest })) !== undefined) return name;
    }
  }
  return undefined;
}

/** Artifactory's way: what a manifest names anywhere is everywhere. */
async function share({ storage, notes }: World, name: string, digest: string): Promise<void> {
  if (!isDigest(digest)) return;
  for (const known of notes.referenced) {
    const [from = '', found] = known.split('@');
    if (found !== digest || from === name) continue;
    const [target, source] = [await storage.create(name), await storage.find(from)];
    if (source !== undefined && (await target.mount(digest, source))) return;
  }
}
