import { mediaTypes } from './media-type.ts';

/** Who defined the media types that a manifest, its config and its layers have: they go together. */
export type MediaTypeFamily = 'oci' | 'docker';

const oci = {
  index: mediaTypes.ociIndex,
  manifest: mediaTypes.ociManifest,
  config: mediaTypes.ociConfig,
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
  restrictedNone: mediaTypes.ociRestrictedLayer,
  restrictedGzip: mediaTypes.ociRestrictedLayerGzip,
  restrictedZstd: mediaTypes.ociRestrictedLayerZstd,
} as const;

type Role = keyof typeof oci;

const docker: Readonly<Partial<Record<Role, string>>> = {
  index: mediaTypes.dockerManifestList,
  manifest: mediaTypes.dockerManifest,
  config: mediaTypes.dockerConfig,
  none: mediaTypes.dockerLayer,
  gzip: mediaTypes.dockerLayerGzip,
  restrictedNone: mediaTypes.dockerForeignLayer,
  restrictedGzip: mediaTypes.dockerForeignLayerGzip,
};

const families = { oci, docker } as const;

const roles: ReadonlyMap<string, readonly [MediaTypeFamily, Role]> = new Map([
  ...rolesOf('oci'),
  ...rolesOf('docker'),
  // BuildKit writes it now and then; no specification of Docker's has it.
  [mediaTypes.dockerLayerZstd, ['docker', 'zstd']],
]);

/** The family a type of a manifest, config or layer belongs to; `undefined` for all others. */
export function familyOf(mediaType: string): MediaTypeFamily | undefined {
  return roles.get(mediaType)?.[0];
}

/**
 * The type that means the same in a family. Types of neither family are what they are.
 *
 * @returns `undefined` where the family has none: Docker defines no zstd
 */
export function inFamily(mediaType: string, family: MediaTypeFamily): string | undefined {
  const role = roles.get(mediaType)?.[1];
  return role === undefined ? mediaType : families[family][role];
}

/**
 * The type of a layer.
 *
 * @returns `undefined` where the family has none: Docker defines no zstd
 */
export function layerTypeIn(family: MediaTypeFamily, compression: 'none' | 'gzip' | 'zstd'): string | undefined {
  return families[family][compression];
}

function rolesOf(family: MediaTypeFamily): [string, [MediaTypeFamily, Role]][] {
  return Object.entries(families[family]).map(([role, mediaType]) => [mediaType, [family, role as Role]]);
}
