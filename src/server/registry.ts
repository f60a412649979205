import { discard } from '../content/bytes.ts';
import { quoted } from '../errors.ts';
import { maxManifestSize } from '../content/limit.ts';
import { parseRoute, type Route } from '../wire/routes.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import { listRepositories } from './catalog.ts';
import { checkName, type Endpoint, type Registry } from './endpoint.ts';
import { failureResponse, isUnexpected, Refusal } from './errors.ts';
import { empty, type RegistryRequest, type RegistryResponse } from './exchange.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { listReferrers } from './referrers.ts';
import type { RegistryStorage } from './storage.ts';
import { listTags } from './tags.ts';
import { appendToUpload, cancelUpload, finishUpload, getUpload, startUpload } from './uploads.ts';

export interface RegistryOptions {
  /**
   * Take manifests that name blobs or manifests which the repository does not have.
   *
   * @default false
   */
  readonly sparse?: boolean | undefined;
  /**
   * Largest manifest that is taken, in bytes.
   *
   * @default 8 MiB
   */
  readonly maxManifestSize?: number | undefined;
  /** Learns of failures that are the server's own, a full disk for example; the client is only told that there was one. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Answers one request, whatever brought it. Never rejects. */
export type Answer = (request: RegistryRequest) => Promise<RegistryResponse>;

/** The registry itself, without the form that requests and answers have on their way. */
export function registryOver(storage: RegistryStorage, options: RegistryOptions = {}): Answer {
  const registry: Registry = {
    storage,
    sparse: options.sparse ?? false,
    maxManifestSize: options.maxManifestSize ?? maxManifestSize,
  };
  return async (request) => {
    const route = parseRoute(request.path);
    let response: RegistryResponse;
    try {
      response = await dispatch(registry, request, route);
    } catch (error) {
      if (isUnexpected(error) && request.signal?.aborted !== true) options.onError?.(error);
      response = failureResponse(error, route);
    }
    return finished(request, response);
  };
}

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
type Endpoints = { readonly [K in Route['kind']]: Readonly<Partial<Record<Method, Endpoint<K>>>> };

const endpoints: Endpoints = {
  base: { GET: answerBase, HEAD: answerBase },
  catalog: { GET: listRepositories, HEAD: listRepositories },
  tags: { GET: listTags, HEAD: listTags },
  manifest: { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest },
  blob: { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob },
  uploads: { POST: startUpload },
  upload: { GET: getUpload, HEAD: getUpload, PATCH: appendToUpload, PUT: finishUpload, DELETE: cancelUpload },
  referrers: { GET: listReferrers, HEAD: listReferrers },
};

async function dispatch(
  registry: Registry,
  request: RegistryRequest,
  route: Route | undefined,
): Promise<RegistryResponse> {
  if (route === undefined) {
    throw new Refusal(404, 'UNSUPPORTED', `The distribution API has no endpoint ${quoted(request.path)}`);
  }
  const methods = endpoints[route.kind];
  const endpoint = Object.hasOwn(methods, request.method) ? methods[request.method as Method] : undefined;
  if (endpoint === undefined) {
    throw new Refusal(405, 'UNSUPPORTED', `The method ${quoted(request.method)} is not for this endpoint`, {
      headers: { allow: Object.keys(methods).join(', ') },
    });
  }
  checkName(route);
  // The table pairs every kind of route with endpoints for it, which the type of an indexed access does not say.
  return (endpoint as Endpoint<Route['kind']>)(registry, request, route);
}

async function answerBase(): Promise<RegistryResponse> {
  return empty(200);
}

async function finished(request: RegistryRequest, response: RegistryResponse): Promise<RegistryResponse> {
  const headers = { 'docker-distribution-api-version': 'registry/2.0', ...response.headers };
  const { body } = response;
  if (request.method !== 'HEAD' || body === undefined) return { ...response, headers };
  await discard(body).catch(() => {});
  return { ...response, headers, body: undefined };
}
