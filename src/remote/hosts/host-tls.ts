import type { RegistryName } from '../../oci/reference.ts';
import type { TlsSettings } from '../transport/host-settings.ts';
import { certificatesOf } from './certs-directory.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';

/**
 * Reads the certificates for a host. Authorities add up; of the client's own certificates the first counts: those in `files`
 * in their order, then what a `certs.d` has.
 *
 * @throws {OciError} `INVALID_SETTINGS`
 */
export async function readHostTls(
  registry: RegistryName,
  files: readonly TlsFiles[],
  certsDirectories: readonly string[],
): Promise<TlsSettings | undefined> {
  const all = await Promise.all([...files.map(readTlsFiles), certificatesOf(registry, certsDirectories)]);
  const found = all.filter((settings) => settings !== undefined);
  const ca = found.flatMap((settings) => settings.ca ?? []);
  const { cert, key } = found.find((settings) => settings.cert !== undefined) ?? {};
  return found.length === 0 ? undefined : { ca: ca.length === 0 ? undefined : ca, cert, key };
}
