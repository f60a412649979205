import { STATUS_CODES } from 'node:http';
import { lowerFirst, messageOf, OciError } from '../../errors.ts';
import { type ExchangeRequest, NetworkError, type NetworkFault } from './exchange.ts';

/** What is known of a connection that failed. */
export interface Circumstances {
  /** It had served a request before. */
  readonly reused: boolean;
  /** The proxy that was not passed yet, so that the failure is one of it. */
  readonly proxy: URL | undefined;
}

/** Gives an error of node:net, node:tls or node:http words and a kind. Errors of our own pass unchanged. */
export function networkErrorOf(
  error: unknown,
  { url, signal }: ExchangeRequest,
  { reused, proxy }: Circumstances,
): unknown {
  if (error instanceof OciError || (signal?.aborted === true && error === signal.reason)) return error;
  const code = codeOf(error);
  const fault = faultOf(code, messageOf(error));
  if (proxy !== undefined) return proxyFault(proxy, fault, code, error);
  return new NetworkError(fault, messageFor(fault, url, code, error), {
    cause: error,
    hint: hintFor(fault, code),
    reused,
  });
}

export function timeoutError(url: URL, what: string, proxy?: URL): NetworkError {
  const who = proxy === undefined ? hostOf(url) : `The proxy ${hostOf(proxy)}`;
  return new NetworkError('timeout', `${who} took too long: gave up ${what}`, {
    hint: `Check that the ${proxy === undefined ? 'host' : 'proxy'} is reachable from here and try again`,
  });
}

/** A proxy answered for itself instead of passing the request on. */
export function proxyRefusal(proxy: URL, url: URL, status: number): NetworkError {
  const reason = STATUS_CODES[status];
  const answer = reason === undefined ? String(status) : `${status} ${reason}`;
  // It is willing, but does not get through.
  const isBeyond = status >= 502 && status <= 504;
  const message = isBeyond
    ? `${hostOf(url)} cannot be reached: the proxy ${hostOf(proxy)} answered ${answer}`
    : `The proxy ${hostOf(proxy)} answered ${answer} to the request to reach ${hostOf(url)}`;
  return new NetworkError(isBeyond ? 'unreachable' : 'proxy', message, { hint: refusalHint(status, url) });
}

/** Whether a certificate was refused because nobody trusted has signed it. */
export function isUnknownIssuer(error: unknown): boolean {
  return error instanceof NetworkError && unknownIssuerCodes.has(codeOf(error.cause));
}

/** A host as messages name it: `registry.example.com`, `127.0.0.1:5000`. */
export function hostOf(url: URL): string {
  return url.host;
}

const unreachableCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EADDRNOTAVAIL',
  'EACCES',
]);

const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY)|HOSTNAME_MISMATCH|ALTNAME/;

const unknownIssuerCodes: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
]);

function proxyFault(proxy: URL, fault: NetworkFault, code: string, cause: unknown): NetworkError {
  // Packages for proxies have no codes for what they find.
  const why = code === '' ? `: ${messageOf(cause)}` : `: ${lowerFirst(messageFor(fault, proxy, code, cause))}`;
  return new NetworkError('proxy', `The proxy ${hostOf(proxy)} cannot be used${why}`, {
    cause,
    hint: 'Check HTTPS_PROXY and HTTP_PROXY, or list the host in NO_PROXY to reach it directly',
    retryable: fault === 'reset',
  });
}

function refusalHint(status: number, url: URL): string {
  if (status === 407) return 'Give the proxy a login: http://user:password@host:port in HTTPS_PROXY or HTTP_PROXY';
  return `Ask whoever runs the proxy to let ${hostOf(url)} through, or list it in NO_PROXY to reach it directly`;
}

function faultOf(code: string, message: string): NetworkFault {
  if (unreachableCodes.has(code)) return 'unreachable';
  if (certificateCodes.test(code)) return 'certificate';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || message.includes('before secure TLS connection'))
    return 'not-tls';
  if (code.startsWith('HPE_')) return code === 'HPE_INVALID_EOF_STATE' ? 'reset' : 'protocol';
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED' || code === 'ETIMEDOUT') return 'reset';
  return 'protocol';
}

function messageFor(fault: NetworkFault, url: URL, code: string, error: unknown): string {
  const host = hostOf(url);
  switch (fault) {
    case 'unreachable':
      if (code === 'ECONNREFUSED') return `Nothing listens at ${host}: connection refused`;
      if (code === 'ENOTFOUND' || code.startsWith('EAI_')) return `The name of ${host} cannot be resolved`;
      return `${host} cannot be reached: ${messageOf(error)}`;
    case 'not-tls':
      return `${host} does not speak TLS, or refuses ours: ${messageOf(error).trim()}`;
    case 'certificate':
      return `The TLS certificate of ${host} is not trusted: ${messageOf(error)}`;
    case 'timeout':
    case 'reset':
    case 'cut':
      if (code === 'ETIMEDOUT') return `${host} took too long: ${messageOf(error)}`;
      return `${host} closed the connection before it answered`;
    default:
      return `${host} did not answer as an HTTP server does: ${messageOf(error)}`;
  }
}

function hintFor(fault: NetworkFault, code: string): string {
  switch (fault) {
    case 'unreachable':
      return code === 'ECONNREFUSED'
        ? 'Check the host and port, and that the registry runs'
        : 'Check the spelling of the host and the network connection';
    case 'not-tls':
      return 'Use --insecure if the registry is meant to be reached by plain http';
    case 'certificate':
      return 'Trust its certificate authority with --ca-file FILE, or use --insecure to accept any certificate';
    case 'protocol':
      return 'Check the host and port: something else may be listening there';
    default:
      return 'Try again; the network or the registry may be overloaded';
  }
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  // Happy Eyeballs fails with one error for all addresses; the first one tells.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = typeof first === 'object' && first !== null && 'code' in first ? first.code : undefined;
  return typeof code === 'string' ? code : '';
}
