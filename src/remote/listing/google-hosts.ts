import type { RegistryName } from '../../oci/reference.ts';

/**
 * Whether a registry is one of Google's by its name: `gcr.io`, `*.gcr.io`, `*.pkg.dev`, `*.google.com`. crane-cli reference,
 * section 10.
 */
export function isGoogleHost(registry: RegistryName): boolean {
  return /^(?:(?:.+\.)?gcr\.io|.+\.pkg\.dev|.+\.google\.com)$/i.test(registry);
}
