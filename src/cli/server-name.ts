import { dockerHub, parseRegistry, type RegistryName } from '../oci/reference.ts';
import { isDockerHub } from '../remote/auth/auth-entries.ts';

/**
 * The registry that a credential is for, also when it is written as Docker writes it: `https://index.docker.io/v1/`, or as
 * people write Docker Hub: `registry.docker.io`.
 *
 * @throws {OciError} `INVALID_REFERENCE`
 */
export function parseServerName(text: string): RegistryName {
  const bare = text.replace(/^https?:\/\//i, '').replace(/\/(?:v[12]\/?)?$/, '');
  return bare === '' || isDockerHub(bare) ? dockerHub : parseRegistry(bare);
}
