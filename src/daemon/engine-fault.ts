import { messageOf, OciError, quoted } from '../errors.ts';
import { type EngineAddress, formatEngineAddress } from './engine-address.ts';

/**
 * Gives an error of node:net, node:tls or node:http words. Errors of our own pass unchanged.
 *
 * @param isKnown whether an engine has answered there: what is wrong later is no sign of something else
 */
export function engineFault(error: unknown, address: EngineAddress, doing: string, isKnown = false): unknown {
  if (error instanceof OciError) return error;
  const code = codeOf(error);
  const name = formatEngineAddress(address);
  const fault = (message: string, hint: string): OciError => new OciError('NETWORK', message, { cause: error, hint });
  if (code === 'ENOENT' || code === 'ENOTSOCK') {
    return fault(
      `There is no Docker engine at ${name}: ${code === 'ENOENT' ? 'the socket does not exist' : 'it is no socket'}`,
      'Start Docker, or say where the engine is: with DOCKER_HOST, or docker context use',
    );
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new OciError('DENIED', `The socket of the Docker engine at ${name} cannot be opened: permission denied`, {
      cause: error,
      hint: 'Add this user to the group that owns the socket, which is docker as a rule, or run the command as root',
    });
  }
  if (code === 'ECONNREFUSED') {
    return fault(`No Docker engine answers at ${name}: connection refused`, 'Start Docker, or correct DOCKER_HOST');
  }
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
    return fault(`The host of the Docker engine at ${name} cannot be found`, 'Check DOCKER_HOST and the network');
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || messageOf(error).includes('before secure TLS connection')) {
    const [why, hint] = tlsReason(messageOf(error));
    return fault(`The TLS connection to the Docker engine at ${name} failed: ${why}`, hint);
  }
  if (certificateCodes.test(code)) {
    return fault(
      `The TLS certificate of the Docker engine at ${name} is not trusted: ${messageOf(error)}`,
      'Put the authority that signed it into ca.pem in DOCKER_CERT_PATH, or of the context',
    );
  }
  if (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE') {
    const why = messageOf(error).replace(/^Parse Error: /, '');
    if (isKnown) {
      return fault(
        `The Docker engine at ${name} sent a broken answer while ${doing}: ${why}`,
        'Check its log, and what is between here and there',
      );
    }
    return fault(
      `What listens at ${name} is no Docker engine: it does not speak HTTP (${why})`,
      hintFor(address, noEngine),
    );
  }
  return fault(
    `The Docker engine at ${name} closed the connection while ${doing}${brokenOff.has(code) ? '' : `: ${messageOf(error)}`}`,
    isKnown ? brokenHint : hintFor(address, brokenHint),
  );
}

/** The failure of something that is there and is no engine. */
export function notEngine(address: EngineAddress, why: string): OciError {
  const message = `What listens at ${formatEngineAddress(address)} is no Docker engine: ${why}`;
  return new OciError('NETWORK', message, { hint: hintFor(address, noEngine) });
}

const noEngine = 'Check DOCKER_HOST, or the context';
const brokenHint = 'Check that the engine still runs, and its log';

/** What else may be wrong before the first answer. */
function hintFor(address: EngineAddress, hint: string): string {
  if (address.kind === 'command') return `${hint}; what a login script of the host prints would be in the way`;
  if (address.kind === 'socket' || address.tls !== undefined) return hint;
  return `${hint}; an engine that speaks TLS needs DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH`;
}

/** What OpenSSL means. */
function tlsReason(message: string): readonly [why: string, hint: string] {
  if (/certificate.required|handshake.failure|bad.certificate/.test(message)) {
    return [
      'it wants a certificate of ours, and got none that it trusts',
      'Put cert.pem and key.pem, which its authority signed, into DOCKER_CERT_PATH, or into the context',
    ];
  }
  if (/wrong.version.number|packet.length|http.request|unknown.protocol/.test(message)) {
    return ['it does not speak TLS', 'Unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or correct DOCKER_HOST'];
  }
  const [, reason = message] = /routines:[^:]*:([^:]+)/.exec(message) ?? [];
  return [reason.trim(), 'Check the files in DOCKER_CERT_PATH, and the log of the engine'];
}

export function engineTimeout(address: EngineAddress, doing: string, milliseconds: number): OciError {
  return new OciError(
    'TIMEOUT',
    `The Docker engine at ${formatEngineAddress(address)} has not moved for ${Math.round(milliseconds / 1000)} seconds while ${doing}`,
    { hint: 'Check that the engine works: docker version' },
  );
}

/** An answer that tells of a failure, in the engine's own words. */
export function engineRefusal(status: number, text: string, address: EngineAddress, doing: string): OciError {
  const message = messageIn(text);
  const said = message === '' ? `status ${status}` : quoted(message);
  const who = `The Docker engine at ${formatEngineAddress(address)}`;
  if (status === 401 || status === 403) {
    return new OciError('DENIED', `${who} denied access while ${doing}: ${said}`, {
      hint: 'Whoever runs the engine decides what it lets others do',
    });
  }
  // Go's http server says this where it waits for TLS.
  if (status === 400 && message.includes('HTTP request to an HTTPS server')) {
    return new OciError('NETWORK', `${who} speaks TLS, and was asked without`, {
      hint: 'Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory of ca.pem, cert.pem and key.pem',
    });
  }
  if (status === 400 && /client version \S+ is too (?:old|new)/.test(message)) {
    return new OciError('UNSUPPORTED', `${who} does not speak this version of its API: ${said}`, {
      hint: 'Leave DOCKER_API_VERSION unset, so that both agree on one',
    });
  }
  return new OciError('RESPONSE', `${who} failed while ${doing}: ${said}`, { hint: 'Its log may say more' });
}

/** `{"message":"…"}`, or plain words of what stands in front of the engine. */
export function messageIn(text: string): string {
  try {
    const document = JSON.parse(text) as unknown;
    if (typeof document === 'object' && document !== null && 'message' in document)
      return typeof document.message === 'string' ? document.message.trim() : '';
  } catch {
    // Then it is taken as it is.
  }
  return text.trim();
}

const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY)|HOSTNAME_MISMATCH|ALTNAME/;

const brokenOff: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'HPE_INVALID_EOF_STATE']);

function codeOf(error: unknown): string {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = typeof first === 'object' && first !== null && 'code' in first ? first.code : undefined;
  return typeof code === 'string' ? code : '';
}
