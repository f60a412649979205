import type { IncomingHttpHeaders } from 'node:http';
import { type ByteStream, streamOf } from '../../src/content/bytes.ts';
import { parseRoute, type Route } from '../../src/wire/routes.ts';
import type { Grant } from './tokens.ts';

/** The parts of a simulated registry, each with an origin of its own. */
export type ServerName = 'registry' | 'token' | 'store' | 'trap';

/** A request on its way through the layers. */
export interface SimulatedRequest {
  readonly server: ServerName;
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** As sent, without its question mark. */
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  readonly route: Route | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: ByteStream;
  readonly signal: AbortSignal;
  /** What the token of the request is good for, once it was looked at. */
  readonly grant?: Grant | undefined;
}

/** An answer, before the adapter writes it. */
export interface SimulatedAnswer {
  readonly status: number;
  /** By lower-case names; a list is sent as several headers. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array | ByteStream | undefined;
  /** Bytes of the body after which the connection is cut. */
  readonly cutAfter?: number | undefined;
  /** Bytes of the body after which nothing more comes. */
  readonly stallAfter?: number | undefined;
  /** Instead of any answer. */
  readonly instead?: 'reset' | 'stall' | undefined;
}

export type Handle = (request: SimulatedRequest) => Promise<SimulatedAnswer>;

/** One concern: it answers itself, or changes the request, or the answer of what lies below. */
export type Layer = (request: SimulatedRequest, below: Handle) => Promise<SimulatedAnswer>;

/** The first layer sees a request first and its answer last. */
export function stack(layers: readonly Layer[], bottom: Handle): Handle {
  return layers.reduceRight<Handle>((below, layer) => (request) => layer(request, below), bottom);
}

/** The same request for another address of the registry. */
export function readdressed(request: SimulatedRequest, path: string, rawQuery: string): SimulatedRequest {
  return { ...request, path, rawQuery, query: new URLSearchParams(rawQuery), route: parseRoute(path) };
}

export function withHeaders(
  answer: SimulatedAnswer,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): SimulatedAnswer {
  const merged: Record<string, string | readonly string[]> = { ...answer.headers };
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) delete merged[name];
    else merged[name] = value;
  }
  return { ...answer, headers: merged };
}

export function empty(status: number, headers: SimulatedAnswer['headers'] = {}): SimulatedAnswer {
  return { status, headers: status === 204 ? headers : { 'content-length': '0', ...headers } };
}

export function text(
  status: number,
  content: string | Uint8Array,
  contentType: string,
  headers: SimulatedAnswer['headers'] = {},
): SimulatedAnswer {
  const body = Buffer.from(content);
  return {
    status,
    headers: { 'content-type': contentType, 'content-length': String(body.byteLength), ...headers },
    body,
  };
}

export function json(status: number, document: unknown, headers: SimulatedAnswer['headers'] = {}): SimulatedAnswer {
  return text(status, JSON.stringify(document), 'application/json', headers);
}

/** An error in the specification's form; the layer for error bodies may give it another one. */
export function failure(
  status: number,
  code: string,
  message: string,
  headers: SimulatedAnswer['headers'] = {},
): SimulatedAnswer {
  return json(status, { errors: [{ code, message }] }, headers);
}

export function succeeded({ status, instead }: SimulatedAnswer): boolean {
  return instead === undefined && status >= 200 && status < 300;
}

export function headerOf(answer: SimulatedAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** The whole of a body, for tests only. */
export async function bytesOf(body: Uint8Array | ByteStream | undefined): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  const parts: Uint8Array[] = [];
  for await (const chunk of body instanceof Uint8Array ? streamOf(body) : body) parts.push(chunk);
  return Buffer.concat(parts);
}

export function lengthOf({ headers }: SimulatedRequest): number | undefined {
  const value = headers['content-length'];
  return value === undefined ? undefined : Number(value);
}
