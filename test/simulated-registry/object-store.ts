import { randomBytes } from 'node:crypto';
import { blobBodies } from './blob-bodies.ts';
import {
  empty,
  type Handle,
  type Layer,
  readdressed,
  type SimulatedAnswer,
  type SimulatedRequest,
  stack,
  text,
} from './exchange.ts';
import type { RedirectQuirks } from './quirks.ts';
import { tokenPath } from './token-server.ts';
import type { World } from './world.ts';

/** Where a signed URL leads, and for how long. */
interface Signed {
  readonly path: string;
  readonly repository: string;
  readonly expiresAt: number;
  uses: number;
}

/** blobs that are sent from elsewhere. */
export interface ObjectStore {
  /** Stands in for blobs behind the login. */
  readonly redirect: Layer;
  /** Stands in front of the login: URLs on the registry's own host that are signed. */
  readonly ownHost: Layer;
  /** The store's own server. */
  readonly handle: Handle;
}

/** @param uploads where uploads go that were sent to the store's host */
export function objectStore(world: World, uploads: Handle): ObjectStore {
  const signed = new Map<string, Signed>();
  const serve = stack([blobBodies(world)], world.plain);
  return {
    redirect: (request, below) => redirect(world, signed, request, below),
    ownHost: async (request, below) =>
      request.path.startsWith(ownPath) ? serveSigned(world, signed, request, serve) : below(request),
    handle: async (request) => {
      if (request.path.startsWith('/html/')) return text(429, '<html>slow down</html>', 'text/html');
      if (request.path.startsWith('/back/')) {
        const path = request.path.replace('/back/', `${ownPath}project/`);
        return empty(307, { location: `${world.origins.registry}${path}?${request.rawQuery}` });
      }
      if (!request.path.startsWith('/upload/')) return serveSigned(world, signed, request, serve);
      if (request.headers.authorization !== undefined) return authRefused();
      return uploads(readdressed(request, request.path.slice('/upload'.length), request.rawQuery));
    },
  };
}

const ownPath = '/artifacts-downloads/namespaces/';
const storePath = '/signed/';

async function redirect(
  world: World,
  signed: Map<string, Signed>,
  request: SimulatedRequest,
  below: Handle,
): Promise<SimulatedAnswer> {
  const quirks = world.quirks.redirectBlobs;
  const { route, method } = request;
  if (quirks === undefined || route?.kind !== 'blob' || (method !== 'GET' && method !== 'HEAD')) return below(request);
  const found = await world.plain({ ...request, method: 'HEAD', headers: {} });
  if (found.status !== 200) return found;
  const id = randomBytes(12).toString('hex');
  const ttl = typeof quirks.ttl === 'number' ? quirks.ttl : Infinity;
  signed.set(id, { path: request.path, repository: route.repository, expiresAt: world.now() + ttl, uses: 0 });
  return empty(quirks.status ?? 307, { location: locationOf(world, quirks, id, request) });
}

function locationOf({ origins }: World, { to }: RedirectQuirks, id: string, { path }: SimulatedRequest): string {
  const query = `?X-Expires=60&X-Signature=${id}%2Bsecret%3D`;
  switch (to) {
    case 'store':
      return `${origins.store}${storePath}${id}${query}`;
    case 'relative':
      return `${ownPath}project/${id}${query}`;
    case 'back':
      return `${origins.store}/back/${id}${query}`;
    case 'http':
      return `${origins.store.replace('https:', 'http:')}${storePath}${id}${query}`;
    case 'private-ip':
      return `http://169.254.169.254/latest/${id}`;
    case 'loop':
      return path;
    default:
      return `${origins.trap}/${id}`;
  }
}

async function serveSigned(
  world: World,
  signed: Map<string, Signed>,
  request: SimulatedRequest,
  serve: Handle,
): Promise<SimulatedAnswer> {
  const quirks = world.quirks.redirectBlobs ?? { to: 'store' };
  const id = request.path.slice(request.path.lastIndexOf('/') + 1);
  const target = signed.get(id);
  if (target === undefined || request.query.get('X-Signature') !== `${id}+secret=`) {
    return xml(403, 'SignatureDoesNotMatch', 'The request signature does not match');
  }
  const refusal = refusalOf(world, quirks, target, request);
  if (refusal !== undefined) return refusal;
  target.uses++;
  return serve(readdressed(request, target.path, ''));
}

function refusalOf(
  world: World,
  quirks: RedirectQuirks,
  target: Signed,
  { headers, method, server }: SimulatedRequest,
): SimulatedAnswer | undefined {
  if (quirks.ownChallenge === true) {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    const grant = token === undefined ? undefined : world.tokens.find(token);
    if (grant?.service !== 'store') {
      const realm = `realm="${world.origins.token}${tokenPath(world.quirks)}",service="store",scope="repository:${target.repository}:pull"`;
      return empty(401, { 'www-authenticate': `Bearer ${realm}` });
    }
  } else if (headers.authorization !== undefined && server === 'store' && quirks.rejectAuth !== false) {
    return authRefused();
  }
  const isOver = target.expiresAt <= world.now() || (quirks.ttl === 'once' && target.uses > 0);
  if (isOver) return xml(quirks.expired ?? 403, 'AccessDenied', 'Request has expired');
  return quirks.getOnly === true && method === 'HEAD' ? xml(403, 'SignatureDoesNotMatch', 'Signed for GET') : undefined;
}

function authRefused(): SimulatedAnswer {
  return xml(400, 'InvalidArgument', 'Only one auth mechanism allowed');
}

function xml(status: number, code: string, message: string): SimulatedAnswer {
  const content = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return text(status, content, 'application/xml');
}
