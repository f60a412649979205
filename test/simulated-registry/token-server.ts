import { bytesOf, empty, type Handle, json, type SimulatedAnswer, type SimulatedRequest } from './exchange.ts';
import type { Quirks, TokenQuirks } from './quirks.ts';
import { type Action, basicUser, may, refused, userWith, userWithIdentity } from './users.ts';
import type { World } from './world.ts';

/** Where tokens are to be had, below the origin. */
export function tokenPath({ token = {}, realm, challenge }: Quirks): string {
  return token.path ?? (realm === 'same-host' || challenge === 'relative-realm' ? '/v2/token' : '/token');
}

/**
 * a token server that issues opaque tokens for exactly what somebody asked for and may do. GET with Basic, or
 * POST in the manner of OAuth2.
 */
export function tokenServer(world: World): Handle {
  return async (request) => {
    const { quirks } = world;
    const token = quirks.token ?? {};
    if (request.path !== tokenPath(quirks)) return empty(404);
    const hostile = hostileToken(world, request);
    if (hostile !== undefined) return hostile;
    const asked = request.method === 'POST' ? await posted(world, request) : gotten(world, request);
    if ('status' in asked) return asked;
    if (token.scopes === 'reject-multi' && asked.scopes.length > 1) return refusal(400, 'only one scope at a time');
    return answer(world, { ...asked, scopes: chosen(asked.scopes, token.scopes) });
  };
}

interface Asked {
  readonly user: string | undefined;
  readonly service: string;
  readonly scopes: readonly string[];
  readonly wantsRefresh: boolean;
}

function gotten(world: World, { headers, query }: SimulatedRequest): Asked | SimulatedAnswer {
  const user = basicUser(world.access, headers.authorization);
  if (user === refused) return refusal(401, 'incorrect username or password');
  if (user === undefined && headers.authorization !== undefined) return refusal(401, 'unsupported credentials');
  const scopes = query.getAll('scope').filter((scope) => scope !== '');
  return { user, service: query.get('service') ?? '', scopes, wantsRefresh: query.get('offline_token') === 'true' };
}

async function posted(world: World, request: SimulatedRequest): Promise<Asked | SimulatedAnswer> {
  const form = new URLSearchParams((await bytesOf(request.body)).toString());
  const { post = 'ok' } = world.quirks.token ?? {};
  const isPassword = form.get('grant_type') === 'password';
  if (post !== 'ok' && (post !== 400 || isPassword)) return refusal(post, 'POST is not for this');
  const user = userOfForm(world, form);
  if (user === undefined) return refusal(401, 'the grant is not valid');
  const scopes = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
  return { user, service: form.get('service') ?? '', scopes, wantsRefresh: form.get('access_type') === 'offline' };
}

function userOfForm({ access, tokens }: World, form: URLSearchParams): string | undefined {
  if (form.get('grant_type') === 'refresh_token') {
    const shown = form.get('refresh_token') ?? '';
    return userWithIdentity(access, shown) ?? tokens.refreshUser(shown);
  }
  return userWith(access, form.get('username') ?? '', form.get('password') ?? '');
}

/** */
function chosen(scopes: readonly string[], policy: TokenQuirks['scopes']): readonly string[] {
  if (policy === 'first') return scopes.slice(0, 1);
  if (policy === 'last') return scopes.slice(-1);
  return scopes;
}

function answer(world: World, { user, service, scopes, wantsRefresh }: Asked): SimulatedAnswer {
  const quirks = world.quirks.token ?? {};
  if (user === undefined && quirks.anonymous === false) return refusal(401, 'anonymous tokens are not to be had');
  const resources = new Map<string, ReadonlySet<string>>();
  for (const scope of scopes) {
    const wanted = parseScope(scope);
    if (wanted === undefined) return refusal(400, `the scope ${scope} is malformed`);
    const unknown = wanted.actions.find((action) => quirks.scopeActions?.test(action) === false);
    if (unknown !== undefined) return refusal(400, `the action ${unknown} is not known`);
    const granted = grantedOf(world, user, wanted);
    const isMissing = wanted.actions.some((action) => !granted.has(action));
    if (quirks.strictReadOnly === true && user !== undefined && isMissing) {
      return refusal(401, 'access token has insufficient scopes');
    }
    if (quirks.alwaysIssue === false && granted.size === 0) return refusal(403, `access to ${wanted.name} is denied`);
    resources.set(wanted.resource, new Set([...(resources.get(wanted.resource) ?? []), ...granted]));
  }
  const seconds = typeof quirks.expiresIn === 'number' ? quirks.expiresIn : quirks.expiresIn === 'absent' ? 60 : 300;
  const expiresAt = world.now() + (quirks.validFor ?? seconds * 1000);
  const token = world.tokens.issue({ user, service, resources, expiresAt });
  const refresh = wantsRefresh && user !== undefined ? { refresh_token: world.tokens.issueRefresh(user) } : {};
  return json(200, { ...document(quirks, token, seconds, world.now()), ...refresh });
}

interface Wanted {
  readonly resource: string;
  readonly name: string;
  readonly actions: readonly string[];
}

function parseScope(scope: string): Wanted | undefined {
  const [, kind = '', name = '', actions = ''] =
    /^(repository|registry)(?:\(\w+\))?:([^\s:]+):([^\s:]+)$/.exec(scope) ?? [];
  return kind === '' ? undefined : { resource: `${kind}:${name}`, name, actions: actions.split(',') };
}

function grantedOf(
  { access, quirks }: World,
  user: string | undefined,
  { resource, name, actions }: Wanted,
): Set<string> {
  if (resource === 'registry:catalog') return new Set(actions);
  const all: readonly Action[] = ['pull', 'push', 'delete'];
  const rights = new Set<string>(all.filter((action) => may(access, user, action, name)));
  if (actions.includes('*')) return rights.size === all.length ? new Set([...rights, '*']) : rights;
  if (quirks.tags?.azure === 'all' && rights.has('pull')) rights.add('metadata_read');
  return new Set(actions.filter((action) => rights.has(action)));
}

/** */
function document(quirks: TokenQuirks, token: string, seconds: number, now: number): Readonly<Record<string, unknown>> {
  const { field = 'both', expiresIn, issuedAt } = quirks;
  const hour = 60 * 60 * 1000;
  const issued = new Date(now - (issuedAt === 'skew' ? hour : 0)).toISOString();
  return {
    ...(field === 'access_token' ? {} : { token }),
    ...(field === 'token' ? {} : { access_token: token }),
    ...(expiresIn === 'absent' ? {} : { expires_in: seconds }),
    ...(issuedAt === 'absent' ? {} : { issued_at: issued }),
  };
}

/** Docker Hub's form of errors. */
function refusal(status: number, details: string): SimulatedAnswer {
  return json(status, { details });
}

function hostileToken({ quirks, origins }: World, request: SimulatedRequest): SimulatedAnswer | undefined {
  const mode = quirks.hostile?.token;
  if (mode === 'control') return json(200, { token: 'a\r\nx-injected: 1', access_token: 'b\u0000' });
  if (mode === 'redirect-trap') return empty(307, { location: `${origins.trap}/token?${request.rawQuery}` });
  if (mode === 'huge') return json(200, { token: 'x'.repeat(10 * 1024 * 1024) });
  if (mode !== 'endless') return undefined;
  const spaces = Buffer.alloc(64 * 1024, ' ');
  const body = {
    async *[Symbol.asyncIterator]() {
      for (;;) yield spaces;
    },
    cancel: async () => {},
  };
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}
