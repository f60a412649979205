/** Annotation keys this library reads or writes. OCI image-spec, annotations.md. */
export const annotationKeys = {
  refName: 'org.opencontainers.image.ref.name',
  title: 'org.opencontainers.image.title',
  created: 'org.opencontainers.image.created',
  baseName: 'org.opencontainers.image.base.name',
  baseDigest: 'org.opencontainers.image.base.digest',
  /** On an entry of an index: the image that the entry is about, as BuildKit writes it for attestations. */
  dockerReference: 'vnd.docker.reference.digest',
} as const;
