import { join } from 'node:path';
import { configKeychain } from './config-keychain.ts';
import { readAuthFile } from './config-source.ts';
import { type NamedKeychain, firstKeychain, type Keychain } from './credential.ts';
import type { CredentialEnvironment } from './environment.ts';

/** Credentials from the files podman, buildah and skopeo keep. */
export function podmanKeychain(environment: CredentialEnvironment): Keychain {
  return firstKeychain(...podmanSources(environment).map(({ find }) => find));
}

/** The sources of {@link podmanKeychain}, in order. */
export function podmanSources(environment: CredentialEnvironment): readonly NamedKeychain[] {
  return podmanAuthFiles(environment).map((file) => ({
    name: file,
    find: configKeychain(() => readAuthFile(file), environment),
  }));
}

/** Those files in the order they are asked; `REGISTRY_AUTH_FILE` stands alone. */
export function podmanAuthFiles({ env, homedir }: CredentialEnvironment): readonly string[] {
  const named = env['REGISTRY_AUTH_FILE'];
  if (named !== undefined && named !== '') return [named];
  const runtime = env['XDG_RUNTIME_DIR'];
  const config = env['XDG_CONFIG_HOME'] || join(homedir, '.config');
  return [...(runtime === undefined || runtime === '' ? [] : [runtime]), config].map((directory) =>
    join(directory, 'containers', 'auth.json'),
  );
}
