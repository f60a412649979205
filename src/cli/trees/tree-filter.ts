import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import { tagFilter } from '../copying/tag-filter.ts';
import { strings, type Flag } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';

/** What of a tree is meant. Paths are below the root, which itself has the empty one. */
export interface TreeFilter {
  /** Whether nothing is left out. */
  readonly isOpen: boolean;
  /** Whether anything in a repository may be meant. */
  wants(path: string): boolean;
  /** Whether neither a repository nor anything below it can be meant. */
  prunes(path: string): boolean;
  /** What of a repository is meant: of a manifest those of its tags that are, of one without tags all or nothing. */
  narrow(path: string, listing: RepositoryListing): RepositoryListing;
}

export const includeFlag: Flag<readonly string[]> = strings({
  description:
    'With --recursive: only repositories that fit one of these globs, which are matched with the path below the root (the root is "."); as PATHS:TAGS or :TAGS, only these tags, as globs or semver:>=1.2',
});

export const excludeFlag: Flag<readonly string[]> = strings({
  description: 'With --recursive: nothing that fits one of these; it wins over --include',
});

/** @throws {UsageError} for filters of what is not a tree */
export function checkTreeFilter({
  recursive,
  include,
  exclude,
}: {
  readonly recursive: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}): void {
  if (recursive) return;
  const idle = [...(include.length > 0 ? ['include'] : []), ...(exclude.length > 0 ? ['exclude'] : [])][0];
  if (idle !== undefined) throw new UsageError(`--${idle} goes with --recursive`);
}

/**
 * A pattern is a glob of paths, or `PATHS:TAGS`, where PATHS may be left out and TAGS is what `copy -a` takes. Without TAGS it
 * means all of a repository, what has no tag among it; with TAGS what has one that fits.
 *
 * @throws {UsageError} for an empty pattern, and a range of versions that is none
 */
export async function treeFilter(include: readonly string[], exclude: readonly string[]): Promise<TreeFilter> {
  const [included, excluded] = await Promise.all([patternsOf(include), patternsOf(exclude)]);
  const isIn = (path: string, tag: string | undefined): boolean =>
    (included.length === 0 || included.some((pattern) => pattern.fits(path, tag))) &&
    !excluded.some((pattern) => pattern.fits(path, tag));
  return {
    isOpen: included.length + excluded.length === 0,
    wants: (path) =>
      (included.length === 0 || included.some((pattern) => pattern.fitsPath(path))) &&
      !excluded.some((pattern) => pattern.isWhole && pattern.fitsPath(path)),
    prunes: (path) => excluded.some((pattern) => pattern.isDeep && pattern.fitsPath(path)),
    narrow: (path, listing) => narrowed(listing, (tag) => isIn(path, tag)),
  };
}

/** @throws {UsageError} where a pattern chooses tags, which a command has no use for */
export function checkPathsOnly(patterns: readonly string[], why: string): void {
  const one = patterns.find((pattern) => splitPattern(pattern).tags !== undefined);
  if (one !== undefined) throw new UsageError(`${JSON.stringify(one)} chooses tags, and ${why}`);
}

interface Pattern {
  /** Without tags: it means all of a repository. */
  readonly isWhole: boolean;
  /** Whether it fits whatever lies below what it fits. */
  readonly isDeep: boolean;
  fitsPath(path: string): boolean;
  /** @param tag `undefined` for a manifest without */
  fits(path: string, tag: string | undefined): boolean;
}

async function patternsOf(texts: readonly string[]): Promise<readonly Pattern[]> {
  return Promise.all(texts.map(patternOf));
}

async function patternOf(text: string): Promise<Pattern> {
  const { paths, tags } = splitPattern(text);
  if (paths === '' && (tags ?? '') === '') throw new UsageError('a pattern of repositories is empty');
  const fitsPath = await pathFilter(paths);
  const fitsTag = tags === undefined ? () => true : await tagFilter([tags], []);
  return {
    isWhole: tags === undefined,
    isDeep: tags === undefined && /^(?:.*\/)?\*\*$/.test(paths),
    fitsPath,
    fits: (path, tag) => fitsPath(path) && (tag === undefined ? tags === undefined : fitsTag(tag)),
  };
}

/** Names of repositories have no colon. A range of versions, as `copy -a` takes it, is one of tags. */
function splitPattern(text: string): { readonly paths: string; readonly tags?: string } {
  if (text.startsWith('semver:')) return { paths: '', tags: text };
  const colon = text.indexOf(':');
  return colon < 0 ? { paths: text } : { paths: text.slice(0, colon), tags: text.slice(colon + 1) };
}

async function pathFilter(glob: string): Promise<(path: string) => boolean> {
  if (glob === '' || glob === '**') return () => true;
  const { default: picomatch } = await import('picomatch');
  const fits = picomatch(glob, { dot: true, nonegate: true });
  return (path) => (path === '' ? glob === '.' : fits(path));
}

function narrowed(listing: RepositoryListing, isIn: (tag: string | undefined) => boolean): RepositoryListing {
  const manifests = Array.from(listing.manifests.values(), (manifest) => ({
    manifest: { ...manifest, tags: manifest.tags.filter(isIn) },
    isTagged: manifest.tags.length > 0,
  })).filter(({ manifest, isTagged }) => (isTagged ? manifest.tags.length > 0 : isIn(undefined)));
  return {
    ...listing,
    tags: listing.tags.filter(isIn),
    manifests: new Map(manifests.map(({ manifest }) => [manifest.digest, manifest])),
  };
}
