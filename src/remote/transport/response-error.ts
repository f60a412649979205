import type { ByteStream } from '../../content/bytes.ts';
import { type ErrorCode, OciError, type OciErrorOptions } from '../../errors.ts';
import { parseErrorBody, type WireError } from '../../wire/error-body.ts';
import type { ResponseHeaders } from './exchange.ts';
import { parseRetryAfter, type RateLimit, rateLimitOf, waitInWords } from './rate-limit.ts';
import { redactUrl } from './redact.ts';
import { hintFor, messageFor } from './response-words.ts';

export interface ResponseErrorFields extends OciErrorOptions {
  readonly status: number;
  readonly method: string;
  readonly url: URL;
  readonly operation?: string | undefined;
  readonly registry?: string | undefined;
  readonly repository?: string | undefined;
  readonly credentials?: string | undefined;
  readonly errors?: readonly WireError[];
  readonly body?: string;
  readonly retryAfter?: number | undefined;
  readonly rateLimit?: RateLimit | undefined;
  readonly requestId?: string | undefined;
}

/** A registry or token server answered with a status that means failure. */
export class ResponseError extends OciError {
  override readonly name: string = 'ResponseError';
  readonly status: number;
  readonly method: string;
  /** Who answered in the end, without anything secret. */
  readonly url: string;
  /** What could not be done: `read manifest "v1" of localhost:5000/app`. */
  readonly operation: string | undefined;
  /** The registry that was asked, or that a token was wanted for. */
  readonly registry: string | undefined;
  readonly repository: string | undefined;
  /** Where the credentials came from that were used or refused; `undefined` when there were none. */
  readonly credentials: string | undefined;
  /** What the server said, in the protocol's form. */
  readonly errors: readonly WireError[];
  /** The start of the body as text, at most 4096 characters. */
  readonly body: string;
  /** Milliseconds the server asked to wait. */
  readonly retryAfter: number | undefined;
  readonly rateLimit: RateLimit | undefined;
  /** By what the server's operators find the request in their logs. */
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, message: string, fields: ResponseErrorFields) {
    super(code, message, fields);
    this.status = fields.status;
    this.method = fields.method;
    this.url = redactUrl(fields.url);
    this.operation = fields.operation;
    this.registry = fields.registry;
    this.repository = fields.repository;
    this.credentials = fields.credentials;
    this.errors = fields.errors ?? [];
    this.body = fields.body ?? '';
    this.retryAfter = fields.retryAfter;
    this.rateLimit = fields.rateLimit;
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
  /** The registry redirected to who answered, so that no credentials were sent there. @default false */
  readonly crossed?: boolean | undefined;
  /** Who was asked. @default that of `login` */
  readonly registry?: string | undefined;
  readonly repository?: string | undefined;
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: ByteStream;
  /** Whether credentials were sent, and which; absent when they could not be. */
  readonly login?: LoginState | undefined;
}

/** What a 401 or 403 has to explain. */
export interface LoginState {
  readonly registry: string;
  /** Where the credentials came from that were sent or refused. */
  readonly source?: string | undefined;
  /** Why no credentials could be had. */
  readonly problem?: OciError | undefined;
}

/** Reads the rest of a refusal, bounded, and gives it words and a code. */
export async function responseErrorOf(refusal: Refusal): Promise<ResponseError> {
  const { status, headers, url, method, login, purpose, crossed = false } = refusal;
  const body = await startOf(refusal.body, maxErrorBody);
  // What comes with a success is content and no explanation: it may be a token.
  const bytes = status < 300 ? new Uint8Array(0) : body;
  const errors = parseErrorBody(bytes);
  const text = new TextDecoder().decode(bytes.subarray(0, shownBody));
  const code = lacksContent(refusal, errors) ? 'MISSING_CONTENT' : codeOf(status, errors, text);
  const rateLimit = rateLimitOf(headers);
  const retryAfter = waitOf(code, refusal, errors, text, rateLimit);
  const said = { code, errors, text, retryAfter, rateLimit };
  return new ResponseError(code, messageFor(refusal, said), {
    status,
    method,
    url,
    operation: purpose,
    registry: refusal.registry ?? login?.registry,
    repository: refusal.repository ?? scopedRepository(url),
    credentials: crossed ? undefined : login?.source,
    errors,
    body: text,
    retryAfter,
    rateLimit,
    requestId: requestIdOf(headers, text),
    hint: hintFor(refusal, said),
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

/** Whole error documents are parsed up to this size. */
const maxErrorBody = 64 * 1024;
const shownBody = 4096;

function codeOf(status: number, errors: readonly WireError[], text: string): ErrorCode {
  const codes = new Set(errors.map(({ code }) => code.toUpperCase()));
  if (status === 429 || limitCodes.some((code) => codes.has(code))) return 'RATE_LIMITED';
  // GHCR's secondary limit comes as a 403, others' as a 400 (demand-and-quirks reference, Q-80).
  if ((status === 403 || status === 400) && /rate limit|rate exceeded/i.test(text)) return 'RATE_LIMITED';
  if (status === 401) return 'UNAUTHORIZED';
  if (status === 403) return 'DENIED';
  if (status === 404 || isUnknown(errors, codes)) return 'NOT_FOUND';
  if (status === 405 || status === 501 || codes.has('UNSUPPORTED')) return 'UNSUPPORTED';
  if (status === 413) return 'LIMIT_EXCEEDED';
  if (status === 409 || status === 412) return 'CONFLICT';
  return 'RESPONSE';
}

/** What is unknown when a manifest is put is never the manifest, but something it names. */
function lacksContent({ method, status, url }: Refusal, errors: readonly WireError[]): boolean {
  if (method !== 'PUT' || (status !== 400 && status !== 404) || !url.pathname.includes('/manifests/')) return false;
  return errors.some(({ code }) => contentUnknown.has(code.toUpperCase()));
}

const contentUnknown: ReadonlySet<string> = new Set(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN']);
const limitCodes: readonly string[] = ['TOOMANYREQUESTS', 'THROTTLING', 'THROTTLINGEXCEPTION', 'SLOWDOWN'];

/** demand-and-quirks reference, Q-15. */
function isUnknown(errors: readonly WireError[], codes: ReadonlySet<string>): boolean {
  if (codes.has('MANIFEST_UNKNOWN') || codes.has('NAME_UNKNOWN') || codes.has('BLOB_UNKNOWN')) return true;
  return errors.some(({ code, message }) => code.toUpperCase() === 'UNKNOWN' && /not found/i.test(message));
}

function waitOf(
  code: ErrorCode,
  { headers }: Refusal,
  errors: readonly WireError[],
  text: string,
  rateLimit: RateLimit | undefined,
): number | undefined {
  const stated = parseRetryAfter(headers.get('retry-after'));
  if (stated !== undefined || code !== 'RATE_LIMITED') return stated;
  return waitInWords(errors, text) ?? rateLimit?.reset;
}

/** Requests for tokens name the repository in their scope only. */
function scopedRepository(url: URL): string | undefined {
  return /^repository:(.+):[^:]*$/.exec(url.searchParams.get('scope') ?? '')?.[1];
}

const requestIdHeaders: readonly string[] = [
  'x-github-request-id',
  'x-amzn-requestid',
  'x-amz-request-id',
  'x-ms-correlation-request-id',
  'x-ms-request-id',
  'x-guploader-uploadid',
  'x-request-id',
  'x-correlation-id',
  'cf-ray',
];

function requestIdOf(headers: ResponseHeaders, text: string): string | undefined {
  for (const name of requestIdHeaders) {
    const value = headers.get(name);
    if (value !== undefined && value !== '') return value.slice(0, 200);
  }
  return /<RequestId>([^<]{1,200})<\/RequestId>/.exec(text)?.[1];
}
