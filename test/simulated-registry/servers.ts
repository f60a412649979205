import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { firstEvent } from '../../src/async/first-event.ts';
import { type ByteStream, streamOf } from '../../src/content/bytes.ts';
import { parseRoute } from '../../src/wire/routes.ts';
import { empty, type Handle, type ServerName, type SimulatedAnswer, type SimulatedRequest } from './exchange.ts';
import { actionOf, type Fault, type FaultSource } from './faults.ts';

/** A request as a test sees it afterwards. */
export interface RecordedRequest {
  readonly server: ServerName;
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of the body that were read. */
  bodyLength: number;
  /** 0 until there is an answer, and when the connection ended without one. */
  status: number;
  /** Bytes of the answer's body. */
  sent: number;
  /** What was done to it on purpose. */
  fault?: Fault | undefined;
}

export interface ServerOptions {
  readonly name: ServerName;
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** For every request of every part, in the order they come. */
  readonly requests: RecordedRequest[];
  readonly fault: () => FaultSource | undefined;
  /** What a fault that makes tokens invalid calls. */
  readonly expireTokens: () => void;
}

export interface RunningServer {
  readonly origin: string;
  readonly host: string;
  close(): Promise<void>;
}

/** A real HTTP server on a free loopback port that can misbehave below HTTP. */
export async function startServer(handle: Handle, options: ServerOptions): Promise<RunningServer> {
  const { tls } = options;
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    void new Conversation(incoming, response, options).run(handle).catch(() => response.destroy());
  };
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `${tls === undefined ? 'http' : 'https'}://${host}`,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

class Conversation {
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: ServerOptions;
  readonly #record: RecordedRequest;
  readonly #gone = new AbortController();

  constructor(incoming: IncomingMessage, response: ServerResponse, options: ServerOptions) {
    this.#incoming = incoming;
    this.#response = response;
    this.#options = options;
    const { method = '', url: target = '', headers } = incoming;
    const [path = '', rawQuery = ''] = splitTarget(target);
    const query = new URLSearchParams(rawQuery);
    this.#record = { server: options.name, method, target, path, query, headers, bodyLength: 0, status: 0, sent: 0 };
    options.requests.push(this.#record);
    response.once('close', () => this.#gone.abort(new DOMException('The client has gone', 'AbortError')));
  }

  async run(handle: Handle): Promise<void> {
    const action = actionOf(this.#options.fault()?.(this.#record));
    this.#record.fault = action.fault;
    if (action.expireTokens === true) this.#options.expireTokens();
    if (action.before === 'reset') return void this.#incoming.socket.destroy();
    if (action.before === 'stall') return this.#stall();
    const request = this.#request(action.cutRequestAfter);
    if (action.answer !== undefined) return this.#write(action.answer);
    let answer = await handle(request);
    if (action.twice === true) answer = await this.#again(handle, request);
    if (action.lost === true) return void this.#incoming.socket.destroy();
    if (action.delay !== undefined) await wait(action.delay);
    await this.#write(action.cutAnswerAfter === undefined ? answer : { ...answer, cutAfter: action.cutAnswerAfter });
  }

  #request(cutAfter: number | undefined): SimulatedRequest {
    const { server, method, path, query, headers, target } = this.#record;
    const body = this.#body(cutAfter);
    const [, rawQuery = ''] = splitTarget(target);
    return { server, method, path, rawQuery, query, route: parseRoute(path), headers, body, signal: this.#gone.signal };
  }

  /** As when a proxy in between sends a request a second time: the client gets the second answer. */
  async #again(handle: Handle, request: SimulatedRequest): Promise<SimulatedAnswer> {
    return handle({ ...request, body: streamOf(Buffer.concat(this.#seen)) });
  }

  readonly #seen: Uint8Array[] = [];

  #body(cutAfter: number | undefined): ByteStream {
    const incoming = this.#incoming;
    const record = this.#record;
    const seen = this.#seen;
    const keep = this.#options.fault() !== undefined;
    async function* counted(): AsyncGenerator<Uint8Array, void> {
      for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
        record.bodyLength += chunk.byteLength;
        if (cutAfter !== undefined && record.bodyLength > cutAfter) {
          incoming.socket.destroy();
          throw new Error('The connection was cut on purpose');
        }
        if (keep) seen.push(chunk);
        yield chunk;
      }
    }
    return { [Symbol.asyncIterator]: counted, cancel: async () => {} };
  }

  async #write(answer: SimulatedAnswer): Promise<void> {
    const response = this.#response;
    if (answer.instead === 'reset') return void this.#incoming.socket.destroy();
    if (answer.instead === 'stall') return this.#stall();
    if (response.destroyed) return;
    this.#record.status = answer.status;
    for (const [name, value] of Object.entries(answer.headers)) {
      response.setHeader(name, typeof value === 'string' ? value : [...value]);
    }
    response.writeHead(answer.status);
    if (this.#record.method === 'HEAD' || answer.body === undefined) response.end();
    else await this.#writeBody(answer, answer.body);
    // What nobody read of a body would keep the connection from its next request.
    if (!this.#incoming.complete) this.#incoming.resume();
  }

  async #writeBody(answer: SimulatedAnswer, body: Uint8Array | ByteStream): Promise<void> {
    const { cutAfter, stallAfter } = answer;
    const response = this.#response;
    const end = Math.min(cutAfter ?? Infinity, stallAfter ?? Infinity);
    try {
      for await (const chunk of body instanceof Uint8Array ? [body] : body) {
        const part = chunk.subarray(0, Math.max(end - this.#record.sent, 0));
        this.#record.sent += part.byteLength;
        if (response.destroyed) return;
        if (part.byteLength > 0 && !response.write(part)) await firstEvent(response, 'drain', 'close');
        if (this.#record.sent >= end) break;
      }
    } finally {
      if (!(body instanceof Uint8Array)) await body.cancel();
    }
    if (this.#record.sent < end) return void response.end();
    if (stallAfter !== undefined && end === stallAfter) return this.#stall();
    await this.#flushAndCut();
  }

  /** The bytes before the cut are to arrive, so the connection ends only after the system has them. */
  async #flushAndCut(): Promise<void> {
    this.#response.flushHeaders();
    const { socket } = this.#incoming;
    while (!socket.destroyed && socket.writableLength > 0) await wait(1);
    await wait(1);
    socket.destroy();
  }

  /** Where nothing was written yet, flushing would make it a 200. */
  async #stall(): Promise<void> {
    if (this.#response.headersSent) this.#response.flushHeaders();
    if (!this.#gone.signal.aborted) await firstEvent(this.#response, 'close');
  }
}

function splitTarget(target: string): readonly string[] {
  const question = target.indexOf('?');
  return question < 0 ? [target, ''] : [target.slice(0, question), target.slice(question + 1)];
}

/** Writes down who came and what they brought, and answers nothing of use: nobody should ever come with a secret. */
export function trapHandle(): Handle {
  return async ({ method }) =>
    method === 'GET' || method === 'HEAD'
      ? empty(401, { 'www-authenticate': 'Basic realm="trap"' })
      : empty(401, { 'www-authenticate': 'Basic realm="trap"', connection: 'close' });
}
