import { parseRegistry, type RegistryName } from '../oci/reference.ts';

/**
 * The registry that a credential is for, also when it is written as Docker writes it: `https://index.docker.io/v1/`.
 *
 * @throws {OciError} `INVALID_REFERENCE`
 */
export function parseServerName(text: string): RegistryName {
  const bare = text.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  return parseRegistry(bare === '' ? 'docker.io' : bare);
}
