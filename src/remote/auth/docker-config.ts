import { join } from 'node:path';
import { isOciError } from '../../errors.ts';
import { configKeychain } from './config-keychain.ts';
import { parseAuthConfig, readAuthFile } from './config-source.ts';
import { type NamedKeychain, type Keychain, sourcesKeychain } from './credential.ts';
import type { CredentialEnvironment } from './environment.ts';
import { podmanSources } from './podman-auth.ts';

/**
 * Credentials from where Docker, podman and crane keep them. One order for all sources, the first that has credentials wins:
 * `DOCKER_AUTH_CONFIG`; Docker's config.json (`DOCKER_CONFIG` or `~/.docker`); `REGISTRY_AUTH_FILE`, or else podman's
 * auth.json below `XDG_RUNTIME_DIR` and below `XDG_CONFIG_HOME` or `~/.config`. Within a source the key with the longest
 * matching path wins; for one key a helper of its own, then the common helper, then the entry itself.
 *
 * Files are read when first needed, once, and so is each helper asked. A source whose helper fails does not hide those after it.
 *
 * @throws {OciError} `CREDENTIALS` when a helper failed and no source has credentials; `INVALID_SETTINGS` for a malformed file
 */
export function defaultKeychain(environment: CredentialEnvironment): Keychain {
  return sourcesKeychain(defaultSources(environment), environment.onWarning);
}

/** The sources of {@link defaultKeychain}, in order. */
export function defaultSources(environment: CredentialEnvironment): readonly NamedKeychain[] {
  return [
    { name: 'DOCKER_AUTH_CONFIG', find: variableKeychain(environment) },
    { name: dockerConfigFile(environment), find: dockerKeychain(environment) },
    ...podmanSources(environment),
  ];
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
  return configKeychain(async () => {
    try {
      return parseAuthConfig(Buffer.from(text), 'DOCKER_AUTH_CONFIG');
    } catch (error) {
      if (!isOciError(error, 'INVALID_SETTINGS')) throw error;
      // As crane does: it may have been set for other programs, a whole build long.
      environment.onWarning?.(`${error.message}; it is ignored`);
      return undefined;
    }
  }, environment);
}
