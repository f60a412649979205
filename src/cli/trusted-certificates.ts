import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileFault } from '../content/file-fault.ts';
import { isOciError, OciError } from '../errors.ts';

/**
 * Certificate authorities to trust, where the environment adds some: those of the runtime and what `SSL_CERT_FILE`,
 * `SSL_CERT_DIR` and `NODE_EXTRA_CA_CERTS` name. crane-cli reference, section 3.
 *
 * @returns PEM texts; `undefined` when the runtime's own are meant
 * @throws {OciError} `INVALID_SETTINGS` for a file that cannot be read
 */
export async function trustedCertificates(
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[] | undefined> {
  const { SSL_CERT_FILE: file = '', SSL_CERT_DIR: directories = '', NODE_EXTRA_CA_CERTS: extra = '' } = env;
  if (file === '' && directories === '') return undefined;
  const { rootCertificates } = await import('node:tls');
  const named = await Promise.all([
    ...(file === '' ? [] : [readNamed(file, 'SSL_CERT_FILE')]),
    ...(extra === '' ? [] : [readNamed(extra, 'NODE_EXTRA_CA_CERTS')]),
  ]);
  const folders = directories.split(delimiter).filter((path) => path !== '');
  const found = await Promise.all(folders.map(certificatesIn));
  return Array.from(new Set([...rootCertificates, ...named, ...found.flat()]));
}

async function readNamed(path: string, variable: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const fault = fileFault(cause, 'read', path);
    if (!isOciError(fault)) throw fault;
    throw new OciError('INVALID_SETTINGS', `${fault.message} (from ${variable})`, { cause });
  }
}

/** As with OpenSSL, a directory that is not there holds nothing, and so does what is no certificate in it. */
async function certificatesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8').catch(() => '')));
  return texts.filter((text) => text.includes('-----BEGIN CERTIFICATE-----'));
}
