import type { Digest } from '../../oci/digest.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';

/** What is copied of a repository in one go: one manifest with the tags that name it. */
export interface TreeItem {
  /** What the source is asked for: a digest, or where only tags are known, a tag. */
  readonly name: string;
  /** Those that the target lacks, or is not known to have. */
  readonly tags: readonly string[];
  /** Whether the target is known not to have the manifest. */
  readonly isMissing: boolean;
}

/** What there is to do in one repository. */
export interface TreeItems {
  readonly items: readonly TreeItem[];
  /** What the tags of the items name at the target; `undefined` when the target has to be asked. */
  readonly tagged: ReadonlyMap<string, Digest | undefined> | undefined;
  /** Manifests and tags that the target is known to have. */
  readonly equal: number;
}

/**
 * Compares two lists. By digest where the source lists manifests, so that a tag that moves meanwhile changes nothing; what
 * has no tag comes along. Where the target does not list its own, everything is looked for when its turn comes.
 *
 * @param target `undefined` for a repository that is not there yet
 */
export function itemsOf(source: RepositoryListing, target: RepositoryListing | undefined): TreeItems {
  const isKnown = target === undefined || target.listsManifests;
  const tagged = new Map<string, Digest | undefined>();
  for (const { digest, tags } of target?.manifests.values() ?? []) for (const tag of tags) tagged.set(tag, digest);
  const items: TreeItem[] = [];
  const listed = new Set<string>();
  let equal = 0;
  for (const { digest, tags } of source.manifests.values()) {
    for (const tag of tags) listed.add(tag);
    const isMissing = isKnown && target?.manifests.has(digest) !== true;
    const missing = isKnown ? tags.filter((tag) => tagged.get(tag) !== digest) : tags;
    if (isKnown && !isMissing && missing.length === 0) equal++;
    else items.push({ name: digest, tags: missing, isMissing });
  }
  for (const tag of source.tags) if (!listed.has(tag)) items.push({ name: tag, tags: [tag], isMissing: false });
  for (const tag of items.flatMap(({ tags }) => tags)) if (!tagged.has(tag)) tagged.set(tag, undefined);
  return { items, tagged: isKnown ? tagged : undefined, equal };
}
