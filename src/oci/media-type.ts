/** Media types by their short names. OCI image-spec, media-types.md; Docker distribution manifest schema 2. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociRestrictedLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  ociRestrictedLayerGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ociRestrictedLayerZstd: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar',
  dockerForeignLayerGzip: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  octetStream: 'application/octet-stream',
} as const;

const indexes: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.dockerManifestList]);
const images: ReadonlySet<string> = new Set([mediaTypes.ociManifest, mediaTypes.dockerManifest]);
const schema1: ReadonlySet<string> = new Set([mediaTypes.dockerSchema1, mediaTypes.dockerSchema1Signed]);
const imageConfigs: ReadonlySet<string> = new Set([mediaTypes.ociConfig, mediaTypes.dockerConfig]);
const nonDistributable: ReadonlySet<string> = new Set([
  mediaTypes.ociRestrictedLayer,
  mediaTypes.ociRestrictedLayerGzip,
  mediaTypes.ociRestrictedLayerZstd,
  mediaTypes.dockerForeignLayer,
  mediaTypes.dockerForeignLayerGzip,
]);
const layers: ReadonlySet<string> = new Set([
  mediaTypes.ociLayer,
  mediaTypes.ociLayerGzip,
  mediaTypes.ociLayerZstd,
  mediaTypes.dockerLayer,
  mediaTypes.dockerLayerGzip,
  mediaTypes.dockerLayerZstd,
  ...nonDistributable,
]);

/** A list of manifests, one per platform or kind. */
export function isIndexType(mediaType: string): boolean {
  return indexes.has(mediaType);
}

/** A manifest with a config and layers: an image, or an artifact in the shape of one. */
export function isImageType(mediaType: string): boolean {
  return images.has(mediaType);
}

/** The abolished first Docker format, which is moved as bytes but not understood further than its layers. */
export function isSchema1Type(mediaType: string): boolean {
  return schema1.has(mediaType);
}

/** Content that lives at a registry's manifests endpoint; everything else is a blob. */
export function isManifestType(mediaType: string): boolean {
  return isIndexType(mediaType) || isImageType(mediaType) || isSchema1Type(mediaType);
}

export function isImageConfigType(mediaType: string): boolean {
  return imageConfigs.has(mediaType);
}

/** A filesystem layer, in whatever compression. */
export function isLayerType(mediaType: string): boolean {
  return layers.has(mediaType);
}

/** A layer that registries need not hold because its licence forbids passing it on; `urls` says where it is. */
export function isNonDistributableType(mediaType: string): boolean {
  return nonDistributable.has(mediaType);
}

/** The type itself of a `Content-Type` header: parameters dropped, lower case. RFC 9110 section 8.3.1. */
export function essenceOf(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}
