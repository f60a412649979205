import { discard } from '../../content/bytes.ts';
import { parseWarnings } from '../../wire/warning.ts';
import { authorizationElsewhere } from '../auth/elsewhere.ts';
import type { TokenCache } from '../auth/token-cache.ts';
import { type Exchange, isReplayable, NetworkError, type Timeouts } from './exchange.ts';
import { type Host, isOwn, originUrl, schemesOf } from './host.ts';
import { type Answer, follow, type FollowRequest } from './redirect.ts';
import { isRead, pingOf, type RegistryRequest } from './registry-request.ts';
import { drain } from './response-error.ts';
import { detectTlsServer, saysOtherScheme, type Scheme, tellsMore } from './scheme.ts';
import { Tracing } from './tracing.ts';
import type { Headers, TransportOptions } from './transport-options.ts';
import { usableHeaders } from './usable-headers.ts';

export interface DispatcherOptions extends Pick<TransportOptions, 'userAgent' | 'headers' | 'onEvent'> {
  readonly exchange: Exchange;
  readonly timeouts: Timeouts;
  readonly warn: (message: string) => void;
  readonly tokens: () => TokenCache;
}

/** Sends single requests to where they belong: finds the scheme, follows redirects, and keeps at home what is private. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #tracing: Tracing | undefined;
  #configured: Promise<Headers> | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#tracing = options.onEvent && new Tracing(options.exchange, options.onEvent);
  }

  /** @throws {NetworkError}; {@link OciError} `RESPONSE` for redirects that are refused */
  async send(host: Host, request: RegistryRequest, authorization: string | undefined): Promise<Answer> {
    const configured = { ...(await this.#configuredHeaders()), ...host.settings.headers };
    const { target } = request;
    const privateHeaders = authorization === undefined ? configured : { ...configured, authorization };
    if (target instanceof URL) {
      const own = isOwn(host, request);
      return this.#sendTo(target, host, request, own ? privateHeaders : {}, own);
    }
    const schemes = schemesOf(host);
    if (schemes.length > 1 && !isReplayable(request.body)) {
      await discard((await this.send(host, pingOf(host, request), authorization)).body);
      return this.send(host, request, authorization);
    }
    return tryEach(schemes, host, (origin) =>
      this.#sendTo(new URL(target, origin), host, request, privateHeaders, true),
    );
  }

  /** The 401 that somebody without credentials gets; `undefined` when there is none, which need not mean anything. */
  async look(host: Host, request: RegistryRequest): Promise<Answer | undefined> {
    try {
      const answer = await this.send(host, request, undefined);
      await drain(answer.body);
      return answer.status === 401 ? answer : undefined;
    } catch (error) {
      if (error instanceof NetworkError) return undefined;
      throw error;
    }
  }

  /** Follows redirects, told of to whoever watches. */
  async follow(request: FollowRequest): Promise<Answer> {
    const exchange = this.#tracing?.exchange(request.privateHeaders) ?? this.#options.exchange;
    return follow(exchange, request);
  }

  /** Those of every request, and those a user configured, which stay at the first origin. */
  async headers(): Promise<{ readonly common: Headers; readonly configured: Headers }> {
    return { common: this.#commonHeaders(), configured: await this.#configuredHeaders() };
  }

  async #sendTo(
    url: URL,
    { insecure, settings: { tls } }: Host,
    request: RegistryRequest,
    privateHeaders: Headers,
    clientCertificate: boolean,
  ): Promise<Answer> {
    const { timeouts: usual, tokens, warn } = this.#options;
    const { method, body, signal, commits = false, sameOrigin } = request;
    const timeouts = commits ? { ...usual, response: usual.commit } : usual;
    const headers = { ...this.#commonHeaders(), ...request.headers };
    const meet = async (challenged: Answer): Promise<string | undefined> =>
      // The registry itself, with TLS, is asked again in its own right.
      challenged.url.host === url.host
        ? undefined
        : authorizationElsewhere(challenged, { tokens: tokens(), insecure, signal });
    const rules = { insecure, tls, clientCertificate, sameOrigin, meet: isRead(method) ? meet : undefined };
    const answer = await this.follow({ method, url, headers, privateHeaders, body, signal, timeouts, ...rules });
    for (const text of parseWarnings(answer.headers.getAll('warning'))) warn(`${url.host}: ${text}`);
    return answer;
  }

  #commonHeaders(): Headers {
    return { 'user-agent': this.#options.userAgent, 'accept-encoding': 'identity' };
  }

  async #configuredHeaders(): Promise<Headers> {
    const { headers = {} } = this.#options;
    this.#configured ??= (typeof headers === 'function' ? headers() : Promise.resolve(headers)).then(usableHeaders);
    return this.#configured;
  }
}

async function tryEach(
  schemes: readonly Scheme[],
  host: Host,
  send: (origin: URL) => Promise<Answer>,
): Promise<Answer> {
  let first: unknown;
  for (const scheme of schemes) {
    const isLast = scheme === schemes.at(-1);
    try {
      const sent = await send(originUrl(host.registry, scheme));
      const { isTls, answer } =
        isLast || scheme === 'https' ? { isTls: false, answer: sent } : await detectTlsServer(sent, host.registry);
      if (isTls) continue;
      host.scheme = scheme;
      return answer;
    } catch (error) {
      first ??= error;
      if (isLast || !saysOtherScheme(error, scheme, host.registry)) throw tellsMore(error) ? error : first;
    }
  }
  throw first;
}
