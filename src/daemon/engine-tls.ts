import { messageOf, OciError } from '../errors.ts';
import { type EngineTls, formatEngineAddress, type TcpAddress } from './engine-address.ts';

/** Finds out which part of the material cannot be used. @throws {OciError} `INVALID_SETTINGS` */
export async function checkTls({ ca, cert, key }: EngineTls, address: TcpAddress): Promise<void> {
  const [{ createSecureContext }, { X509Certificate }] = await Promise.all([import('node:tls'), import('node:crypto')]);
  const attempt = (what: string, use: () => unknown): void => {
    try {
      use();
    } catch (cause) {
      throw unusable(what, reasonOf(cause), address, cause);
    }
  };
  if (ca !== undefined) attempt('the authority in ca.pem', () => new X509Certificate(ca));
  if (cert !== undefined) attempt('the certificate in cert.pem', () => createSecureContext({ cert }));
  if (key !== undefined) attempt('the key in key.pem', () => createSecureContext({ key }));
  if (cert !== undefined && key === undefined)
    throw unusable('the certificate in cert.pem', 'its key.pem is missing', address);
  if (key !== undefined && cert === undefined) throw unusable('the key in key.pem', 'its cert.pem is missing', address);
  if (cert !== undefined) attempt('the key in key.pem', () => createSecureContext({ cert, key }));
}

function unusable(what: string, why: string, address: TcpAddress, cause?: unknown): OciError {
  return new OciError(
    'INVALID_SETTINGS',
    `For the Docker engine at ${formatEngineAddress(address)} ${what} cannot be used: ${why}`,
    {
      cause,
      hint: 'The files are in DOCKER_CERT_PATH, in ~/.docker, or belong to the context; docker takes the same',
    },
  );
}

/** Nothing of a key is repeated: OpenSSL names rules, not content. */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  if (message.includes('key values mismatch')) return 'it is not that of the certificate in cert.pem';
  if (/bad decrypt|bad password|interrupted or cancelled/.test(message)) return 'it is protected by a passphrase';
  return 'it is not in PEM form';
}
