export { annotationKeys } from './annotations.ts';
export type { ContentId, Descriptor } from './descriptor.ts';
export {
  type ConfigDocument,
  configDocument,
  type ContainerSettings,
  type HealthcheckDocument,
  type HistoryDocument,
  type NameSet,
  type RootfsDocument,
} from './document/config-document.ts';
export type { DocumentFormat } from './document/document.ts';
export {
  type DescriptorDocument,
  type ImageDocument,
  imageDocument,
  type IndexDocument,
  indexDocument,
  type PlatformDocument,
} from './document/manifest-document.ts';
export { type DocumentObject, type UnknownMember, unknownMembers } from './document/struct.ts';
export { algorithmOf, type Digest, type DigestAlgorithm, hexOf, isDigest, parseDigest } from './digest.ts';
export { type HistoryEntry, type ImageConfig, parseImageConfig } from './image-config.ts';
export { encodeJson, type EncodeJsonOptions, type JsonValue } from './json.ts';
export {
  childrenOf,
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  manifestTypeOf,
  parseManifest,
} from './manifest.ts';
export {
  essenceOf,
  isImageConfigType,
  isImageType,
  isIndexType,
  isLayerType,
  isManifestType,
  isNonDistributableType,
  isSchema1Type,
  mediaTypes,
} from './media-type.ts';
export { familyOf, inFamily, layerTypeIn, type MediaTypeFamily } from './media-type-family.ts';
export { defaultPlatform, formatPlatform, parsePlatform, type Platform, satisfiesPlatform } from './platform.ts';
export {
  dockerHub,
  formatReference,
  formatRepository,
  identifierOf,
  isTag,
  parseReference,
  parseRegistry,
  parseRepository,
  parseTag,
  type Reference,
  type RegistryName,
  type Repository,
  sameRepository,
} from './reference.ts';
export { isReferrersTag, type Referrer, referrerOf, referrersTag } from './referrer.ts';
