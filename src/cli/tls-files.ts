import { readFile } from 'node:fs/promises';
import { fileFault } from '../content/file-fault.ts';
import { isOciError, OciError } from '../errors.ts';
import type { TlsSettings } from '../remote/transport/host-settings.ts';

/** Paths of PEM files, empty for none, and the flags they come from, for messages. */
export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** In front of `ca-file` and so on: `--`, `--source-`. */
  readonly flags: string;
}

/** Reads the files when TLS is first needed, once. `undefined` when none is named. */
export function tlsFrom({ caFile, certFile, keyFile, flags }: TlsFiles): (() => Promise<TlsSettings>) | undefined {
  if (caFile === '' && certFile === '' && keyFile === '') return undefined;
  let settings: Promise<TlsSettings> | undefined;
  const read = async (): Promise<TlsSettings> => {
    const [ca, cert, key] = await Promise.all([
      readPem(caFile, `${flags}ca-file`),
      readPem(certFile, `${flags}cert-file`),
      readPem(keyFile, `${flags}key-file`),
    ]);
    return { ca: ca === undefined ? undefined : [ca], cert, key };
  };
  return async () => (settings ??= read());
}

/** @throws {OciError} `INVALID_SETTINGS` */
async function readPem(path: string, flag: string): Promise<string | undefined> {
  if (path === '') return undefined;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const fault = fileFault(cause, 'read', path);
    if (!isOciError(fault)) throw fault;
    throw new OciError('INVALID_SETTINGS', `${fault.message} (from ${flag})`, { cause });
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new OciError('INVALID_SETTINGS', `${JSON.stringify(path)}, named by ${flag}, has nothing in PEM format`, {
    hint: 'openssl x509 -inform der -in FILE writes a certificate in PEM format',
  });
}
