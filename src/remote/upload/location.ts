import { OciError, quoted } from '../../errors.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { type Answer, checkHop } from '../transport/redirect.ts';

/**
 * Where an answer sends the next request of an upload, in all the forms registries write it (demand-and-quirks reference, Q-40).
 * The query is kept as it is.
 *
 * @returns `undefined` when the answer names no place
 * @throws {OciError} `RESPONSE` for a place that is no URL, or that requests must not be sent to
 */
export function locationIn(answer: Answer, client: RepositoryClient): URL | undefined {
  const text = answer.headers.get('location');
  if (text === undefined) return undefined;
  const { registry } = client.repository;
  const origin = client.transport.originOf(registry);
  const url = sameOrigin(parsed(text, answer, client), origin, client);
  url.username = '';
  url.password = '';
  checkHop(origin, answer.url, url, client.transport.isInsecure(registry));
  return url;
}

function parsed(text: string, { url }: Answer, client: RepositoryClient): URL {
  const { registry } = client.repository;
  const [, host = ''] = /^([a-z0-9.-]+(?::\d+)?)\//i.exec(text) ?? [];
  // Some leave out the scheme: `registry.example/v2/…`, which would be a path below the current one.
  const own = host.toLowerCase() === url.host || host === registry || /:\d+$/.test(host);
  try {
    return new URL(host !== '' && own ? `${url.protocol}//${text}` : text, url);
  } catch (cause) {
    throw new OciError('RESPONSE', `${registry} sends an upload to ${quoted(text)}, which is no URL`, { cause });
  }
}

/** Behind a proxy that ends TLS, or maps ports, a registry may take itself for an http server, or for one on another port. */
function sameOrigin(url: URL, origin: URL, { transport, repository }: RepositoryClient): URL {
  if (url.hostname !== origin.hostname || (url.port !== '' && url.port !== origin.port)) return url;
  if (url.protocol === 'http:' && origin.protocol === 'https:') {
    transport.warn(`${repository.registry} names plain http for uploads; https is used instead`);
    url.protocol = 'https:';
  }
  if (url.protocol === origin.protocol) url.port = origin.port;
  return url;
}
