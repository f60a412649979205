import { isOciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { childrenOf, parseManifest } from '../../oci/manifest.ts';
import { isIndexType, isManifestType } from '../../oci/media-type.ts';
import { referrerOf } from '../../oci/referrer.ts';
import type { CallOptions } from '../../options.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import type { ListedManifest } from '../../remote/listing/repository-page.ts';
import type { ManifestFetcher } from '../../store/capabilities.ts';

export interface UntaggedFilter {
  /** Only those that came into the registry before this, in milliseconds since 1970. Of unknown age: none. */
  readonly before?: number | undefined;
  /** Only those of this many bytes or more, as the registry counts them. Of unknown size: none. */
  readonly minSize?: number | undefined;
}

/** The manifests of a repository that no tag names, in the order of their digests. */
export function untaggedOf(
  { manifests }: RepositoryListing,
  { before = Infinity, minSize = 0 }: UntaggedFilter = {},
): readonly ListedManifest[] {
  return Array.from(manifests.values()).filter(({ tags, uploaded, imageSize }) => {
    const isOld = before === Infinity || (uploaded !== undefined && uploaded < before);
    return tags.length === 0 && isOld && (minSize === 0 || (imageSize !== undefined && imageSize >= minSize));
  });
}

/**
 * Which of the untagged manifests nothing needs that stays: neither an index that lists it, nor what it refers to. What names
 * others comes before them, as registries do not delete what is still named.
 *
 * @param untagged those that may go; all others of the repository stay
 * @throws {OciError} when a manifest cannot be read, since it may need any of them
 */
export async function deletableOf(
  source: ManifestFetcher,
  { manifests }: RepositoryListing,
  untagged: readonly ListedManifest[],
  options: CallOptions,
): Promise<readonly Digest[]> {
  const links = new Map<Digest, Links>();
  for (const { digest } of untagged) {
    const found = await linksOf(source, digest, options);
    if (found !== undefined) links.set(digest, found);
  }
  const needed = new Set<Digest>();
  const keep = (digest: Digest): void => {
    if (needed.has(digest)) return;
    needed.add(digest);
    for (const child of links.get(digest)?.children ?? []) keep(child);
  };
  const candidates = new Set(untagged.map(({ digest }) => digest));
  for (const { digest, mediaType } of manifests.values()) {
    if (candidates.has(digest)) continue;
    keep(digest);
    if (isManifestType(mediaType) && !isIndexType(mediaType)) continue;
    for (const child of (await linksOf(source, digest, options))?.children ?? []) keep(child);
  }
  keepReferrers(links, needed, keep);
  return parentsFirst(links, needed);
}

/** What one manifest says of others. */
interface Links {
  readonly children: readonly Digest[];
  readonly subject: Digest | undefined;
}

/** @returns `undefined` for what has gone in the meantime */
async function linksOf(source: ManifestFetcher, digest: Digest, options: CallOptions): Promise<Links | undefined> {
  try {
    const { descriptor, bytes } = await source.fetchManifest(digest, options);
    const manifest = parseManifest(bytes, descriptor);
    const children = manifest.kind === 'index' ? childrenOf(manifest).map((child) => child.digest) : [];
    return { children, subject: referrerOf(manifest, descriptor)?.subject };
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Signatures of signatures, and so on. */
function keepReferrers(
  links: ReadonlyMap<Digest, Links>,
  needed: ReadonlySet<Digest>,
  keep: (digest: Digest) => void,
): void {
  let before: number;
  do {
    before = needed.size;
    for (const [digest, { subject }] of links) if (subject !== undefined && needed.has(subject)) keep(digest);
  } while (needed.size > before);
}

/** Digests cannot name each other in circles. */
function parentsFirst(links: ReadonlyMap<Digest, Links>, needed: ReadonlySet<Digest>): readonly Digest[] {
  const ordered = new Set<Digest>();
  const visit = (digest: Digest): void => {
    const own = links.get(digest);
    if (own === undefined || needed.has(digest) || ordered.has(digest)) return;
    for (const below of [...own.children, ...(own.subject === undefined ? [] : [own.subject])]) visit(below);
    ordered.add(digest);
  };
  for (const digest of links.keys()) visit(digest);
  return Array.from(ordered).reverse();
}
