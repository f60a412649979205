import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../content/file-fault.ts';
import { OciError, quoted } from '../../errors.ts';
import { dockerHub, type RegistryName } from '../../oci/reference.ts';
import type { TlsSettings } from '../transport/host-settings.ts';
import { readAuthorities, readPair } from './tls-files.ts';

/**
 * What Docker's and podman's `certs.d` hold for a registry: authorities in `*.crt`, the client's certificate and key in
 * `NAME.cert` and `NAME.key`. The first directory that is there counts. containers-certs.d(5).
 *
 * @param roots directories like `/etc/containers/certs.d`, the most important first
 * @returns `undefined` when there is nothing
 * @throws {OciError} `INVALID_SETTINGS` for a certificate without key or key without certificate, and for unusable files
 */
export async function certificatesOf(
  registry: RegistryName,
  roots: readonly string[],
): Promise<TlsSettings | undefined> {
  for (const root of roots) {
    for (const name of namesOf(registry)) {
      const directory = join(root, name);
      const files = await listing(directory);
      if (files !== undefined) return readDirectory(directory, files);
    }
  }
  return undefined;
}

/** A name that could lead out of the directory is none of a host; `parseRegistry` lets none through that has a slash. */
function namesOf(registry: RegistryName): readonly string[] {
  return registry === dockerHub ? ['docker.io', dockerHub, 'registry-1.docker.io'] : [registry];
}

/** `undefined` where there is nothing to be seen: system directories may be closed to ordinary users. */
async function listing(directory: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(directory)).toSorted();
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

async function readDirectory(directory: string, files: readonly string[]): Promise<TlsSettings | undefined> {
  const named = (name: string): { readonly path: string; readonly from: string } => ({
    path: join(directory, name),
    from: 'the directory of certificates',
  });
  const bases = (extension: string): readonly string[] =>
    files.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
  const [certs, keys] = [bases('.cert'), bases('.key')];
  for (const base of certs.filter((name) => !keys.includes(name))) {
    throw lonely(join(directory, `${base}.cert`), `${base}.key`, 'Certificates to trust have names that end in .crt');
  }
  for (const base of keys.filter((name) => !certs.includes(name))) {
    throw lonely(join(directory, `${base}.key`), `${base}.cert`);
  }
  const ca = await Promise.all(bases('.crt').map((base) => readAuthorities(named(`${base}.crt`))));
  const [first] = certs;
  const pair = first === undefined ? {} : await readPair(named(`${first}.cert`), named(`${first}.key`));
  return ca.length === 0 && first === undefined ? undefined : { ...(ca.length === 0 ? {} : { ca }), ...pair };
}

function lonely(path: string, missing: string, hint?: string): OciError {
  return new OciError('INVALID_SETTINGS', `${quoted(path)} cannot be used: there is no ${quoted(missing)} beside it`, {
    hint,
  });
}
