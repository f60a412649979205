import { messageOf, OciError } from '../../errors.ts';
import { type ExchangeRequest, NetworkError, type NetworkFault } from './exchange.ts';

/** Gives an error of node:net, node:tls or node:http words and a kind. Errors of our own pass unchanged. */
export function networkErrorOf(error: unknown, { url, signal }: ExchangeRequest, reused: boolean): unknown {
  if (error instanceof OciError || (signal?.aborted === true && error === signal.reason)) return error;
  const code = codeOf(error);
  const fault = faultOf(code, messageOf(error));
  return new NetworkError(fault, messageFor(fault, url, code, error), {
    cause: error,
    hint: hintFor(fault, code),
    reused,
  });
}

export function timeoutError(url: URL, what: string): NetworkError {
  return new NetworkError('timeout', `${hostOf(url)} took too long: gave up ${what}`, {
    hint: 'Check that the host is reachable from here and try again',
  });
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
      return 'Trust its certificate authority with NODE_EXTRA_CA_CERTS, or use --insecure to accept any certificate';
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
