import { join } from 'node:path';
import { configKeychain } from './config-keychain.ts';
import { parseAuthConfig, readAuthFile } from './config-source.ts';
import { firstKeychain, type Keychain } from './credential.ts';
import type { CredentialEnvironment } from './environment.ts';
import { podmanKeychain } from './podman-auth.ts';

/**
 * Credentials from where Docker, podman and crane keep them. One order for all sources, the first that has credentials wins:
 * `DOCKER_AUTH_CONFIG`; Docker's config.json (`DOCKER_CONFIG` or `~/.docker`); `REGISTRY_AUTH_FILE`, or else podman's
 * auth.json below `XDG_RUNTIME_DIR` and below `XDG_CONFIG_HOME` or `~/.config`. Within a source the key with the longest
 * matching path wins; for one key a helper of its own, then the common helper, then the entry itself.
 *
 * Files are read when first needed, once.
 */
export function defaultKeychain(environment: CredentialEnvironment): Keychain {
  return firstKeychain(variableKeychain(environment), dockerKeychain(environment), podmanKeychain(environment));
}

/** Credentials from Docker's config.json and the helpers it names. */
export function dockerKeychain(environment: CredentialEnvironment): Keychain {
  return configKeychain(() => readAuthFile(dockerConfigFile(environment)), environment);
}

/** Where Docker's config.json is. */
export function dockerConfigFile({ env, homedir }: CredentialEnvironment): string {
  return join(env['DOCKER_CONFIG'] || join(homedir, '.docker'), 'config.json');
}

/**
 * The `HttpHeaders` of Docker's config.json, which go with every request.
 *
 * @throws {OciError} `INVALID_SETTINGS`
 */
export async function configuredHeaders(environment: CredentialEnvironment): Promise<Readonly<Record<string, string>>> {
  return (await readAuthFile(dockerConfigFile(environment)))?.httpHeaders ?? {};
}

function variableKeychain(environment: CredentialEnvironment): Keychain {
  const text = environment.env['DOCKER_AUTH_CONFIG'];
  if (text === undefined || text.trim() === '') return async () => undefined;
  return configKeychain(async () => parseAuthConfig(Buffer.from(text), 'DOCKER_AUTH_CONFIG'), environment);
}
