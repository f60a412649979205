import type { Range } from 'semver';
import { UsageError } from '../framework/usage-error.ts';

/** Decides about a tag. */
export type TagFilter = (tag: string) => boolean;

const semverPrefix = 'semver:';

/**
 * A tag passes when it fits one of `include`, or there is none, and fits none of `exclude`. A pattern is a glob, or after
 * `semver:` a range of versions: then tags that are no versions do not fit; a `v` in front of the version does not matter.
 *
 * @throws {UsageError} for a range that is none
 */
export async function tagFilter(include: readonly string[], exclude: readonly string[]): Promise<TagFilter> {
  const [included, excluded] = await Promise.all([filters(include), filters(exclude)]);
  return (tag) => (included.length === 0 || included.some((fits) => fits(tag))) && !excluded.some((fits) => fits(tag));
}

async function filters(patterns: readonly string[]): Promise<readonly TagFilter[]> {
  return Promise.all(
    patterns.map((pattern) => (pattern.startsWith(semverPrefix) ? versionFilter(pattern) : globFilter(pattern))),
  );
}

async function globFilter(pattern: string): Promise<TagFilter> {
  if (pattern === '') throw new UsageError('a pattern of tags is empty');
  const { default: picomatch } = await import('picomatch');
  // Tags have no folders, and may begin with a dot only in a glob.
  return picomatch(pattern, { dot: true, nonegate: true });
}

async function versionFilter(pattern: string): Promise<TagFilter> {
  const { default: semver } = await import('semver');
  const text = pattern.slice(semverPrefix.length).trim();
  let range: Range;
  try {
    range = new semver.Range(text);
  } catch {
    throw new UsageError(`${JSON.stringify(pattern)} is no range of versions; one is semver:>=1.20 <2`);
  }
  return (tag) => {
    const version = semver.parse(tag) ?? semver.parse(completed(tag));
    return version !== null && range.test(version);
  };
}

/** `1.20` and `v3` are versions to those who name tags; so is `1.2-alpine`, a variant, which comes before `1.2.0` as a pre-release does. */
function completed(tag: string): string {
  const [, version = '', rest = ''] = /^v?(\d+(?:\.\d+)?)((?:[-+].*)?)$/.exec(tag) ?? [];
  if (version === '') return tag;
  return `${version}${version.includes('.') ? '.0' : '.0.0'}${rest}`;
}
