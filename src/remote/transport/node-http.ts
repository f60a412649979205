import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as httpRequest,
} from 'node:http';
import type { Agent as SecureAgent } from 'node:https';
import { firstEvent } from '../../async/first-event.ts';
import { chunksOf } from '../../content/bytes.ts';
import { NodeBody } from './node-body.ts';
import { connectWithSlabs } from './slab-socket.ts';
import { networkErrorOf, timeoutError } from './network-fault.ts';
import type { Exchange, ExchangeRequest, ExchangeResponse, RequestBody, ResponseHeaders } from './exchange.ts';
import { isNode } from './runtime.ts';
import { Watchdog } from './watchdog.ts';

export interface NodeHttpOptions {
  /** Certificates to trust instead of the runtime's, PEM, or how to read them when TLS is first needed. */
  readonly ca?: string | readonly string[] | (() => Promise<readonly string[] | undefined>) | undefined;
}

/**
 * HTTP/1.1 over node:http and node:https with connections kept alive. Bodies are handed on as the chunks the socket gave.
 */
export function nodeHttp(options: NodeHttpOptions = {}): Exchange {
  const agent = Object.assign(new Agent(agentOptions), isNode() ? { createConnection: connectWithSlabs } : {});
  let secure: Promise<Secure> | undefined;
  const exchange: Exchange = async (request) => {
    request.signal?.throwIfAborted();
    if (request.url.protocol !== 'https:') return converse(httpRequest, { agent }, request);
    secure ??= loadSecure(options);
    const { send, agent: secureAgent } = await secure;
    return converse(send, { agent: secureAgent, rejectUnauthorized: !request.insecure }, request);
  };
  exchange.close = () => {
    agent.destroy();
    // Certificates that could not be read have failed the requests that needed them.
    void secure?.then(
      (loaded) => loaded.agent.destroy(),
      () => {},
    );
  };
  return exchange;
}

// The newest idle connection is the least likely to have been closed by the server.
const agentOptions = { keepAlive: true, scheduling: 'lifo', maxFreeSockets: 50 } as const;

interface Secure {
  readonly send: Send;
  readonly agent: SecureAgent;
}

type Send = (url: URL, options: RequestOptions) => ClientRequest;

/** node:https loads TLS, which costs a plain http command several milliseconds. */
async function loadSecure({ ca }: NodeHttpOptions): Promise<Secure> {
  const [https, given] = await Promise.all([import('node:https'), typeof ca === 'function' ? ca() : ca]);
  const trusted = given === undefined ? {} : { ca: typeof given === 'string' ? given : [...given] };
  return { send: https.request, agent: new https.Agent({ ...agentOptions, ...trusted }) };
}

async function converse(
  send: Send,
  transport: RequestOptions & { readonly rejectUnauthorized?: boolean },
  request: ExchangeRequest,
): Promise<ExchangeResponse> {
  const { method, url, headers, body, signal, timeouts } = request;
  const outgoing = send(url, { ...transport, method, headers: { ...headers, ...lengthOf(method, body) } });
  const watchdog = new Watchdog((what) => outgoing.destroy(timeoutError(url, what)));
  const stop = (): void => void outgoing.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    watchOutgoing(outgoing, watchdog, request);
    const incoming = await answerOf(outgoing, body, watchdog, request);
    watchdog.stop();
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
  body: RequestBody | undefined,
  watchdog: Watchdog,
  request: ExchangeRequest,
): Promise<IncomingMessage> {
  let settled = false;
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', (incoming) => {
      settled = true;
      resolve(incoming);
    });
    // Later errors belong to the answer's body, which reports them itself.
    outgoing.on('error', (error) => {
      settled = true;
      reject(networkErrorOf(error, request, outgoing.reusedSocket));
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
  if (!settled) outgoing.end();
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
  };
}
