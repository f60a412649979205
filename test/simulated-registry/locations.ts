import { randomBytes } from 'node:crypto';
import {
  failure,
  headerOf,
  type Layer,
  readdressed,
  type SimulatedRequest,
  succeeded,
  withHeaders,
} from './exchange.ts';
import type { Quirks } from './quirks.ts';
import type { World } from './world.ts';

/** the many forms of an upload's location. */
export function locations(world: World): Layer {
  const states = new Map<string, string>();
  return async (request, below) => {
    const { quirks } = world;
    const mode = quirks.location ?? 'path';
    const plain = mode === 'singular' ? plural(request) : request;
    const session = plain.route?.kind === 'upload' ? plain.route.session : undefined;
    if (mode === 'query-state' && session !== undefined && !hasState(plain, states.get(session))) {
      return failure(404, 'BLOB_UPLOAD_INVALID', 'the state of the upload is missing, changed or old');
    }
    const answer = await below(withoutState(plain));
    const location = headerOf(answer, 'location');
    const isUpload = plain.route?.kind === 'uploads' || plain.route?.kind === 'upload';
    if (!isUpload || location === undefined || !succeeded(answer) || !location.includes('/blobs/uploads/'))
      return answer;
    return withHeaders(answer, { location: locationIn(mode, location, world, states) });
  };
}

function locationIn(
  mode: Exclude<Quirks['location'], undefined>,
  path: string,
  { origins }: World,
  states: Map<string, string>,
): string {
  const { registry, store, trap } = origins;
  const id = path.slice(path.lastIndexOf('/') + 1);
  switch (mode) {
    case 'abs':
      return registry + path;
    case 'relative':
      return id;
    case 'schemeless':
      return registry.slice(registry.indexOf('://') + 3) + path;
    case 'http-downgrade':
      return registry.replace('https:', 'http:') + path;
    case 'other-host':
      return `${store}/upload${path}`;
    case 'no-port':
      return registry.replace(/:\d+$/, '') + path;
    case 'singular':
      return path.replace('/blobs/uploads/', '/blobs/upload/');
    case 'trap':
      return trap + path;
    case 'private-ip':
      return `http://169.254.169.254${path}`;
    case 'query-state':
      return `${path}?${newState(states, id)}&_n=%20`;
    default:
      return path;
  }
}

/** With characters that a careless client encodes once more, or not at all. */
function newState(states: Map<string, string>, id: string): string {
  const state = `_state=${randomBytes(9).toString('hex')}%2B%2f-_~.!$()*,;:@/?==`;
  states.set(id, state);
  return state;
}

/** Every byte of the state has to come back, and the latest one. */
function hasState({ rawQuery }: SimulatedRequest, state: string | undefined): boolean {
  return state !== undefined && rawQuery.split('&').includes(state) && rawQuery.split('&').includes('_n=%20');
}

function withoutState(request: SimulatedRequest): SimulatedRequest {
  if (!request.rawQuery.includes('_state=')) return request;
  const kept = request.rawQuery.split('&').filter((part) => !part.startsWith('_state=') && !part.startsWith('_n='));
  return readdressed(request, request.path, kept.join('&'));
}

function plural(request: SimulatedRequest): SimulatedRequest {
  return readdressed(request, request.path.replace(/\/blobs\/upload\/(?=[^/]+$)/, '/blobs/uploads/'), request.rawQuery);
}
