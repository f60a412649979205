import { digestOf } from '../content/hash.ts';
import { OciError } from '../errors.ts';
import { annotationKeys } from '../oci/annotations.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../oci/digest.ts';
import { parseImageConfig } from '../oci/image-config.ts';
import { isImageConfigType, isImageType, isIndexType } from '../oci/media-type.ts';
import { formatPlatform, type Platform, satisfiesPlatform } from '../oci/platform.ts';
import { type KeptEntry, trimIndex } from '../oci/trim-index.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';
import { OverlayStore } from '../store/overlay.ts';
import type { ChildFilter } from './copy-options.ts';
import { manifestOf, readConfig } from './read.ts';
import { noMatch, platformOf } from './resolve.ts';

/** An artifact with fewer images. `store` has everything; `manifests` is for a copy from the store that the images are in. */
export interface TrimmedArtifact extends Artifact {
  /** Indexes that were made, by digest. */
  readonly manifests: ReadonlyMap<Digest, Uint8Array>;
}

/** What stays of an index: positions in `manifests`, for an index in it with what stays of that. */
interface Choice {
  readonly root: Descriptor;
  readonly bytes: Uint8Array;
  readonly entries: ReadonlyMap<number, Choice | Descriptor>;
  readonly total: number;
}

interface MadeIndex {
  readonly target: Descriptor;
  readonly bytes: Uint8Array;
}

const maxDepth = 8;

/**
 * An artifact with the images for some platforms only: its index without all other entries, under a new digest. What stays
 * keeps its order and its bytes, with fields nobody knows; so do attestations of images that stay. All images that fit a
 * platform stay, `linux/arm` keeps v6 and v7. An index that loses nothing, and a single image that fits, stay as they are;
 * so does what has no platform at all.
 *
 * @throws {OciError} `NO_MATCHING_PLATFORM` when there is nothing for one of the platforms, listing what there is
 */
export async function trimToPlatforms(
  artifact: Artifact,
  platforms: readonly Platform[],
  options: CallOptions = {},
): Promise<TrimmedArtifact> {
  const choice = await choose(artifact, platforms, options);
  const made = new Map<Digest, MadeIndex>();
  const root = choice === undefined ? artifact.root : trim(choice, { made, done: new Map() });
  const manifests = new Map(Array.from(made, ([digest, { bytes }]) => [digest, bytes]));
  if (made.size === 0) return { ...artifact, manifests };
  const upper = new MemoryStore();
  for (const { target, bytes } of made.values()) await upper.push(target, bytes);
  return { root, store: new OverlayStore(upper, artifact.store), manifests };
}

/**
 * Which children a sparse copy takes along: the index keeps its bytes and digest, and of its images only those for some
 * platforms are copied.
 *
 * @throws {OciError} as {@link trimToPlatforms}
 */
export async function childrenForPlatforms(
  artifact: Artifact,
  platforms: readonly Platform[],
  options: CallOptions = {},
): Promise<ChildFilter> {
  const choice = await choose(artifact, platforms, options);
  if (choice === undefined) return () => true;
  const kept = new Map<Digest, ReadonlySet<Digest>>();
  note(choice, kept);
  // Referrers may be indexes, too; nobody chose among their entries.
  return (child, parent) => kept.get(parent.digest)?.has(child.digest) ?? true;
}

/** @returns `undefined` for what is no index: it has been checked, and stays as it is */
async function choose(
  artifact: Artifact,
  platforms: readonly Platform[],
  options: CallOptions,
): Promise<Choice | undefined> {
  if (!isIndexType(artifact.root.mediaType)) {
    await checkImage(artifact, platforms, options);
    return undefined;
  }
  const seen: Descriptor[] = [];
  const matched = new Set<Platform>();
  const search = { platforms, seen, matched, options, done: new Map<Digest, Choice | undefined>() };
  const choice = await chooseFrom(artifact, search, 0);
  const missing = platforms.filter((platform) => !matched.has(platform));
  if (missing.length > 0) throw noMatch(missing, artifact.root, seen);
  return choice;
}

interface Search {
  readonly platforms: readonly Platform[];
  readonly seen: Descriptor[];
  readonly matched: Set<Platform>;
  readonly options: CallOptions;
  /** An index may list one many times, over and over in the indexes below. */
  readonly done: Map<Digest, Choice | undefined>;
}

async function chooseFrom(artifact: Artifact, search: Search, depth: number): Promise<Choice | undefined> {
  const { root } = artifact;
  if (!search.done.has(root.digest)) search.done.set(root.digest, await readChoice(artifact, search, depth));
  return search.done.get(root.digest);
}

async function readChoice(artifact: Artifact, search: Search, depth: number): Promise<Choice | undefined> {
  const { root, store } = artifact;
  if (depth > maxDepth) {
    throw new OciError('LIMIT_EXCEEDED', `Index ${root.digest} is nested more than ${maxDepth} levels deep`);
  }
  const manifest = await manifestOf(artifact, search.options);
  if (manifest.kind !== 'index') return undefined;
  const children = manifest.index.manifests;
  const entries = new Map<number, Choice | Descriptor>();
  for (const [position, child] of children.entries()) {
    const stays = isIndexType(child.mediaType)
      ? await chooseFrom({ store, root: child }, search, depth + 1)
      : chooseImage(child, search);
    if (stays !== undefined) entries.set(position, stays);
  }
  if (entries.size === 0) return undefined;
  const kept = new Set(Array.from(entries.keys(), (position) => children[position]?.digest));
  for (const [position, child] of children.entries()) {
    const about = child.annotations?.[annotationKeys.dockerReference];
    if (about !== undefined && kept.has(about as Digest)) entries.set(position, child);
  }
  return { root, bytes: manifest.bytes, entries, total: children.length };
}

function chooseImage(child: Descriptor, { platforms, seen, matched }: Search): Descriptor | undefined {
  // An attestation is about an image and stays with it, whatever it calls its platform.
  if (!isImageType(child.mediaType) || child.annotations?.[annotationKeys.dockerReference] !== undefined)
    return undefined;
  seen.push(child);
  const fitting = platforms.filter((platform) => platform.os !== '' && satisfiesPlatform(platformOf(child), platform));
  for (const platform of fitting) matched.add(platform);
  return fitting.length === 0 ? undefined : child;
}

/** @throws {OciError} `NO_MATCHING_PLATFORM` when the image states a platform and it is none of these */
async function checkImage(artifact: Artifact, platforms: readonly Platform[], options: CallOptions): Promise<void> {
  const manifest = await manifestOf(artifact, options);
  if (manifest.kind !== 'image' || !isImageConfigType(manifest.image.config.mediaType)) return;
  const { config } = manifest.image;
  const actual = parseImageConfig(await readConfig(artifact.store, config, options), config.digest);
  if (actual.os === '' || platforms.some((platform) => platform.os !== '' && satisfiesPlatform(actual, platform)))
    return;
  throw new OciError(
    'NO_MATCHING_PLATFORM',
    `The image ${artifact.root.digest} is for ${formatPlatform(actual)}, not for ${platforms.map(formatPlatform).join(', ')}`,
  );
}

/** What trimming has come to so far. */
interface Trimming {
  readonly made: Map<Digest, MadeIndex>;
  readonly done: Map<Choice, Descriptor>;
}

/** Adds to `made` what is not the same as before; gives the descriptor of what stays. */
function trim(choice: Choice, trimming: Trimming): Descriptor {
  const target = trimming.done.get(choice) ?? trimmed(choice, trimming);
  trimming.done.set(choice, target);
  return target;
}

function trimmed({ root, bytes, entries, total }: Choice, trimming: Trimming): Descriptor {
  const changes = new Map<number, KeptEntry>();
  for (const [position, entry] of entries)
    changes.set(position, 'entries' in entry ? trimmedEntry(entry, trimming) : 'same');
  if (entries.size === total && Array.from(changes.values()).every((change) => change === 'same')) return root;
  const fewer = trimIndex(bytes, (position) => changes.get(position));
  const digest = digestOf(fewer, algorithmOf(root.digest));
  const { data: _, ...rest } = root;
  const target = { ...rest, digest, size: fewer.byteLength };
  trimming.made.set(digest, { target, bytes: fewer });
  return target;
}

function trimmedEntry(choice: Choice, trimming: Trimming): KeptEntry {
  const { digest, size } = trim(choice, trimming);
  if (digest === choice.root.digest) return 'same';
  return { digest, size, data: Buffer.from(trimming.made.get(digest)?.bytes ?? []).toString('base64') };
}

function note({ root, entries }: Choice, kept: Map<Digest, ReadonlySet<Digest>>): void {
  if (kept.has(root.digest)) return;
  const below = Array.from(entries.values());
  kept.set(root.digest, new Set(below.map((entry) => ('entries' in entry ? entry.root.digest : entry.digest))));
  for (const entry of below) if ('entries' in entry) note(entry, kept);
}
