export { copyGraph } from './copy.ts';
export { CopyError } from './copy-error.ts';
export type { ChildFilter, CopyOptions, CopySummary, ReferrerCopyOptions } from './copy-options.ts';
export { CopyPlan, type PlannedManifest, type PlannedTag } from './copy-plan.ts';
export { DigestTags } from './digest-tags.ts';
export { deleteManifest, type DeleteManifestOptions } from './deletion/delete-manifest.ts';
export { deleteTagOnly, type TagDeletion } from './deletion/delete-tag-only.ts';
export {
  type DeletionPlan,
  type DeletionPlanOptions,
  DeletionPlanner,
  type ListingIndex,
  planDeletion,
} from './deletion/plan-deletion.ts';
export { surveyTags, type TagSurvey, type TagSurveyOptions } from './tags/survey-tags.ts';
export {
  exportFilesystem,
  type ExportFilesystemOptions,
  flattenedTar,
  type FlattenedTarOptions,
  type MergeLayersOptions,
} from './filesystem/export.ts';
export { flatten, type FlattenOptions } from './flatten.ts';
export { GraphCopy, type GraphCopyOptions } from './graph-copy.ts';
export { emptyImage, emptyIndex, type EmptyOptions } from './empty.ts';
export { inspectImage, type InspectOptions } from './inspect/inspect-image.ts';
export { readableStep } from './inspect/readable-step.ts';
export type { TagSearch } from './inspect/same-tags.ts';
export type {
  ArtifactDetails,
  BaseSummary,
  ContainerSummary,
  HealthcheckSummary,
  HistoryStepSummary,
  ImageDetails,
  ImageSummary,
  IndexDetails,
  IndexEntryKind,
  IndexEntrySummary,
  LayerSummary,
  ManifestSummary,
  ReferrerSummary,
  TagsSummary,
} from './inspect/summary.ts';
export { convertMediaTypes, type ConvertOptions } from './layers/convert-media-types.ts';
export { type FileMapping, parseFileMapping } from './layers/file-mapping.ts';
export type { AttributeChoice } from './layers/extended-attributes.ts';
export { type LayerBase, layerBaseOf } from './layers/layer-base.ts';
export { type FileLayerOptions, type FileWarning, layerFromFiles, type ModeChange } from './layers/layer-from-files.ts';
export { layerFromTar, type TarLayerOptions } from './layers/layer-from-tar.ts';
export type { NewLayer } from './layers/new-layer.ts';
export { windowsLayerTar } from './layers/windows-layer.ts';
export { recompress, type RecompressOptions } from './layers/recompress.ts';
export type { RewriteOptions, RewrittenArtifact } from './layers/rewrite-images.ts';
export { childrenForPlatforms, trimToPlatforms, type TrimmedArtifact } from './platforms.ts';
export { randomImage, type RandomImageOptions, randomIndex, type RandomIndexOptions } from './random.ts';
export { configOf, imageManifestOf, layersOf, manifestOf, openContent, rawConfigOf, rawManifestOf } from './read.ts';
export { type BaseNow, checkBase, type CheckBaseOptions, type CheckedBase } from './rebase/check-base.ts';
export {
  type FindBases,
  rebase,
  type RebaseBases,
  type RebasedArtifact,
  type RebasedImage,
  type RebaseOptions,
} from './rebase/rebase.ts';
export type { StatedBase } from './rebase/stated-base.ts';
export { imageForPlatform, openArtifact } from './resolve.ts';
export { type Problem, validate, type ValidateOptions, validationReport, type ValidationReport } from './validate.ts';
export {
  appendLayers,
  type AppendLayersOptions,
  appendToImages,
  type AppendToImagesOptions,
  type LayerAddition,
  type LayersForImage,
} from './edit/append-layers.ts';
export { appendToIndex, type AppendToIndexOptions, type IndexAddition } from './edit/append-to-index.ts';
export type { EditOptions } from './edit/documents.ts';
export { filterIndex, type FilterIndexOptions } from './edit/filter-index.ts';
export type {
  ConfigEdit,
  EnvironmentEdit,
  HealthcheckEdit,
  HistoryStep,
  ImageEdit,
  MapEdit,
  SetEdit,
} from './edit/image-edit.ts';
export type { EntryEdit } from './edit/index-entry.ts';
export { removeFromIndex, type RemoveFromIndexOptions } from './edit/remove-from-index.ts';
export { mutateImage } from './edit/mutate-image.ts';
export { type IndexEdit, mutateIndex, type MutateIndexOptions } from './edit/mutate-index.ts';
export { replaceConfig } from './edit/replace-config.ts';
export { replaceImage } from './edit/replace-image.ts';
export { replaceManifest, type ReplaceManifestOptions } from './edit/replace-manifest.ts';
export { type FilePlace, findFile, type FindFileOptions } from './edit-file/find-file.ts';
export type { FileEntry } from './edit-file/layer-search.ts';
export { removeFile, type RemoveFileOptions, setFile, type SetFileOptions } from './edit-file/set-file.ts';
export { describeTags, type DescribeTagsOptions } from './tags/describe-tags.ts';
export { sortTags, type SortTagsOptions, type TagOrder } from './tags/sort-tags.ts';
export { type TagVersion, versionOrder, type VersionOrder } from './tags/version-order.ts';
