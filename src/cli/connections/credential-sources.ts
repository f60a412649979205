import { delimiter } from 'node:path';
import type { CloudEnvironment } from '../../keychains/cloud-environment.ts';
import type { RegistryName } from '../../oci/reference.ts';
import { cloudOf } from '../../remote/auth/cloud-hosts.ts';
import { type Keychain, type NamedKeychain, sourcesKeychain } from '../../remote/auth/credential.ts';
import { defaultSources } from '../../remote/auth/docker-config.ts';
import type { CredentialEnvironment } from '../../remote/auth/environment.ts';

/** Where credentials are found, unless the command line or a settings file has them. */
export interface CredentialPlaces {
  /** Files and credential helpers. */
  readonly stored: CredentialEnvironment;
  /** Packages and programs of clouds. */
  readonly clouds: CloudEnvironment;
  /** For which registries the cloud is asked first. @default none */
  readonly cloudFirst?: ((registry: RegistryName) => boolean) | undefined;
}

/** Credentials of people first, then those of the cloud that keeps a registry. */
export function placesKeychain({ stored, clouds, cloudFirst = () => false }: CredentialPlaces): Keychain {
  const inCloud = cloudsOnDemand(clouds);
  const askedWhen = (isFirst: boolean): NamedKeychain => ({
    name: 'the cloud of the registry',
    find: async (scope, options) => (cloudFirst(scope.registry) === isFirst ? inCloud(scope, options) : undefined),
  });
  return sourcesKeychain([askedWhen(true), ...localSources(stored), askedWhen(false)], stored.onWarning);
}

/** What {@link placesKeychain} asks for a registry, one by one. */
export async function sourcesFor(
  registry: RegistryName,
  { stored, clouds, cloudFirst }: CredentialPlaces,
): Promise<readonly NamedKeychain[]> {
  const local = localSources(stored);
  if (cloudOf(registry) === undefined) return local;
  const { cloudSources } = await import('../../keychains/cloud-keychain.ts');
  const inCloud = await cloudSources(registry, clouds);
  return cloudFirst?.(registry) === true ? [...inCloud, ...local] : [...local, ...inCloud];
}

function localSources(environment: CredentialEnvironment): readonly NamedKeychain[] {
  return [...pullSecrets(environment), ...defaultSources(environment)];
}

/** Loads what knows of clouds when a registry of one of them wants credentials that nobody stored. */
function cloudsOnDemand(environment: CloudEnvironment): Keychain {
  let keychain: Promise<Keychain> | undefined;
  const load = async (): Promise<Keychain> =>
    (await import('../../keychains/cloud-keychain.ts')).cloudKeychain(environment);
  return async (scope, options) => {
    if (cloudOf(scope.registry) === undefined) return undefined;
    keychain ??= load();
    return (await keychain)(scope, options);
  };
}

/** Kubernetes does not say where it mounts secrets, so the user does. */
function pullSecrets({ env, onWarning }: CredentialEnvironment): readonly NamedKeychain[] {
  const paths = (env['CRANE_OCI_PULL_SECRETS'] ?? '').split(delimiter).filter((path) => path !== '');
  if (paths.length === 0) return [];
  let keychain: Promise<Keychain> | undefined;
  const load = async (): Promise<Keychain> =>
    (await import('../../keychains/pull-secrets.ts')).pullSecretsKeychain(paths, { onWarning });
  return [
    {
      name: `pull secrets in ${paths.join(delimiter)}`,
      async find(scope, options) {
        keychain ??= load();
        return (await keychain)(scope, options);
      },
    },
  ];
}
