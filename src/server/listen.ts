import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { firstEvent } from '../async/first-event.ts';
import { type ByteStream, chunksOf } from '../content/bytes.ts';
import type { WireError } from '../wire/error-body.ts';
import type { RegistryRequest, RegistryResponse } from './exchange.ts';
import { type Answer, type RegistryOptions, registryOver } from './registry.ts';
import type { RegistryStorage } from './storage.ts';

/** One request that has been answered, for a log. */
export interface RequestRecord {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly status: number;
  /** What the client was told when something went wrong. */
  readonly error?: WireError | undefined;
}

export interface ListenOptions extends RegistryOptions {
  readonly storage: RegistryStorage;
  /** Name or address to listen on. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** 0 lets the system choose. @default 0 */
  readonly port?: number | undefined;
  /** Closes the server. */
  readonly signal?: AbortSignal | undefined;
  /** Called when an answer is complete or its client has gone. */
  readonly onRequest?: ((record: RequestRecord) => void) | undefined;
}

/** A registry that is listening. */
export interface ListeningRegistry extends AsyncDisposable {
  /** The address as bound. */
  readonly address: string;
  readonly port: number;
  /** `http://ADDRESS:PORT`. */
  readonly url: string;
  /** Takes no more requests, lets those that run end, and cuts what is left after some seconds. */
  close(): Promise<void>;
}

/** Connections without any traffic for this long are cut; a slow upload that moves at all goes on, however long it takes. */
const maxSilence = 5 * 60 * 1000;
/** Clients keep connections for the next command of a script; a reused connection that just closes would fail a push. */
const keepAlive = 75 * 1000;
/** A client that sends its headers byte by byte holds a connection no longer than this. */
const maxHeaderTime = 60 * 1000;
const closingTime = 5 * 1000;

/**
 * Serves a registry over plain HTTP.
 *
 * @throws the system's error when the address cannot be bound, the signal's reason when it is aborted
 */
export async function listen(options: ListenOptions): Promise<ListeningRegistry> {
  const { storage, host = '127.0.0.1', port = 0, signal, onRequest } = options;
  signal?.throwIfAborted();
  const answer = registryOver(storage, options);
  // Bodies move in large pieces: with the default of 16 KiB a download waits for a drain at every chunk.
  const server = createServer({ requestTimeout: 0, headersTimeout: maxHeaderTime, highWaterMark: 1024 * 1024 });
  server.keepAliveTimeout = keepAlive;
  server.timeout = maxSilence;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    void exchange(answer, request, response).then((record) => onRequest?.(record));
  };
  server.on('request', serve);
  // Without a listener Node asks for the body before anybody has looked at the request.
  server.on('checkContinue', serve);
  await bind(server, host, port);
  return listening(server, signal);
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function listening(server: Server, signal: AbortSignal | undefined): ListeningRegistry {
  const { address, port, family } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    return (closing ??= closeServer(server));
  };
  const onAbort = (): void => void close();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    address,
    port,
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // Node does not look again at connections that were busy then.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), closingTime);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

/** What nginx notes in its log for a client that did not wait for an answer. */
const clientGone = 499;
const goneError: WireError = { code: 'UNKNOWN', message: 'The client closed the connection' };

/** Never rejects: what goes wrong here must not take the server along. */
async function exchange(answer: Answer, request: IncomingMessage, response: ServerResponse): Promise<RequestRecord> {
  const answered = await answer(new NodeRequest(request, response));
  const { method = '', url = '' } = request;
  const isGone = request.socket.destroyed;
  if (awaitsContinue(request)) response.setHeader('connection', 'close');
  await send(answered, response).catch(() => {
    // The client has gone, or the content turned out to be broken: then the cut connection is what tells the client.
    response.destroy();
  });
  // Node itself drops what is left of a body only when nothing of it was read. The connection would stand still.
  if (!request.complete) request.resume();
  if (isGone) return { method, url, status: clientGone, error: goneError };
  return { method, url, status: answered.status, error: answered.errors?.[0] };
}

class NodeRequest implements RegistryRequest {
  readonly method: string;
  readonly path: string;
  readonly body: ByteStream;
  readonly #request: IncomingMessage;
  readonly #queryText: string;
  #query: URLSearchParams | undefined;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.method = request.method ?? 'GET';
    const target = originForm(request.url ?? '/');
    const question = target.indexOf('?');
    this.path = question < 0 ? target : target.slice(0, question);
    this.#queryText = question < 0 ? '' : target.slice(question + 1);
    this.body = bodyOf(request, response);
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#queryText);
    return this.#query;
  }

  get signal(): AbortSignal {
    return signalOf(this.#request.socket);
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }
}

const leavings = new WeakMap<Socket, AbortController>();

/** Aborts when the client has gone. One for all requests of a connection: they come one after the other. */
function signalOf(socket: Socket): AbortSignal {
  const known = leavings.get(socket);
  if (known !== undefined) return known.signal;
  const leaving = new AbortController();
  leavings.set(socket, leaving);
  const leave = (): void => leaving.abort(new DOMException('The client has gone', 'AbortError'));
  if (socket.destroyed) leave();
  else socket.once('close', leave);
  return leaving.signal;
}

/** A proxy sends the whole address as the target. RFC 9112 section 3.2.2. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const authority = target.indexOf('://');
  const slash = authority < 0 ? -1 : target.indexOf('/', authority + 3);
  return slash < 0 ? '/' : target.slice(slash);
}

const continued = new WeakSet<IncomingMessage>();

/** Whether the client holds the body back: where it ends is then not known, and the connection cannot be used again. */
function awaitsContinue(request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === '100-continue' && !continued.has(request);
}

/** The body of a request. Leaving it early does not end the connection, which would take the answer with it. */
function bodyOf(request: IncomingMessage, response: ServerResponse): ByteStream {
  return {
    [Symbol.asyncIterator]() {
      if (awaitsContinue(request)) {
        continued.add(request);
        response.writeContinue();
      }
      return request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
    },
    cancel: async () => {},
  };
}

async function send({ status, headers, body }: RegistryResponse, response: ServerResponse): Promise<void> {
  // A body that turns out shorter than announced ends the connection; the client would wait for the rest.
  response.strictContentLength = true;
  response.writeHead(status, headers);
  if (body === undefined || body instanceof Uint8Array) {
    await end(response, body);
    return;
  }
  try {
    for await (const chunk of chunksOf(body)) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await firstEvent(response, 'drain', 'close');
    }
  } finally {
    await body.cancel();
  }
  await end(response);
}

/** Settles when the answer has been handed to the system, or its client has gone. */
async function end(response: ServerResponse, body?: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.end(body, resolve);
  });
}
