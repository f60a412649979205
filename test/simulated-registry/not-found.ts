import { needOf, unauthorized } from './authentication.ts';
import { failure, type Layer, type SimulatedRequest } from './exchange.ts';
import type { World } from './world.ts';

/** what a registry says of what it does not have, or does not want to admit. */
export function notFound(world: World): Layer {
  return async (request, below) => {
    const { quirks } = world;
    const { route, method } = request;
    if (route !== undefined && 'repository' in route && quirks.names?.test(route.repository) === false) {
      return failure(400, 'NAME_INVALID', `the name ${route.repository} is not allowed`);
    }
    const answer = await below(request);
    const { notFoundAs = 404 } = quirks;
    const isRead = method === 'GET' || method === 'HEAD';
    if (answer.status !== 404 || notFoundAs === 404 || !isRead || !isContent(request)) return answer;
    if (notFoundAs === 'UNKNOWN-not-found') return failure(404, 'UNKNOWN', 'not found');
    if (notFoundAs === 403) return failure(403, 'DENIED', 'access forbidden');
    const need = needOf(request, quirks);
    return unauthorized(world, request, need, 'authentication required', 'insufficient_scope');
  };
}

function isContent({ route }: SimulatedRequest): boolean {
  return route?.kind === 'manifest' || route?.kind === 'tags';
}
