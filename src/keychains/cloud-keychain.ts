import type { NamedKeychain, Keychain } from '../remote/auth/credential.ts';
import { type CloudName, cloudOf } from '../remote/auth/cloud-hosts.ts';
import type { RegistryName } from '../oci/reference.ts';
import { cachedKeychain, type Cloud } from './cached-keychain.ts';
import type { CloudEnvironment } from './cloud-environment.ts';

/**
 * Credentials of whichever cloud keeps a registry, told by the registry's name: Google, AWS, Azure, GitHub. What is needed for
 * a cloud is loaded when one of its registries is asked for; for all others there are none, and nothing is asked.
 *
 * @throws {OciError} `CREDENTIALS` when something failed; where only nothing is installed or logged in, `onMissing` is told
 */
export function cloudKeychain(environment: CloudEnvironment): Keychain {
  const keychains = new Map<CloudName, Promise<Keychain>>();
  return async (scope, options) => {
    const name = cloudOf(scope.registry);
    if (name === undefined) return undefined;
    const keychain =
      keychains.get(name) ?? clouds[name](environment).then((cloud) => cachedKeychain(cloud, environment));
    keychains.set(name, keychain);
    return (await keychain)(scope, options);
  };
}

/** The sources that {@link cloudKeychain} asks for a registry, in order; what they answer is not kept. */
export async function cloudSources(
  registry: RegistryName,
  environment: CloudEnvironment,
): Promise<readonly NamedKeychain[]> {
  const name = cloudOf(registry);
  return name === undefined ? [] : (await clouds[name](environment)).sources;
}

const clouds: Readonly<Record<CloudName, (environment: CloudEnvironment) => Promise<Cloud>>> = {
  google: async (environment) => (await import('./google.ts')).googleCloud(environment),
  ecr: async (environment) => (await import('./ecr.ts')).ecrCloud('ecr', environment),
  'ecr-public': async (environment) => (await import('./ecr.ts')).ecrCloud('ecr-public', environment),
  acr: async (environment) => (await import('./acr.ts')).acrCloud(environment),
  ghcr: async (environment) => (await import('./ghcr.ts')).ghcrCloud(environment),
};
