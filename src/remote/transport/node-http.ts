import type { ClientRequest, IncomingMessage } from 'node:http';
import { firstEvent } from '../../async/first-event.ts';
import { chunksOf } from '../../content/bytes.ts';
import { AgentPool, type NodeHttpOptions, type Sending } from './agent-pool.ts';
import { NodeBody } from './node-body.ts';
import { isUnknownIssuer, networkErrorOf, proxyRefusal, timeoutError } from './network-fault.ts';
import {
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  isReplayable,
  type RequestBody,
  type ResponseHeaders,
} from './exchange.ts';
import { Watchdog } from './watchdog.ts';

export type { NodeHttpOptions } from './agent-pool.ts';

/**
 * HTTP/1.1 over node:http and node:https with connections kept alive. Bodies are handed on as the chunks the socket gave.
 */
export function nodeHttp(options: NodeHttpOptions = {}): Exchange {
  const pool = new AgentPool(options);
  const met = new Set<string>();
  const exchange: Exchange = async (request) => {
    request.signal?.throwIfAborted();
    const { url, body } = request;
    // What can be sent only once must not be spent on finding out whom to trust.
    if (url.protocol === 'https:' && !isReplayable(body) && !met.has(url.host)) await pool.trustMore();
    const trustedMore = pool.trustsMore;
    try {
      const response = await converse(await pool.sendingOf(request), request);
      met.add(url.host);
      return response;
    } catch (error) {
      if (trustedMore || !isUnknownIssuer(error) || !isReplayable(body) || !(await pool.trustMore())) throw error;
      return converse(await pool.sendingOf(request), request);
    }
  };
  exchange.close = () => pool.close();
  return exchange;
}

async function converse({ send, options, proxy }: Sending, request: ExchangeRequest): Promise<ExchangeResponse> {
  const { method, url, headers, body, signal, timeouts } = request;
  const abandoned = new AbortController();
  const parts = { method, headers: { ...headers, ...lengthOf(method, body) } };
  const outgoing = send(url, { ...options, ...parts, ...(proxy === undefined ? {} : { abandoned: abandoned.signal }) });
  const passage = proxy === undefined ? undefined : watchProxy(outgoing, proxy, url);
  const giveUp = (error: Error | undefined): void => {
    outgoing.destroy(error);
    // A request without a connection fails when it gets one.
    abandoned.abort(error);
  };
  const watchdog = new Watchdog((what) => giveUp(timeoutError(url, what, passage?.ahead())));
  const stop = (): void => giveUp(signal?.reason as Error);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    watchOutgoing(outgoing, watchdog, request);
    const incoming = await answerOf(outgoing, passage, watchdog, request);
    watchdog.stop();
    if (proxy !== undefined && url.protocol === 'http:' && incoming.statusCode === 407) {
      throw proxyRefusal(proxy, url, 407);
    }
    return {
      status: incoming.statusCode ?? 0,
      headers: headersOf(incoming),
      body: new NodeBody(outgoing, incoming, { url, signal, idle: timeouts.idle }),
    };
  } catch (error) {
    outgoing.destroy();
    signal?.throwIfAborted();
    throw error;
  } finally {
    watchdog.stop();
    signal?.removeEventListener('abort', stop);
  }
}

/** What is known of a request on its way through a proxy. */
interface Passage {
  /** The proxy, as long as what fails is its doing. */
  ahead(): URL | undefined;
  /** Why the connection broke, where the agent keeps that for itself. */
  fault(): unknown;
}

function watchProxy(outgoing: ClientRequest, proxy: URL, url: URL): Passage {
  let ahead: URL | undefined = proxy;
  let fault: unknown;
  // What a proxy answers instead of opening a tunnel would otherwise look like the registry's answer.
  outgoing.once('proxyConnect', ({ statusCode = 200 }: { readonly statusCode?: number }) => {
    if (statusCode !== 200) outgoing.destroy(proxyRefusal(proxy, url, statusCode));
  });
  outgoing.once('socket', (socket) => {
    ahead = undefined;
    socket.prependOnceListener('error', (error) => (fault = error));
  });
  return { ahead: () => ahead, fault: () => fault };
}

function watchOutgoing(outgoing: ClientRequest, watchdog: Watchdog, { url, body, timeouts }: ExchangeRequest): void {
  const awaitAnswer = (): void => watchdog.start(timeouts.response, 'waiting for the answer');
  // While a streamed body is being read nothing is owed by the server; sendBody watches its back-pressure.
  const connected = (): void => (body === undefined || body instanceof Uint8Array ? awaitAnswer() : watchdog.stop());
  watchdog.start(timeouts.connect, 'connecting');
  outgoing.once('socket', (socket) => {
    if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
    else connected();
  });
  outgoing.once('finish', awaitAnswer);
}

/** Sends the body and waits for the head of the answer, whichever the server does first: an early answer ends the sending. */
async function answerOf(
  outgoing: ClientRequest,
  passage: Passage | undefined,
  watchdog: Watchdog,
  request: ExchangeRequest,
): Promise<IncomingMessage> {
  const { body } = request;
  let settled = false;
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', (incoming) => {
      settled = true;
      resolve(incoming);
    });
    // Later errors belong to the answer's body, which reports them itself.
    outgoing.on('error', (error) => {
      settled = true;
      const { reusedSocket: reused } = outgoing;
      reject(networkErrorOf(passage?.fault() ?? error, request, { reused, proxy: passage?.ahead() }));
    });
  });
  answer.catch(() => {});
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return answer;
  }
  for await (const chunk of chunksOf(body.open())) {
    if (settled) break;
    if (outgoing.write(chunk)) continue;
    watchdog.start(request.timeouts.idle, 'sending the request');
    await firstEvent(outgoing, 'drain', 'response', 'close');
    if (settled) break;
    watchdog.stop();
  }
  if (!settled) {
    // The last bytes may have to wait for room, too.
    watchdog.start(request.timeouts.idle, 'sending the request');
    outgoing.end();
  }
  return answer;
}

function lengthOf(method: string, body: RequestBody | undefined): Readonly<Record<string, string>> {
  if (body instanceof Uint8Array) return { 'content-length': String(body.byteLength) };
  if (body !== undefined) return { 'content-length': String(body.size) };
  return method === 'GET' || method === 'HEAD' ? {} : { 'content-length': '0' };
}

function headersOf({ headersDistinct }: IncomingMessage): ResponseHeaders {
  return {
    get: (name) => headersDistinct[name.toLowerCase()]?.[0],
    getAll: (name) => headersDistinct[name.toLowerCase()] ?? [],
    entries: () => Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(', ')] as const),
  };
}
