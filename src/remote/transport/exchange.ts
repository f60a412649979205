import type { ByteSource, ByteStream } from '../../content/bytes.ts';
import { OciError, type OciErrorOptions } from '../../errors.ts';
import type { HostSettings } from './host-settings.ts';

/** A body of known length that is opened when the request is sent. */
export interface StreamBody {
  /** Bytes, sent as `Content-Length`. */
  readonly size: number;
  /** Whether `open` may be called again, for a retry or a redirect. */
  readonly replayable: boolean;
  open(): ByteSource;
}

export type RequestBody = Uint8Array | StreamBody;

/** How long the parts of an exchange may take, in milliseconds. */
export interface Timeouts {
  /** Name lookup, TCP and TLS. @default 30_000 */
  readonly connect: number;
  /** From the last byte of the request to the head of the answer. @default 60_000 */
  readonly response: number;
  /** Without a byte in either direction while a body moves. @default 60_000 */
  readonly idle: number;
  /** Like `response`, of what ends an upload: the server may put the whole blob together first. @default 900_000 */
  readonly commit: number;
}

export const defaultTimeouts: Timeouts = { connect: 30_000, response: 60_000, idle: 60_000, commit: 15 * 60_000 };

export interface ExchangeRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Accept any TLS certificate. */
  readonly insecure: boolean;
  /** @default the exchange's own */
  readonly tls?: HostSettings['tls'];
  /** Show the client certificate of `tls`: to its own host only. @default true */
  readonly clientCertificate?: boolean | undefined;
  readonly timeouts: Timeouts;
}

export interface ResponseHeaders {
  /** The first value. Names are compared without regard to case. */
  get(name: string): string | undefined;
  getAll(name: string): readonly string[];
  /** Names in lower case, the values of each joined with commas. */
  entries(): Iterable<readonly [name: string, value: string]>;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Must be read to its end or cancelled. Fails with {@link NetworkError} when the connection breaks. */
  readonly body: ByteStream;
}

/**
 * One request and its answer, redirects not followed. The seam between this library and a runtime's HTTP client.
 *
 * @throws {NetworkError}; the signal's reason when aborted; whatever the request body threw
 */
export interface Exchange {
  (request: ExchangeRequest): Promise<ExchangeResponse>;
  /** Closes idle connections. */
  close?(): void;
}

/** Why an exchange broke off. */
export type NetworkFault =
  /** The name could not be resolved, nothing listens, or no route leads there. */
  | 'unreachable'
  /** The other side does not speak TLS. */
  | 'not-tls'
  /** The certificate is not trusted. */
  | 'certificate'
  /** The proxy in between cannot be reached, or refuses. */
  | 'proxy'
  /** Broken off before the answer's head. */
  | 'reset'
  /** The other side does not speak HTTP, or spoke it wrongly. */
  | 'protocol'
  /** Broken off in the body of the answer. */
  | 'cut'
  | 'timeout';

interface NetworkErrorOptions extends OciErrorOptions {
  readonly reused?: boolean | undefined;
  readonly retryable?: boolean | undefined;
}

/** A failure below HTTP: codes `NETWORK` and `TIMEOUT`. */
export class NetworkError extends OciError {
  override readonly name: string = 'NetworkError';
  readonly fault: NetworkFault;
  /** The connection had served a request before, so the server may just have closed it for being idle. */
  readonly reused: boolean;
  /** Whether another try may succeed without anybody changing anything. @default for what broke off */
  readonly retryable: boolean;

  constructor(fault: NetworkFault, message: string, options: NetworkErrorOptions = {}) {
    super(fault === 'timeout' ? 'TIMEOUT' : 'NETWORK', message, options);
    this.fault = fault;
    this.reused = options.reused ?? false;
    this.retryable = options.retryable ?? (fault === 'reset' || fault === 'cut');
  }

  /** The same failure of a host that was there before: it may be again. */
  passing(): NetworkError {
    if (this.retryable || (this.fault !== 'unreachable' && this.fault !== 'timeout')) return this;
    const { fault, message, cause, hint, reused } = this;
    return new NetworkError(fault, message, { cause, hint, reused, retryable: true });
  }
}

export function isReplayable(body: RequestBody | undefined): boolean {
  return body === undefined || body instanceof Uint8Array || body.replayable;
}
