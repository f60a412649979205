import { type ByteStream, isByteStream, streamOf, toReadableStream } from '../content/bytes.ts';
import type { RegistryRequest, RegistryResponse } from './exchange.ts';
import { type RegistryOptions, registryOver } from './registry.ts';
import type { RegistryStorage } from './storage.ts';

/**
 * A registry as one function of the web's own types, for any server or framework that speaks them, or for calling without
 * one. OCI distribution-spec; crane-cli reference, section 12.
 *
 * @example
 * ```ts
 * const handle = registryHandler(memoryStorage());
 * const response = await handle(new Request('http://registry.test/v2/'));
 * ```
 */
export function registryHandler(
  storage: RegistryStorage,
  options: RegistryOptions = {},
): (request: Request) => Promise<Response> {
  const answer = registryOver(storage, options);
  return async (request) => toWeb(await answer(fromWeb(request)));
}

function fromWeb(request: Request): RegistryRequest {
  const { pathname, searchParams } = new URL(request.url);
  const body = request.body as ByteStream | null;
  return {
    method: request.method,
    path: pathname,
    query: searchParams,
    signal: request.signal,
    body: body ?? streamOf([]),
    header: (name) => request.headers.get(name) ?? undefined,
  };
}

function toWeb({ status, headers, body }: RegistryResponse): Response {
  if (body === undefined) return new Response(null, { status, headers });
  return new Response(isByteStream(body) ? toReadableStream(body) : body, { status, headers });
}
