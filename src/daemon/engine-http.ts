import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { firstEvent } from '../async/first-event.ts';
import { type ByteSource, type ByteStream, chunksOf, discard } from '../content/bytes.ts';
import type { CallOptions } from '../options.ts';
import { commandSocket } from './command-socket.ts';
import { authorityOf, type EngineAddress } from './engine-address.ts';
import { engineFault, engineTimeout } from './engine-fault.ts';
import { ResponseBody } from './response-body.ts';

export interface EngineRequest extends CallOptions {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly contentType?: string | undefined;
  /** Sent in chunks, since its length is not known. When the answer ends before it, the rest is not sent. */
  readonly body?: ByteSource | undefined;
  /** Milliseconds until the answer begins; with a body from its last byte on, and for each part of the answer. */
  readonly timeout: number;
  /** Milliseconds without a byte while a body moves. */
  readonly idle: number;
  /** What goes on, for messages: `saving "app:1"`. */
  readonly doing: string;
  /** Whether it is not known yet what listens there. @default false */
  readonly isFirst?: boolean | undefined;
}

export interface EngineResponse {
  readonly status: number;
  header(name: string): string | undefined;
  /** Has to be read to its end or cancelled. */
  readonly body: ByteStream;
}

/** HTTP/1.1 over a socket, a pipe, TCP, TLS or a program. Connections are kept for the next request until it is closed. */
export class EngineHttp {
  readonly address: EngineAddress;
  #agent: Promise<Agent> | undefined;

  constructor(address: EngineAddress) {
    this.address = address;
  }

  /**
   * @throws {OciError} `NETWORK`, `TIMEOUT`, `DENIED` for a socket that may not be opened; the signal's reason; what the
   *   request's body threw
   */
  async send(request: EngineRequest): Promise<EngineResponse> {
    try {
      request.signal?.throwIfAborted();
      return await converse(await this.#open(request), request, this.address);
    } finally {
      if (request.body !== undefined && request.signal?.aborted === true) discard(request.body).catch(() => {});
    }
  }

  async close(): Promise<void> {
    (await this.#agent?.catch(() => undefined))?.destroy();
  }

  async #open({ method, path, contentType }: EngineRequest): Promise<ClientRequest> {
    const { address } = this;
    const tls = address.kind === 'tcp' ? address.tls : undefined;
    this.#agent ??= agentFor(address);
    const agent = await this.#agent;
    const prefix = address.kind === 'tcp' ? (address.prefix ?? '') : '';
    const options: RequestOptions = {
      agent,
      method,
      path: `${prefix}${path}`,
      headers: {
        // Newer engines refuse what is no host name, as the path of a socket.
        host: address.kind === 'tcp' ? authorityOf(address) : 'docker',
        'user-agent': 'crane-oci',
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...(method === 'POST' && contentType === undefined ? { 'content-length': '0' } : {}),
      },
      ...(address.kind === 'socket' ? { socketPath: address.path } : {}),
      ...(address.kind === 'tcp' ? { host: address.host, port: address.port } : {}),
    };
    // Else it is looked for in the headers, with a pattern of addresses that takes milliseconds to compile.
    if (tls === undefined) Object.assign(options, { servername: '' });
    if (tls === undefined) return httpRequest(options);
    const { request: httpsRequest } = await import('node:https');
    return httpsRequest(options);
  }
}

async function converse(
  outgoing: ClientRequest,
  request: EngineRequest,
  address: EngineAddress,
): Promise<EngineResponse> {
  const { signal, timeout, idle, doing } = request;
  const watch = new Patience(outgoing, (milliseconds) => engineTimeout(address, doing, milliseconds));
  const sending = request.body === undefined ? undefined : new Sending(outgoing, request.body);
  const stop = (): void => void outgoing.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', stop, { once: true });
  // Of a broken answer the request hears why, the answer only that it broke off.
  let cause: unknown;
  outgoing.on('error', (error) => (cause ??= error));
  try {
    const answer = answerOf(outgoing);
    if (sending === undefined) {
      outgoing.end();
      watch.start(timeout);
    } else {
      sending.run({ idle: () => watch.start(idle), moving: () => watch.stop(), sent: () => watch.start(timeout) });
    }
    const incoming = await answer;
    watch.answered(incoming);
    if (sending === undefined) watch.stop();
    const limits = sending === undefined ? { idle } : { onBytes: () => watch.refresh() };
    return {
      status: incoming.statusCode ?? 0,
      header: (name) => incoming.headersDistinct[name]?.[0],
      body: new ResponseBody(outgoing, incoming, {
        ...limits,
        fault: (error) =>
          signal?.aborted === true
            ? signal.reason
            : (sending?.failure?.error ?? engineFault(cause ?? error, address, doing, true)),
        expired: () => engineTimeout(address, doing, idle),
        signal,
        onEnd: () => {
          watch.stop();
          sending?.end();
        },
      }),
    };
  } catch (error) {
    watch.stop();
    outgoing.destroy();
    sending?.end();
    signal?.throwIfAborted();
    // The failure of a request's body is the cause, that of the connection its consequence.
    throw sending?.failure?.error ?? engineFault(error, address, doing, request.isFirst !== true);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    // Later failures belong to the body of the answer.
    outgoing.on('error', reject);
  });
  answer.catch(() => {});
  return answer;
}

/** A time limit that is set anew for each thing that is waited for. */
class Patience {
  readonly #expired: (milliseconds: number) => Error;
  #holder: { destroy(error: Error): unknown };
  #timer: NodeJS.Timeout | undefined;

  constructor(outgoing: ClientRequest, expired: (milliseconds: number) => Error) {
    this.#holder = outgoing;
    this.#expired = expired;
  }

  /** From now on its failure is one of the answer. */
  answered(incoming: IncomingMessage): void {
    this.#holder = incoming;
  }

  start(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#holder.destroy(this.#expired(milliseconds)), milliseconds);
  }

  refresh(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What is told of while a body is sent. */
interface SendingEvents {
  /** The other side takes nothing more for the moment. */
  readonly idle: () => void;
  readonly moving: () => void;
  readonly sent: () => void;
}

/** A request's body on its way. */
class Sending {
  readonly #outgoing: ClientRequest;
  readonly #body: ByteSource;
  #over = false;
  /** What reading the body failed with. */
  failure: { readonly error: unknown } | undefined;

  constructor(outgoing: ClientRequest, body: ByteSource) {
    this.#outgoing = outgoing;
    this.#body = body;
    outgoing.once('close', () => this.end());
  }

  /** Nobody reads any more what is sent. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#outgoing.emit('over');
  }

  /** Ends with the body, or when nobody reads it any more. Never fails: that is the connection's to tell. */
  run(events: SendingEvents): void {
    this.#send(events).catch((error: unknown) => {
      this.failure = { error };
      this.#outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #send({ idle, moving, sent }: SendingEvents): Promise<void> {
    const outgoing = this.#outgoing;
    try {
      for await (const chunk of chunksOf(this.#body)) {
        if (this.#over) return;
        if (outgoing.write(chunk)) continue;
        idle();
        await firstEvent(outgoing, 'drain', 'over');
        if (this.#over) return;
        moving();
      }
      if (this.#over) return;
      outgoing.end();
      sent();
    } finally {
      await discard(this.#body);
    }
  }
}

async function agentFor(address: EngineAddress): Promise<Agent> {
  // Questions follow each other; a socket that waits must not keep the process from ending.
  if (address.kind === 'tcp' && address.tls !== undefined) {
    const { Agent: TlsAgent } = await import('node:https');
    const { checkTls } = await import('./engine-tls.ts');
    await checkTls(address.tls, address);
    const { ca, cert, key, insecure = false } = address.tls;
    return new TlsAgent({ keepAlive: true, ca, cert, key, rejectUnauthorized: !insecure });
  }
  return address.kind === 'command' ? new CommandAgent(address) : new Agent({ keepAlive: true });
}

class CommandAgent extends Agent {
  readonly #address: Extract<EngineAddress, { kind: 'command' }>;

  constructor(address: Extract<EngineAddress, { kind: 'command' }>) {
    super({ keepAlive: true });
    this.#address = address;
  }

  override createConnection(_options: object, ready: (error: Error | null, socket: Duplex) => void): undefined {
    commandSocket(this.#address).then(
      (socket) => ready(null, socket),
      (error: unknown) => ready(error as Error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}
