import { OciError, quoted } from '../../errors.ts';
import { maySendTo } from './address.ts';
import { type Exchange, type ExchangeRequest, type ExchangeResponse, isReplayable } from './exchange.ts';
import { redactUrl } from './redact.ts';
import { drain } from './response-error.ts';

export interface FollowRequest extends ExchangeRequest {
  /** Sent to the first origin only: credentials and headers a user configured. Names in lower case. */
  readonly privateHeaders: Readonly<Record<string, string>>;
  /** Stop at a redirect that leaves the origin and return it as the answer. @default false */
  readonly sameOrigin?: boolean | undefined;
  /** Refuses places a redirect must not lead to, beyond the rules for all redirects. */
  readonly check?: ((next: URL) => void) | undefined;
  /**
   * Asked once for what to show another host that a redirect led to and that answered 401. It is sent with that one request.
   *
   * @default its 401 is the answer
   */
  readonly meet?: ((challenged: Answer) => Promise<string | undefined>) | undefined;
}

export interface Answer extends ExchangeResponse {
  /** Who answered in the end. */
  readonly url: URL;
  /** A redirect led to another origin. */
  readonly crossed: boolean;
}

/**
 * Sends a request and follows at most ten redirects. What is private stays at the first origin, also when a chain returns to it.
 *
 * @throws {OciError} `RESPONSE` for a chain that is too long or leads where it must not
 */
export async function follow(exchange: Exchange, request: FollowRequest): Promise<Answer> {
  let { url, method, body } = request;
  let crossed = false;
  let { meet } = request;
  let authorization: string | undefined;
  for (let hops = 0; ; hops++) {
    const shown = authorization === undefined ? {} : { authorization };
    const headers = { ...request.headers, ...(crossed ? shown : request.privateHeaders) };
    const clientCertificate = request.clientCertificate !== false && !crossed;
    const response = await exchange({ ...request, url, method, body, headers, clientCertificate });
    authorization = undefined;
    if (crossed && response.status === 401 && meet !== undefined) {
      authorization = await orCancel(response, meet({ ...response, url, crossed }));
      meet = undefined;
      if (authorization === undefined) return { ...response, url, crossed };
      await drain(response.body);
      continue;
    }
    const next = targetOf(response, url);
    const leaves = next !== undefined && next.origin !== url.origin;
    if (next === undefined || (leaves && request.sameOrigin === true)) return { ...response, url, crossed };
    await drain(response.body);
    if (hops === maxRedirects) {
      throw new OciError(
        'RESPONSE',
        `${request.url.host} redirected more than ${maxRedirects} times: ${redactUrl(url)}`,
      );
    }
    checkHop(request.url, url, next, request.insecure);
    request.check?.(next);
    crossed ||= leaves;
    url = next;
    if (response.status === 303 && method !== 'HEAD') {
      method = 'GET';
      body = undefined;
    } else if (!isReplayable(body)) {
      throw new OciError(
        'RESPONSE',
        `${request.url.host} redirected an upload that cannot be sent again: ${redactUrl(next)}`,
      );
    }
  }
}

/** An answer that nobody will look at any more must not keep its connection. */
async function orCancel<T>({ body }: ExchangeResponse, task: Promise<T>): Promise<T> {
  try {
    return await task;
  } catch (error) {
    await body.cancel();
    throw error;
  }
}

const maxRedirects = 10;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function targetOf({ status, headers }: ExchangeResponse, url: URL): URL | undefined {
  const location = redirects.has(status) ? headers.get('location') : undefined;
  if (location === undefined) return undefined;
  try {
    const next = new URL(location, url);
    next.username = '';
    next.password = '';
    return next;
  } catch (cause) {
    throw new OciError('RESPONSE', `${url.host} redirected to ${quoted(location)}, which is no URL`, { cause });
  }
}

/**
 * Refuses a step that gives up TLS or that a public server uses to reach into a private network.
 *
 * @param start where the request was meant to go
 * @throws {OciError} `RESPONSE`
 */
export function checkHop(start: URL, from: URL, to: URL, insecure: boolean): void {
  if (to.protocol !== 'https:' && to.protocol !== 'http:') {
    throw new OciError('RESPONSE', `${from.host} sent us to ${quoted(redactUrl(to))}, which is neither https nor http`);
  }
  if (from.protocol === 'https:' && to.protocol === 'http:' && !insecure) {
    throw new OciError('RESPONSE', `${from.host} sent us from https to plain http: ${redactUrl(to)}`, {
      hint: 'Use --insecure if that is meant to be',
    });
  }
  if (!maySendTo(from, to) && !maySendTo(start, to)) {
    throw new OciError('RESPONSE', `${from.host} sent us to the private address ${to.host}, which is refused`);
  }
}
