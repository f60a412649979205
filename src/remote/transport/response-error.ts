import { STATUS_CODES } from 'node:http';
import type { ByteStream } from '../../content/bytes.ts';
import { type ErrorCode, OciError, type OciErrorOptions, quoted } from '../../errors.ts';
import { parseErrorBody, type WireError } from '../../wire/error-body.ts';
import type { ResponseHeaders } from './exchange.ts';
import { redactUrl } from './redact.ts';

export interface ResponseErrorFields extends OciErrorOptions {
  readonly status: number;
  readonly method: string;
  readonly url: URL;
  readonly errors?: readonly WireError[];
  readonly body?: string;
  readonly retryAfter?: number | undefined;
  readonly requestId?: string | undefined;
}

/** A registry or token server answered with a status that means failure. */
export class ResponseError extends OciError {
  override readonly name: string = 'ResponseError';
  readonly status: number;
  readonly method: string;
  /** Without anything secret. */
  readonly url: string;
  /** What the server said, in the protocol's form. */
  readonly errors: readonly WireError[];
  /** The start of the body as text, at most 4096 characters. */
  readonly body: string;
  /** Milliseconds the server asked to wait. */
  readonly retryAfter: number | undefined;
  /** By what the server's operators find the request in their logs. */
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, message: string, fields: ResponseErrorFields) {
    super(code, message, fields);
    this.status = fields.status;
    this.method = fields.method;
    this.url = redactUrl(fields.url);
    this.errors = fields.errors ?? [];
    this.body = fields.body ?? '';
    this.retryAfter = fields.retryAfter;
    this.requestId = fields.requestId;
  }
}

/** An answer that is not what was wanted, and what is known about the request. */
export interface Refusal {
  /** What could not be done: `read manifest "v1" of localhost:5000/app`. */
  readonly purpose: string;
  readonly method: string;
  /** Who answered. */
  readonly url: URL;
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: ByteStream;
  /** More to say on a 401. */
  readonly login?: LoginState | undefined;
}

/** What a 401 has to explain. */
export interface LoginState {
  readonly registry: string;
  /** Where the credentials that were refused came from. */
  readonly source?: string | undefined;
  /** Why no credentials could be had. */
  readonly problem?: OciError | undefined;
}

/** Reads the rest of a refusal, bounded, and gives it words and a code. */
export async function responseErrorOf(refusal: Refusal): Promise<ResponseError> {
  const { status, headers, url, method, login } = refusal;
  const bytes = await startOf(refusal.body, maxErrorBody);
  const errors = parseErrorBody(bytes);
  const text = new TextDecoder().decode(bytes.subarray(0, shownBody));
  const code = codeOf(status, errors, text);
  const retryAfter = parseRetryAfter(headers.get('retry-after'));
  return new ResponseError(code, messageOf(refusal, code, said(errors, text, refusal)), {
    status,
    method,
    url,
    errors,
    body: text,
    retryAfter,
    requestId: requestIdOf(headers),
    hint: hintOf(code, login, retryAfter),
    cause: login?.problem,
  });
}

/** Reads what is left of a small body so that its connection can serve again; ends a long one. */
export async function drain(body: ByteStream): Promise<void> {
  await startOf(body, maxErrorBody);
}

/** Up to `limit` bytes; the rest is cut off. A body that breaks gives what came before. */
export async function startOf(body: ByteStream, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of body) {
      parts.push(chunk);
      total += chunk.byteLength;
      if (total >= limit) break;
    }
  } catch {
    // The status has said the important thing already.
  }
  return Buffer.concat(parts, Math.min(total, limit));
}

/** `Retry-After` in milliseconds. RFC 9110, section 10.2.3: seconds or a date. */
export function parseRetryAfter(value: string | undefined, now: number = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Whole error documents are parsed up to this size. */
const maxErrorBody = 64 * 1024;
const shownBody = 4096;

function codeOf(status: number, errors: readonly WireError[], text: string): ErrorCode {
  const codes = new Set(errors.map(({ code }) => code.toUpperCase()));
  if (status === 429 || codes.has('TOOMANYREQUESTS')) return 'RATE_LIMITED';
  // GHCR's secondary limit comes as a 403 (demand-and-quirks reference, Q-80).
  if (status === 403 && /rate limit/i.test(text)) return 'RATE_LIMITED';
  if (status === 401) return 'UNAUTHORIZED';
  if (status === 403) return 'DENIED';
  if (status === 404) return 'NOT_FOUND';
  if (codes.has('MANIFEST_UNKNOWN') || codes.has('NAME_UNKNOWN')) return 'NOT_FOUND';
  if (status === 405 || status === 501 || codes.has('UNSUPPORTED')) return 'UNSUPPORTED';
  if (status === 413) return 'LIMIT_EXCEEDED';
  if (status === 409 || status === 412) return 'CONFLICT';
  return 'RESPONSE';
}

function messageOf({ purpose, status, url, login }: Refusal, code: ErrorCode, detail: string): string {
  const answer = `${status}${reasonOf(status)}${detail}`;
  if (code !== 'UNAUTHORIZED' || login === undefined) return `Could not ${purpose}: ${url.host} answered ${answer}`;
  if (login.source !== undefined) {
    return `Could not ${purpose}: ${login.registry} refused the credentials from ${login.source}, ${answer}`;
  }
  const why = login.problem === undefined ? 'none were found' : lowerFirst(login.problem.message);
  return `Could not ${purpose}: ${login.registry} wants credentials and ${why}, ${answer}`;
}

function reasonOf(status: number): string {
  const reason = STATUS_CODES[status];
  return reason === undefined ? '' : ` ${reason}`;
}

function said(errors: readonly WireError[], text: string, { headers, purpose }: Refusal): string {
  const shown = errors.slice(0, 3).map(({ code, message, detail }) => {
    const head = [code, oneLine(message)].filter((part) => part !== '').join(': ');
    return detail === undefined || isSaid(detail, `${purpose} ${head}`)
      ? head
      : `${head} ${oneLine(JSON.stringify(detail))}`;
  });
  if (shown.length > 0) return ` (${shown.join('; ')})`;
  // A page for browsers says nothing that fits on a line.
  if (text.trim() === '' || /^\s*</.test(text) || /html/i.test(headers.get('content-type') ?? '')) return '';
  return `: ${quoted(text.trim())}`;
}

/** Details often only repeat what was asked for. */
function isSaid(detail: unknown, message: string): boolean {
  if (typeof detail === 'object' && detail !== null) {
    return Object.values(detail).every((value) => isSaid(value, message));
  }
  return detail === null || message.includes(typeof detail === 'string' ? detail : JSON.stringify(detail));
}

function oneLine(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return escaped.length > 500 ? `${escaped.slice(0, 500)}…` : escaped;
}

function hintOf(code: ErrorCode, login: LoginState | undefined, retryAfter: number | undefined): string | undefined {
  if (code === 'UNAUTHORIZED' && login !== undefined) return `Log in with: crane auth login ${login.registry}`;
  if (code === 'NOT_FOUND') return 'Check the name; many registries also answer so to those who may not see it';
  if (code === 'DENIED') return 'Ask for access to this repository, or use other credentials';
  if (code === 'RATE_LIMITED') {
    if (retryAfter === undefined) return 'Wait before the next try; logged-in users often have a higher limit';
    return `The server asks to wait ${Math.ceil(retryAfter / 1000)} seconds before the next try`;
  }
  return undefined;
}

function requestIdOf(headers: ResponseHeaders): string | undefined {
  for (const name of ['x-github-request-id', 'x-amzn-requestid', 'x-request-id', 'cf-ray']) {
    const value = headers.get(name);
    if (value !== undefined) return value.slice(0, 200);
  }
  return undefined;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
