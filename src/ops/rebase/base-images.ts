import { OciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ConfigDocument } from '../../oci/document/config-document.ts';
import { isImageType, isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { manifestOf } from '../read.ts';
import { platformOf } from '../resolve.ts';

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;

/** The images of a base: the one that it is, or those of an index, also in indexes within. */
export async function imagesIn(artifact: Artifact, options: CallOptions): Promise<readonly Descriptor[]> {
  const { root } = artifact;
  if (!isIndexType(root.mediaType)) return [root];
  const found: Descriptor[] = [];
  await collectImages(artifact, { found, seen: new Set(), depth: 0 }, options);
  return found;
}

interface Search {
  readonly found: Descriptor[];
  /** Indexes that were read: one may be listed many times, over and over in the indexes below. */
  readonly seen: Set<Digest>;
  readonly depth: number;
}

async function collectImages({ store, root }: Artifact, search: Search, options: CallOptions): Promise<void> {
  const { found, seen, depth } = search;
  if (depth > maxDepth) {
    throw new OciError('LIMIT_EXCEEDED', `Index ${root.digest} is nested more than ${maxDepth} levels deep`);
  }
  if (seen.has(root.digest)) return;
  seen.add(root.digest);
  const manifest = await manifestOf({ store, root }, options);
  for (const entry of manifest.kind === 'index' ? manifest.index.manifests : []) {
    if (isIndexType(entry.mediaType)) {
      await collectImages({ store, root: entry }, { ...search, depth: depth + 1 }, options);
    } else if (isImageType(entry.mediaType) && !isAttestation(entry)) found.push(entry);
  }
}

/** Those of an index that are for a platform, the best first; entries without a platform count as linux/amd64. */
export function fitting(images: readonly Descriptor[], wanted: Platform): readonly Descriptor[] {
  return images
    .map((image) => ({ image, distance: distanceOf(platformOf(image), wanted) }))
    .filter(({ distance }) => distance !== undefined)
    .toSorted((a, b) => (a.distance ?? 0) - (b.distance ?? 0))
    .map(({ image }) => image);
}

/**
 * How far a platform is from the wanted one; `undefined` when files of one do not run on the other. System and architecture
 * have to be equal. A variant, and a version of Windows, may be left unsaid; versions of one build differ in updates only.
 */
export function distanceOf(actual: Platform, wanted: Platform): number | undefined {
  if (wanted.os === '' || actual.os !== wanted.os || actual.architecture !== wanted.architecture) return undefined;
  const [variant, version] = [
    [variantOf(actual), variantOf(wanted)],
    [actual['os.version'] ?? '', wanted['os.version'] ?? ''],
  ] as const;
  if (contradict(variant) || contradict([buildOf(version[0]), buildOf(version[1])])) return undefined;
  return (variant[0] === variant[1] ? 0 : 2) + (version[0] === version[1] ? 0 : 1);
}

/** The platform that a config states; `undefined` where it states none. */
export function platformIn(config: ConfigDocument): Platform | undefined {
  const { os = '', architecture = '', variant } = config;
  if (os === '' || architecture === '') return undefined;
  return { os, architecture, variant, 'os.version': config['os.version'] };
}

/** The failure to find an image of a base. */
export function noBaseFor(
  which: 'old' | 'new',
  wanted: Platform,
  base: Artifact,
  images: readonly Descriptor[],
): OciError {
  const choices = new Set(images.map((image) => formatPlatform(platformOf(image))).filter((text) => text !== ''));
  const name = formatPlatform(wanted);
  return new OciError(
    'NO_MATCHING_PLATFORM',
    `The ${which} base ${base.root.digest} has no image for platform ${name}`,
    {
      hint: `${choices.size === 0 ? 'It has no images at all' : `Available platforms: ${Array.from(choices).join(', ')}`}. Name the platforms to rebase with --platform; others stay as they are`,
    },
  );
}

/** Made for an image and listed with it, as BuildKit does: no image itself. */
function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.[annotationKeys.dockerReference] !== undefined;
}

function contradict([a, b]: readonly [string, string]): boolean {
  return a !== '' && b !== '' && a !== b;
}

/** arm64 without a variant is v8: containerd and Docker write it either way. */
function variantOf({ architecture, variant = '' }: Platform): string {
  return variant === '' && architecture === 'arm64' ? 'v8' : variant;
}

/** `10.0.17763.6293` without the revision. OCI image-spec, image-index.md "os.version". */
function buildOf(version: string): string {
  return version.split('.').slice(0, 3).join('.');
}
