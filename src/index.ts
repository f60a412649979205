// The everyday surface. The subpaths (crane-oci/oci, /content, /store, /remote, /layout, /archive, /daemon, /ops, /server) have the rest.

export { openArchive } from './archive/open-archive.ts';
export { writeDockerArchive } from './archive/docker-archive-writer.ts';
export { writeOciArchive } from './archive/oci-archive-writer.ts';
export { type ErrorCode, isOciError, OciError } from './errors.ts';
export { createLayout, type LayoutStore, openLayout, openOrCreateLayout } from './layout/layout-store.ts';
export type { ContentId, Descriptor } from './oci/descriptor.ts';
export { type Digest, parseDigest } from './oci/digest.ts';
export { type Platform, parsePlatform } from './oci/platform.ts';
export {
  formatReference,
  identifierOf,
  parseReference,
  parseRepository,
  type Reference,
  type Repository,
} from './oci/reference.ts';
export { copyGraph } from './ops/copy.ts';
export type { CopyOptions, CopySummary } from './ops/copy-options.ts';
export { inspectImage, type InspectOptions } from './ops/inspect/inspect-image.ts';
export type { ImageSummary } from './ops/inspect/summary.ts';
export { configOf, layersOf, manifestOf } from './ops/read.ts';
export { imageForPlatform, openArtifact } from './ops/resolve.ts';
export { validate } from './ops/validate.ts';
export type { CallOptions } from './options.ts';
export { defaultKeychain } from './remote/auth/docker-config.ts';
export { catalog } from './remote/catalog.ts';
export { remote, type RemoteStore } from './remote/remote-store.ts';
export { createTransport, type Transport } from './remote/transport/transport.ts';
export type { TransportOptions } from './remote/transport/transport-options.ts';
export { diskStorage } from './server/disk/disk-storage.ts';
export { registryHandler } from './server/handler.ts';
export { listen } from './server/listen.ts';
export { memoryStorage } from './server/memory-storage.ts';
export type { Artifact } from './store/artifact.ts';
export { MemoryStore } from './store/memory.ts';
export type { ProgressEvent } from './store/progress.ts';
export type { ContentSink, ContentSource, ContentStore } from './store/store.ts';
