export type { Artifact } from './artifact.ts';
export { type AttachedBlob, AttachedSource } from './attached-source.ts';
export { type CacheEvent, type CachingOptions, cachingSource } from './caching.ts';
export {
  canDelete,
  canFetchConfig,
  canFetchManifest,
  canFetchRange,
  canIngest,
  canKeepReferrers,
  canListEntries,
  canListReferrers,
  canListTags,
  canListTargets,
  canMount,
  canPushEarly,
  canPushFrom,
  canPushTagged,
  type ConfigFetcher,
  type Deleter,
  type EarlyPusher,
  type EntryLister,
  type Ingester,
  type ListedTag,
  type ManifestFetcher,
  type Mounter,
  type RangeFetcher,
  type ReopenableContent,
  type ReferrerKeeper,
  type ReferrerLister,
  type ReferrerListOptions,
  type ResumingPusher,
  type TaggingPusher,
  type TagLister,
  type TagListOptions,
  type TargetLister,
} from './capabilities.ts';
export type { DescribedTag } from './described-tag.ts';
export { type IngestOptions, ingest } from './ingest.ts';
export { JoinedSource } from './joined-source.ts';
export { MemoryStore } from './memory.ts';
export { OverlayStore } from './overlay.ts';
export { type StagedContent, StagingStore, type StagingStoreOptions } from './staging.ts';
export type { ProgressEvent, ProgressOptions, SkipReason, TransferOptions } from './progress.ts';
export type { ContentSink, ContentSource, ContentStore } from './store.ts';
