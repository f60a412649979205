import type { ByteStream } from '../content/bytes.ts';
import type { CallOptions } from '../options.ts';
import type { WireError } from '../wire/error-body.ts';

/** A request, whatever brought it. It is also the {@link CallOptions} of what is done for it. */
export interface RegistryRequest extends CallOptions {
  readonly method: string;
  /** The path as sent, percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
  /** The bytes sent along; need not be read. */
  readonly body: ByteStream;
  /** A header's value by its lower-case name. */
  header(name: string): string | undefined;
}

/** An answer, before it takes the form of the adapter. */
export interface RegistryResponse {
  readonly status: number;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | ByteStream | undefined;
  /** What went wrong, when something did. */
  readonly errors?: readonly WireError[] | undefined;
}

/** An answer without a body. */
export function empty(status: number, headers: Readonly<Record<string, string>> = {}): RegistryResponse {
  // RFC 9110 section 8.6 forbids the length in a 204 and leaves it out of a 304.
  const length = status === 204 || status === 304 ? {} : { 'content-length': '0' };
  return { status, headers: { ...length, ...headers } };
}

/** An answer with a document. */
export function json(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
  contentType = 'application/json',
): RegistryResponse {
  const body = Buffer.from(text);
  return {
    status,
    headers: { ...headers, 'content-type': contentType, 'content-length': String(body.byteLength) },
    body,
  };
}
