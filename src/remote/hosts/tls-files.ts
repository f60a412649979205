import { readFile } from 'node:fs/promises';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { fileFault } from '../../content/file-fault.ts';
import { isOciError, messageOf, OciError, quoted } from '../../errors.ts';
import type { TlsSettings } from '../transport/host-settings.ts';

/** Files in PEM, and what to call them in messages: the option they were named by. */
export interface TlsFiles {
  /** Certificate authorities to trust beside the others. */
  readonly caFile?: NamedFile | undefined;
  /** The client's own certificate, with those that lead from it to its authority. */
  readonly certFile?: NamedFile | undefined;
  readonly keyFile?: NamedFile | undefined;
}

export interface NamedFile {
  readonly path: string;
  /** What named it: `--ca-file`, a line of a settings file. */
  readonly from: string;
}

/**
 * Reads certificates and checks that they are some, and that key and certificate fit.
 *
 * @returns `undefined` when no file is named
 * @throws {OciError} `INVALID_SETTINGS` naming the option, the file and the reason
 */
export async function readTlsFiles({ caFile, certFile, keyFile }: TlsFiles): Promise<TlsSettings | undefined> {
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined && keyFile !== undefined) throw unusable(keyFile, 'there is no certificate for this key');
  if (certFile !== undefined && keyFile === undefined) throw unusable(certFile, 'there is no key for this certificate');
  const [ca, pair] = await Promise.all([
    caFile === undefined ? undefined : readAuthorities(caFile),
    certFile === undefined || keyFile === undefined ? undefined : readPair(certFile, keyFile),
  ]);
  return { ...(ca === undefined ? {} : { ca: [ca] }), ...pair };
}

/** Certificates to trust: PEM, one or more. */
export async function readAuthorities(file: NamedFile): Promise<string> {
  const text = await readNamed(file);
  await certificatesIn(text, file);
  return text;
}

/** @throws {OciError} `INVALID_SETTINGS` */
export async function readPair(
  certFile: NamedFile,
  keyFile: NamedFile,
): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = await Promise.all([readNamed(certFile), readNamed(keyFile)]);
  const [own] = await certificatesIn(cert, certFile);
  const privateKey = await parseKey(key, keyFile);
  if (own?.checkPrivateKey(privateKey) === false) {
    throw unusable(keyFile, `the key does not belong to the certificate in ${quoted(certFile.path)}`);
  }
  return { cert, key };
}

/** Certificates are a few KiB, bundles of all authorities some hundred. */
const maxPemSize = 8 * 1024 * 1024;

async function readNamed(file: NamedFile): Promise<string> {
  try {
    const bytes = await readFile(file.path);
    if (bytes.byteLength > maxPemSize) throw unusable(file, 'it is too large for certificates');
    return bytes.toString('utf8');
  } catch (cause) {
    const fault = fileFault(cause, 'read', file.path);
    if (!isOciError(fault, 'FILE_SYSTEM')) throw fault;
    throw new OciError('INVALID_SETTINGS', `${fault.message} (from ${file.from})`, { cause });
  }
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

async function certificatesIn(text: string, file: NamedFile): Promise<readonly X509Certificate[]> {
  const { X509Certificate } = await import('node:crypto');
  const blocks = text.match(certificatePattern) ?? [];
  if (blocks.length === 0) {
    const why = text.includes('PRIVATE KEY-----')
      ? 'it holds a private key and no certificate'
      : 'it holds no certificate in PEM form';
    throw unusable(
      file,
      why,
      'PEM starts with -----BEGIN CERTIFICATE-----; openssl x509 -inform der -in FILE makes it',
    );
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      const which = blocks.length === 1 ? 'the certificate' : `certificate ${index + 1} of ${blocks.length}`;
      throw unusable(file, `${which} in it is damaged`, undefined, cause);
    }
  });
}

async function parseKey(text: string, file: NamedFile): Promise<KeyObject> {
  const { createPrivateKey } = await import('node:crypto');
  try {
    return createPrivateKey(text);
  } catch (cause) {
    if (/ENCRYPTED/.test(text) || /passphrase/i.test(messageOf(cause))) {
      throw unusable(file, 'its key is encrypted', 'Decrypt it first, with: openssl pkey -in FILE -out KEY', cause);
    }
    throw unusable(file, 'it holds no private key in PEM form', undefined, cause);
  }
}

function unusable({ path, from }: NamedFile, why: string, hint?: string, cause?: unknown): OciError {
  return new OciError('INVALID_SETTINGS', `${quoted(path)} (from ${from}) cannot be used: ${why}`, { hint, cause });
}
