import { azureListed } from './azure.ts';
import {
  failure,
  type Handle,
  type Layer,
  type SimulatedAnswer,
  type SimulatedRequest,
  withHeaders,
} from './exchange.ts';
import type { Quirks } from './quirks.ts';
import type { Grant } from './tokens.ts';
import { tokenPath } from './token-server.ts';
import { type Action, basicUser, may, refused } from './users.ts';
import type { World } from './world.ts';

/** Q-01 to Q-06, Q-11, Q-12, Q-16: who may do what, and how a login is asked for. */
export function authentication(world: World, tokenServer: Handle): Layer {
  return async (request, below) => {
    const { quirks } = world;
    if (quirks.realm === 'same-host' && request.path === tokenPath(quirks)) return tokenServer(request);
    if (!wantsLogin(world)) return below(request);
    if (request.route?.kind === 'base') return ping(world, request, below);
    const need = needOf(request, quirks);
    const bearer = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined && takesBearer(quirks)) return withToken(world, request, bearer, need, below);
    if (takesBasic(quirks)) return withBasic(world, request, need, below);
    return unauthorized(world, request, need, 'authentication required');
  };
}

export function wantsLogin({ quirks, access }: World): boolean {
  return quirks.challenge === undefined ? Object.keys(access.users).length > 0 : quirks.challenge !== 'none';
}

/** What a request needs: a right on a repository, the catalog, or only that somebody is known. */
export interface Need {
  readonly resource: string;
  readonly action: string;
}

export function needOf({ method, route, path }: SimulatedRequest, { del = {} }: Quirks): Need {
  const listed = azureListed(path);
  if (listed !== undefined) return { resource: `repository:${listed}`, action: 'metadata_read' };
  if (route?.kind === 'catalog') return { resource: 'registry:catalog', action: '*' };
  if (route === undefined || !('repository' in route)) return { resource: '', action: '' };
  const resource = `repository:${route.repository}`;
  if (route.kind === 'upload' || route.kind === 'uploads') return { resource, action: 'push' };
  if (method === 'GET' || method === 'HEAD') return { resource, action: 'pull' };
  if (method !== 'DELETE' || del.scope === 'none') return { resource, action: 'push' };
  return { resource, action: del.scope ?? 'delete' };
}

async function ping(world: World, request: SimulatedRequest, below: Handle): Promise<SimulatedAnswer> {
  const { quirks, tokens, access } = world;
  const { authorization = '' } = request.headers;
  const [, scheme = '', value = ''] = /^(\w+)\s+(.+)$/.exec(authorization) ?? [];
  const isKnown =
    (scheme.toLowerCase() === 'bearer' && takesBearer(quirks) && tokens.find(value) !== undefined) ||
    (scheme.toLowerCase() === 'basic' && takesBasic(quirks) && basicUser(access, authorization) !== refused);
  if (isKnown || quirks.ping === 200) return below(request);
  if (quirks.ping === 'close') return { status: 0, headers: {}, instead: 'reset' };
  if (quirks.ping === 403 || quirks.ping === 404) return failure(quirks.ping, 'DENIED', 'not here');
  return unauthorized(world, request, { resource: '', action: '' }, 'authentication required');
}

async function withToken(
  world: World,
  request: SimulatedRequest,
  token: string,
  need: Need,
  below: Handle,
): Promise<SimulatedAnswer> {
  const grant = world.tokens.find(token);
  if (grant === undefined) return unauthorized(world, request, need, 'invalid token', 'invalid_token');
  if (grant.service !== (world.quirks.service ?? 'simulated')) {
    return unauthorized(world, request, need, 'token is for another service', 'invalid_token');
  }
  const missing = [need, ...mountNeeds(world, request)].find((one) => !covers(grant, one));
  if (missing === undefined) return below({ ...request, grant });
  return unauthorized(world, request, missing, 'requested access to the resource is denied', 'insufficient_scope');
}

function covers(grant: Grant, { resource, action }: Need): boolean {
  const held = grant.resources.get(resource);
  return resource === '' || held?.has(action) === true || held?.has('*') === true;
}

/** Q-50: Docker Hub wants to see `pull` for the repository that is mounted from, though it may be public. */
function mountNeeds({ quirks }: World, { query, route, method }: SimulatedRequest): readonly Need[] {
  const from = query.get('from');
  if (quirks.mount !== 'needs-scope' || from === null || route?.kind !== 'uploads' || method !== 'POST') return [];
  return [{ resource: `repository:${from}`, action: 'pull' }];
}

async function withBasic(
  world: World,
  request: SimulatedRequest,
  { resource, action }: Need,
  below: Handle,
): Promise<SimulatedAnswer> {
  const user = basicUser(world.access, request.headers.authorization);
  const name = resource.slice('repository:'.length);
  const right: Action = action === 'pull' || action === 'push' ? action : 'delete';
  const isOpen = resource.startsWith('repository:') && may(world.access, undefined, right, name);
  if (user === refused || (user === undefined && !isOpen)) {
    return unauthorized(world, request, { resource, action }, 'authentication required');
  }
  if (resource.startsWith('repository:') && !may(world.access, user, right, name)) {
    return failure(403, 'DENIED', `${right} is not allowed for this user`);
  }
  return below(request);
}

export function unauthorized(
  world: World,
  { route }: SimulatedRequest,
  need: Need,
  message: string,
  error?: string,
): SimulatedAnswer {
  const { challenge } = world.quirks;
  const answer = failure(401, 'UNAUTHORIZED', message);
  if (challenge === 'ping-only' && route?.kind !== 'base') return answer;
  return withHeaders(answer, { 'www-authenticate': challengesOf(world, need, error) });
}

function takesBearer({ challenge }: Quirks): boolean {
  return challenge !== 'basic';
}

function takesBasic({ challenge }: Quirks): boolean {
  return challenge === 'basic' || challenge === 'joined' || challenge === 'multi-header';
}

function challengesOf(world: World, need: Need, error: string | undefined): string | readonly string[] {
  const { challenge, basicRealm = 'simulated' } = world.quirks;
  const basic = `Basic realm="${basicRealm}"`;
  if (challenge === 'basic') return `${basic},service="${world.quirks.service ?? 'simulated'}"`;
  const bearer = bearerChallenge(world, need, error);
  if (challenge === 'multi-header') return ['Negotiate', basic, 'Digest realm="a, \\"b\\"", nonce="x"', bearer];
  if (challenge === 'joined') return `${bearer},${basic}`;
  return bearer;
}

function bearerChallenge(world: World, need: Need, error: string | undefined): string {
  const { quirks } = world;
  const scope = scopeOf(quirks, need);
  const parameters = [
    ['realm', realmOf(world)],
    ['service', quirks.service ?? 'simulated'],
    ...(scope === undefined ? [] : [['scope', scope]]),
    ...(error === undefined ? [] : [['error', error]]),
  ];
  const quote = quirks.challenge === 'unquoted' && !/[\s,]/.test(scope ?? '') ? '' : '"';
  return `Bearer ${parameters.map(([name = '', value = '']) => `${name}=${quote}${value}${quote}`).join(',')}`;
}

function scopeOf({ challengeScope = 'right' }: Quirks, { resource, action }: Need): string | undefined {
  if (challengeScope === 'star') return '*';
  if (challengeScope === 'none' || resource === '') return undefined;
  if (challengeScope === 'wrong') return 'repository:somebody/elses:pull';
  return `${resource}:${action === 'push' ? 'pull,push' : action}`;
}

function realmOf({ quirks, origins }: World): string {
  const { realm = 'own-host', challenge } = quirks;
  const path = tokenPath(quirks);
  if (challenge === 'relative-realm' || (realm === 'same-host' && challenge === undefined)) {
    return realm === 'same-host' ? path : new URL(path, origins.token).href;
  }
  if (realm === 'same-host') return origins.registry + path;
  if (realm === 'own-host') return origins.token + path;
  return realm === 'trap' ? `${origins.trap}/token` : realm;
}
