import type { RegistryName } from '../../oci/reference.ts';
import { isGoogleHost } from '../listing/google-hosts.ts';

/** Whose registry a host is, as far as there is a keychain of its own for it. */
export type CloudName = 'google' | 'ecr' | 'ecr-public' | 'acr' | 'ghcr';

/** A private registry of AWS, as its name describes it. */
export interface EcrHost {
  readonly account: string;
  readonly region: string;
  readonly fips: boolean;
  readonly dualStack: boolean;
}

/**
 * Tells by its name alone which cloud keeps a registry; `undefined` for all others, and for names with a port, which are
 * somebody's own. Crane-library reference, section 5.5.
 */
export function cloudOf(registry: RegistryName): CloudName | undefined {
  if (registry === 'ghcr.io') return 'ghcr';
  if (registry === 'public.ecr.aws') return 'ecr-public';
  if (isGoogleHost(registry)) return 'google';
  if (/^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.azurecr\.(?:io|cn|us|de)$/.test(registry)) return 'acr';
  return ecrHostOf(registry) === undefined ? undefined : 'ecr';
}

/** `undefined` for what is no private registry of AWS, in any of its partitions. */
export function ecrHostOf(registry: RegistryName): EcrHost | undefined {
  const found = ecrName.exec(registry);
  if (found === null) return undefined;
  const [, account = '', fips, region = '', domain = ''] = found;
  return { account, region, fips: fips !== undefined, dualStack: domain.startsWith('on.') };
}

const ecrName =
  /^(\d{12})\.dkr[.-]ecr(-fips)?\.([a-z0-9][a-z0-9-]*)\.(amazonaws\.(?:com|com\.cn|eu)|on\.(?:aws|amazonwebservices\.com\.cn|amazonwebservices\.eu)|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/;
