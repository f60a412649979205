import type { NamedFile, TlsFiles } from '../../remote/hosts/tls-files.ts';

/** Paths of PEM files, empty for none. */
export interface TlsPaths {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** @param prefix in front of `ca-file` and so on: `--`, `--source-`. */
export function tlsFilesOf({ caFile, certFile, keyFile }: TlsPaths, prefix: string): TlsFiles {
  return {
    caFile: named(caFile, `${prefix}ca-file`),
    certFile: named(certFile, `${prefix}cert-file`),
    keyFile: named(keyFile, `${prefix}key-file`),
  };
}

function named(path: string, from: string): NamedFile | undefined {
  return path === '' ? undefined : { path, from };
}
