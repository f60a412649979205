import { mapLimited } from '../../async/map-limited.ts';
import { isOciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { ImageIndex } from '../../oci/manifest.ts';
import { isImageConfigType, isImageType, isIndexType } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { manifestOf } from '../read.ts';
import type { IndexEntryKind, IndexEntrySummary } from './summary.ts';
import { outlineOf, sumOf, totalSize } from './values.ts';

/** The entries of an index as it states them. */
export function entrySummaries({ manifests }: ImageIndex): readonly IndexEntrySummary[] {
  return manifests.map((entry) => {
    const { platform, annotations } = entry;
    const kind = kindOf(entry);
    const described = annotations?.[annotationKeys.dockerReference] ?? '';
    const describes = kind === 'attestation' && isDigest(described) ? described : undefined;
    return { kind, ...outlineOf(entry, entry), platform, describes };
  });
}

/** More manifests than this are not read for their sizes. */
const maxMeasured = 1000;

/** More blobs than this are not told apart. */
const maxBlobs = 1_000_000;

export interface MeasuredEntries {
  readonly entries: readonly IndexEntrySummary[];
  /** Bytes of the index and of all of them, each once; `undefined` when something is missing, or was not measured. */
  readonly size: number | undefined;
  readonly warnings: readonly string[];
}

/** Reads the manifests that an index lists, eight at a time, for the sizes of what they name. */
export async function measured(
  { store, root }: Artifact,
  index: ImageIndex,
  entries: readonly IndexEntrySummary[],
  { signal }: CallOptions,
): Promise<MeasuredEntries> {
  const images = new Map(index.manifests.filter(isImageEntry).map((entry) => [entry.digest, entry]));
  const wanted = Array.from(images.values()).slice(0, maxMeasured);
  const all = new Map<Digest, number>([[root.digest, root.size]]);
  const measure = async (entry: Descriptor, inner: AbortSignal): Promise<Size> => {
    const contents = await contentsOf({ store, root: entry }, { signal: inner });
    if (typeof contents === 'string') return contents === 'missing' ? contents : undefined;
    for (const { digest, size } of contents) if (all.size < maxBlobs) all.set(digest, size);
    return totalSize(contents);
  };
  const sizes = await mapLimited(wanted, 8, measure, signal);
  const known = new Map(wanted.map(({ digest }, i) => [digest, sizes[i]]));
  const isWhole = all.size < maxBlobs && index.manifests.every(({ digest }) => typeof known.get(digest) === 'number');
  return {
    entries: entries.map((entry) => withSize(entry, known.get(entry.digest))),
    size: isWhole ? sumOf(all.values()) : undefined,
    warnings:
      images.size > maxMeasured
        ? [`The index has ${images.size} manifests, of which ${maxMeasured} were measured`]
        : [],
  };
}

/** What is known of an entry when its manifest was read, or was not there. */
export function withSize(entry: IndexEntrySummary, size: Size): IndexEntrySummary {
  if (size === undefined) return entry;
  return size === 'missing' ? { ...entry, missing: true } : { ...entry, imageSize: size };
}

type Size = number | 'missing' | undefined;

/** BuildKit lists what it made for an image beside it, as an image for no platform, and names the image. */
function kindOf({ mediaType, artifactType = '', annotations }: Descriptor): IndexEntryKind {
  if (isIndexType(mediaType)) return 'index';
  if (!isImageType(mediaType)) return 'other';
  if (annotations?.[annotationKeys.dockerReference] !== undefined) return 'attestation';
  return artifactType === '' || isImageConfigType(artifactType) ? 'image' : 'artifact';
}

function isImageEntry({ mediaType }: Descriptor): boolean {
  return isImageType(mediaType);
}

async function contentsOf(
  artifact: Artifact,
  options: CallOptions,
): Promise<readonly Pick<Descriptor, 'digest' | 'size'>[] | 'missing' | 'unknown'> {
  try {
    const manifest = await manifestOf(artifact, options);
    if (manifest.kind !== 'image') return 'unknown';
    return [artifact.root, manifest.image.config, ...manifest.image.layers];
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return 'missing';
    throw error;
  }
}
