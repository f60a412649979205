import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type NamedFile, readAuthorities } from '../../remote/hosts/tls-files.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Certificate authorities to trust, where somebody adds some: those of the runtime, of `SSL_CERT_FILE`, `SSL_CERT_DIR` and
 * `NODE_EXTRA_CA_CERTS`, and of a file that a flag named. crane-cli reference, section 3.
 *
 * @returns PEM texts; `undefined` when the runtime's own are meant
 * @throws {OciError} `INVALID_SETTINGS` for a file that cannot be read, or that holds no certificates
 */
export async function trustedCertificates(env: Variables, given?: NamedFile): Promise<readonly string[] | undefined> {
  const { SSL_CERT_FILE: file = '', SSL_CERT_DIR: directories = '' } = env;
  if (file === '' && directories === '' && given === undefined) return undefined;
  const { rootCertificates } = await import('node:tls');
  const named = await Promise.all([
    ...(given === undefined ? [] : [readAuthorities(given)]),
    ...(file === '' ? [] : [readAuthorities({ path: file, from: 'SSL_CERT_FILE' })]),
  ]);
  const folders = directories.split(delimiter).filter((path) => path !== '');
  const found = await Promise.all(folders.map(certificatesIn));
  return Array.from(new Set([...rootCertificates, ...named, ...(await extraCertificates(env)), ...found.flat()]));
}

/**
 * More to trust, read when a certificate is not trusted without it: what the operating system trusts, as programs written in
 * Go do, and what `NODE_EXTRA_CA_CERTS` names, which Node forgets as soon as it is given other authorities.
 */
export async function systemCertificates(env: Variables, platform: string): Promise<readonly string[]> {
  const [system, extra] = await Promise.all([
    platform === 'darwin' || platform === 'win32' ? storeOfRuntime() : firstBundle(),
    extraCertificates(env),
  ]);
  return [...system, ...extra];
}

/** Where Linux distributions, BSDs and Alpine keep the bundle of all authorities. */
const bundles: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

async function firstBundle(): Promise<readonly string[]> {
  for (const path of bundles) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (isPem(text)) return [text];
  }
  return storeOfRuntime();
}

/** Node 22.15 and later. */
async function storeOfRuntime(): Promise<readonly string[]> {
  const tls: object = await import('node:tls');
  const { getCACertificates } = tls as { getCACertificates?: (type: 'system') => readonly string[] };
  return getCACertificates?.('system') ?? [];
}

/** Node itself only warns when it cannot be read. */
async function extraCertificates({ NODE_EXTRA_CA_CERTS: path = '' }: Variables): Promise<readonly string[]> {
  const text = path === '' ? '' : await readFile(path, 'utf8').catch(() => '');
  return isPem(text) ? [text] : [];
}

/** As with OpenSSL, a directory that is not there holds nothing, and so does what is no certificate in it. */
async function certificatesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8').catch(() => '')));
  return texts.filter(isPem);
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN CERTIFICATE-----');
}
