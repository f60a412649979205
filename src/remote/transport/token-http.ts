import { collect } from '../../content/bytes.ts';
import { keepRecent } from '../keep-recent.ts';
import { checkRealm, keepSecrets } from '../auth/realm.ts';
import type { TokenHttp } from '../auth/token.ts';
import type { Dispatcher } from './dispatcher.ts';
import { NetworkError, type Timeouts } from './exchange.ts';
import type { TlsSource } from './host-settings.ts';
import { responseErrorOf } from './response-error.ts';

/** What of a transport token requests travel by. */
export interface TokenHttpContext {
  readonly dispatcher: Dispatcher;
  readonly retrying: <T>(task: () => Promise<T>, signal: AbortSignal | undefined) => Promise<T>;
  readonly timeouts: Timeouts;
  /** A registry's certificates. Its own are shown to a token server at the same origin only. */
  readonly tlsOf: (registry: URL) => TlsSource | undefined;
}

/** Token requests under a transport's policies. The rules for token servers hold for redirects, too. */
export function tokenHttp({ dispatcher, retrying, timeouts, tlsOf }: TokenHttpContext): TokenHttp {
  /** Origins that have answered: when they cannot be reached now, that may pass. */
  const met = new Map<string, true>();
  return async ({ method, url, registry, insecure, stranger, signal, source, problem, expect, body, headers: own }) => {
    const { common, configured } = await dispatcher.headers();
    const privateHeaders = stranger === true ? own : { ...configured, ...own };
    const check = (next: URL): void => {
      checkRealm(next, registry, insecure);
      if (body !== undefined) keepSecrets(url, next);
    };
    const clientCertificate = stranger !== true && url.origin === registry.origin;
    const certificates = { tls: tlsOf(registry), clientCertificate };
    const parts = { method, url, headers: common, body, signal, timeouts, privateHeaders, insecure, check };
    const request = { ...parts, ...certificates };
    return retrying(async () => {
      signal?.throwIfAborted();
      const answer = await dispatcher.follow(request).catch((error: unknown) => {
        throw met.has(url.origin) && error instanceof NetworkError ? error.passing() : error;
      });
      keepRecent(met, url.origin, true, maxServers);
      if (expect.includes(answer.status)) {
        const bytes = await collect(answer.body, maxTokenSize, `The answer of the token server ${url.host}`);
        return { status: answer.status, bytes };
      }
      const login = { registry: registry.host, source, problem };
      throw await responseErrorOf({ ...answer, method, purpose: `get a token for ${registry.host}`, login });
    }, signal);
  };
}

/** More than one process speaks with. */
const maxServers = 1000;
/** A token and what comes with it take a few KiB. */
const maxTokenSize = 64 * 1024;
