import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { defaultPlatform, formatPlatform, type Platform, satisfiesPlatform } from '../oci/platform.ts';
import { isImageType, isIndexType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import { canFetchManifest } from '../store/capabilities.ts';
import type { ContentSource } from '../store/store.ts';
import { manifestOf } from './read.ts';

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;

/**
 * The artifact a reference names.
 *
 * @throws {OciError} `NOT_FOUND`
 */
export async function openArtifact(
  store: ContentSource,
  reference: string,
  options: CallOptions = {},
): Promise<Artifact> {
  // Most callers go on to read the manifest, which a store that fetches it now remembers.
  if (canFetchManifest(store)) return { store, root: (await store.fetchManifest(reference, options)).descriptor };
  return { store, root: await store.resolve(reference, options) };
}

/**
 * The image for a platform: the artifact itself when it is no index, else the first child in document order that fits,
 * also inside nested indexes. A child without a platform counts as linux/amd64. crane-cli reference, section 7.
 *
 * @throws {OciError} `NO_MATCHING_PLATFORM`, listing what there is
 */
export async function imageForPlatform(
  artifact: Artifact,
  platform: Platform = defaultPlatform,
  options: CallOptions = {},
): Promise<Artifact> {
  if (!isIndexType(artifact.root.mediaType)) return artifact;
  const seen: Descriptor[] = [];
  const found = await search(artifact, { platform, seen, searched: new Set(), options }, 0);
  if (found !== undefined) return { store: artifact.store, root: found };
  throw noMatch([platform], artifact.root, seen);
}

/** The failure to find images for platforms, which names those there are. */
export function noMatch(wanted: readonly Platform[], index: Descriptor, seen: readonly Descriptor[]): OciError {
  const choices = Array.from(new Set(seen.map((child) => formatPlatform(platformOf(child))))).filter(
    (text) => text !== '',
  );
  return new OciError(
    'NO_MATCHING_PLATFORM',
    `No image for platform ${wanted.map(formatPlatform).join(', ')} in index ${index.digest}`,
    { hint: choices.length === 0 ? 'The index is empty' : `Available platforms: ${choices.join(', ')}` },
  );
}

/** What an entry of an index says of its platform; an entry that says nothing counts as linux/amd64. */
export function platformOf(child: Descriptor): Platform {
  return child.platform ?? defaultPlatform;
}

interface Search {
  readonly platform: Platform;
  readonly seen: Descriptor[];
  /** Indexes without a fitting image: one may be listed many times, over and over in the indexes below. */
  readonly searched: Set<Digest>;
  readonly options: CallOptions;
}

async function search(artifact: Artifact, within: Search, depth: number): Promise<Descriptor | undefined> {
  const { platform, seen, searched, options } = within;
  if (depth > maxDepth) {
    throw new OciError('INVALID_MANIFEST', `Index ${artifact.root.digest} is nested more than ${maxDepth} levels deep`);
  }
  const manifest = await manifestOf(artifact, options);
  if (manifest.kind !== 'index') return undefined;
  const children = manifest.index.manifests;
  const images = children.filter((child) => !isIndexType(child.mediaType));
  seen.push(...images);
  // A platform that names nothing, as an empty variable in a script gives, shall not pick at random.
  const match = images.find(
    (child) => platform.os !== '' && isImageType(child.mediaType) && satisfiesPlatform(platformOf(child), platform),
  );
  if (match !== undefined) return match;
  for (const child of children) {
    if (!isIndexType(child.mediaType) || searched.has(child.digest)) continue;
    const inner = await search({ store: artifact.store, root: child }, within, depth + 1);
    if (inner !== undefined) return inner;
    searched.add(child.digest);
  }
  return undefined;
}
