import { parseRegistry } from '../../oci/reference.ts';
import { type AuthConfig, readAuthFile } from '../../remote/auth/config-source.ts';
import { dockerConfigFile } from '../../remote/auth/docker-config.ts';
import type { CredentialEnvironment } from '../../remote/auth/environment.ts';
import { podmanAuthFiles } from '../../remote/auth/podman-auth.ts';

/** The registries that the files of credentials name. What they say of them is not looked at, and no helper is called. */
export async function loggedInHosts(environment: CredentialEnvironment): Promise<readonly string[]> {
  const files = [dockerConfigFile(environment), ...podmanAuthFiles(environment)];
  const configs = await Promise.all(files.map((file) => readAuthFile(file).catch(() => undefined)));
  const keys = configs.filter((config) => config !== undefined).flatMap(keysOf);
  return Array.from(new Set(keys.flatMap(hostOf))).sort();
}

function keysOf({ auths, credHelpers }: AuthConfig): readonly string[] {
  return Array.from(auths.keys()).concat(Array.from(credHelpers.keys()));
}

/** Keys are hosts, with a path in podman's files, and addresses in old ones. Docker Hub is named by leaving it out. */
function hostOf(key: string): readonly string[] {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*/s, '');
  if (/(?:^|\.)docker\.io$/.test(host)) return [];
  try {
    return [parseRegistry(host)];
  } catch {
    return [];
  }
}
