import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { type ConfigDocument, configDocument } from '../../oci/document/config-document.ts';
import type { ImageIndex, ImageManifest } from '../../oci/manifest.ts';
import { isImageConfigType, isNonDistributableType, mediaTypes } from '../../oci/media-type.ts';
import type { Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { readConfig } from '../read.ts';
import { statedBase } from '../rebase/stated-base.ts';
import { checkPlatform } from '../validate/image.ts';
import { containerSummary } from './container-summary.ts';
import { historySummary, type HistorySummary } from './history-summary.ts';
import type { ArtifactDetails, BaseSummary, ImageDetails, LayerSummary, ManifestSummary } from './summary.ts';
import { outlineOf, sorted, timeOf, totalSize } from './values.ts';

/** A manifest in hand, and what is around it. */
export interface OpenImageManifest {
  readonly artifact: Artifact;
  readonly manifest: ImageManifest;
  /** The index that lists it. */
  readonly index?: ImageIndex | undefined;
}

/**
 * What an image manifest says, and, of an image, its config, which is read.
 *
 * @param warnings takes what is odd
 * @throws {OciError} `INVALID_CONFIG`, `NOT_FOUND`
 */
export async function detailsOf(
  open: OpenImageManifest,
  warnings: string[],
  options: CallOptions,
): Promise<ImageDetails | ArtifactDetails> {
  return isImage(open.manifest) ? imageDetails(open, warnings, options) : artifactDetails(open);
}

/** The annotations that say when something was made. OCI image-spec, annotations.md. */
export function statedTime(annotations: Readonly<Record<string, string>> | undefined): string | undefined {
  return timeOf(annotations?.['org.opencontainers.image.created']);
}

/** What every manifest says of itself. */
export function manifestSummary(root: Descriptor, manifest: ImageManifest | ImageIndex): ManifestSummary {
  return { ...outlineOf(root, manifest), subject: manifest.subject };
}

/** Signatures and attestations have an image's config, too, and layers that are no file systems. */
function isImage({ config, layers }: ImageManifest): boolean {
  if (!isImageConfigType(config.mediaType)) return false;
  return layers.length === 0 || layers.some(({ mediaType }) => isFileSystem(mediaType));
}

/** Also encrypted layers, and others that extend the types of OCI and Docker. */
function isFileSystem(mediaType: string): boolean {
  return mediaType.startsWith(mediaTypes.ociLayer.slice(0, -'.v1.tar'.length)) || mediaType.startsWith(dockerLayers);
}

const dockerLayers = 'application/vnd.docker.image.rootfs.';

async function imageDetails(
  { artifact: { store, root }, manifest, index }: OpenImageManifest,
  warnings: string[],
  options: CallOptions,
): Promise<ImageDetails> {
  const { config: target, layers } = manifest;
  const config = configDocument.parse(await readConfig(store, target, options), `Config ${target.digest}`);
  const history = historySummary(config.history ?? [], layers.length);
  const diffIds = diffIdsOf(config, layers.length, warnings);
  warnings.push(...history.warnings);
  const labels = sorted(config.config?.Labels);
  const platform = platformOf(config);
  if (platform !== undefined && root.platform !== undefined) {
    const faults = checkPlatform(platform, root.platform, root.digest);
    warnings.push(...faults.map(({ message }) => `Image ${root.digest}: ${message}`));
  }
  return {
    kind: 'image',
    ...manifestSummary(root, manifest),
    platform,
    created: timeOf(config.created),
    author: config.author === '' ? undefined : config.author,
    imageSize: totalSize([root, target, ...layers]),
    configDigest: target.digest,
    configSize: target.size,
    config: containerSummary(config),
    labels,
    layers: layerSummaries(layers, history, diffIds),
    history: history.steps,
    base: baseOf([manifest.annotations, root.annotations, index?.annotations], labels),
  };
}

function artifactDetails({ artifact: { root }, manifest }: OpenImageManifest): ArtifactDetails {
  const { config, layers, annotations } = manifest;
  return {
    kind: 'artifact',
    ...manifestSummary(root, manifest),
    created: statedTime(annotations),
    imageSize: totalSize([root, config, ...layers]),
    configDigest: config.digest,
    configSize: config.size,
    configMediaType: config.mediaType,
    layers: layerSummaries(layers),
  };
}

function diffIdsOf({ rootfs }: ConfigDocument, layers: number, warnings: string[]): readonly Digest[] {
  const diffIds = rootfs?.diff_ids ?? [];
  if (diffIds.length === layers) return diffIds;
  warnings.push(
    `The config does not agree with the layers: diff IDs: ${diffIds.length}, layers: ${layers}; engines will not run the image`,
  );
  return [];
}

function platformOf(config: ConfigDocument): Platform | undefined {
  const { os = '', architecture = '', variant = '' } = config;
  const [version = '', features = []] = [config['os.version'], config['os.features']];
  if (os === '' && architecture === '') return undefined;
  return {
    os,
    architecture,
    ...(variant === '' ? {} : { variant }),
    ...(version === '' ? {} : { 'os.version': version }),
    ...(features.length === 0 ? {} : { 'os.features': features }),
  };
}

function layerSummaries(
  layers: readonly Descriptor[],
  history?: HistorySummary,
  diffIds: readonly Digest[] = [],
): readonly LayerSummary[] {
  const steps = new Map(history?.steps.map((step) => [step.layer, step.step]));
  return layers.map((layer, i) => ({
    digest: layer.digest,
    size: layer.size,
    mediaType: layer.mediaType,
    uncompressedSize: uncompressedSize(layer),
    diffId: diffIds[i],
    step: steps.get(i),
    urls: isNonDistributableType(layer.mediaType) || (layer.urls ?? []).length > 0 ? layer.urls : undefined,
    annotations: sorted(layer.annotations),
  }));
}

const plainLayers: ReadonlySet<string> = new Set([
  mediaTypes.ociLayer,
  mediaTypes.ociRestrictedLayer,
  mediaTypes.dockerLayer,
  mediaTypes.dockerForeignLayer,
]);

/** Lazily pulled layers state it, as nobody can know it who has not read them. */
function uncompressedSize({ mediaType, size, annotations }: Descriptor): number | undefined {
  if (plainLayers.has(mediaType)) return size;
  const stated = annotations?.['io.containers.estargz.uncompressed-size'] ?? '';
  const value = /^\d{1,16}$/.test(stated) ? Number(stated) : undefined;
  return Number.isSafeInteger(value) ? value : undefined;
}

function baseOf(
  places: readonly (Readonly<Record<string, string>> | undefined)[],
  labels: Readonly<Record<string, string>>,
): BaseSummary | undefined {
  for (const [from, base] of [
    ['annotations', statedBase(places)],
    ['labels', statedBase([labels])],
  ] as const) {
    if (base.name !== undefined || base.digest !== undefined) return { ...base, from };
  }
  return undefined;
}
