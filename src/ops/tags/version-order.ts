import type { SemVer } from 'semver';
import { compareUtf8 } from '../../oci/json.ts';

/** A version that a tag names. */
export interface TagVersion {
  /** Release and pre-release; a variant is no part of it. */
  readonly version: SemVer;
  /** Numbers behind the third, as 4 in `1.2.3.4`. */
  readonly more: readonly number[];
  /** What follows the version, as `alpine3.18`; empty for the version itself. */
  readonly variant: string;
}

/** Reads and compares the versions of tags. Made by {@link versionOrder}. */
export interface VersionOrder {
  /** @returns `undefined` for a tag that is no version */
  read(this: void, tag: string): TagVersion | undefined;
  /** Below zero when `a` comes first. */
  compare(this: void, a: TagVersion, b: TagVersion): number;
}

/**
 * Makes what reads and compares versions as tags have them. They are more than semantic versions: there may be a `v` in front,
 * numbers may be missing (`1.2` is `1.2.0`) or more than three, and what follows is either a pre-release, known by its word
 * (`-rc.1`, `beta2`, `-preview.3`, `-SNAPSHOT`), which comes before the release, or a variant (`-alpine`, `-1`, `-slim`), which
 * comes right behind what it is a variant of. A number of six digits or more without a point is a date, a build or a commit, and
 * no version.
 */
export async function versionOrder(): Promise<VersionOrder> {
  const { default: semver } = await import('semver');
  return {
    read(tag) {
      const parts = partsOf(tag);
      if (parts === undefined) return undefined;
      const { numbers, word, identifiers, variant } = parts;
      const [major = 0, minor = 0, patch = 0, ...more] = numbers;
      const suffix = word === '' ? '' : `-${[word, ...identifiers].join('.')}`;
      const version = semver.parse(`${major}.${minor}.${patch}${suffix}`);
      return version === null ? undefined : { version, more, variant };
    },
    compare: (a, b) =>
      a.version.compareMain(b.version) ||
      compareNumbers(a.more, b.more) ||
      a.version.comparePre(b.version) ||
      compareNatural(a.variant, b.variant),
  };
}

interface Parts {
  readonly numbers: readonly number[];
  /** What makes it a pre-release; empty for a release. */
  readonly word: string;
  /** The numbers behind the word. */
  readonly identifiers: readonly number[];
  readonly variant: string;
}

/** A tag has 128 characters at most. */
const release = /^v?(\d{1,15}(?:\.\d{1,15})*)(?!\d)(.*)$/is;

/** Python and PostgreSQL put them right behind the number, and Python shortens them. */
const preRelease =
  /^(?:[-_.]?(alpha|beta|canary|cr|dev|ea|insiders?|milestone|nightly|next|pre|preview|rc|snapshot|unstable)(?![a-z])|[-_.]?(m)(?=\d)|([ab])(?=\d{1,3}(?![a-z0-9])))(?:[-_.]?(\d{1,15}(?:\.\d{1,15})*)(?!\d))?(.*)$/is;

const longNames: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', cr: 'rc', m: 'milestone' };

/** More digits without a point are no version. */
const maxLoneDigits = 5;

function partsOf(tag: string): Parts | undefined {
  const [, core, rest = ''] = release.exec(tag) ?? [];
  if (core === undefined || (!core.includes('.') && core.length > maxLoneDigits)) return undefined;
  const [, long, milestone, short, behind = '', variant = rest] = preRelease.exec(rest) ?? [];
  const word = (long ?? milestone ?? short ?? '').toLowerCase();
  // `2b7c1e0` is a commit.
  if (word === '' && !core.includes('.') && /^[^-_.]/.test(rest)) return undefined;
  return {
    numbers: core.split('.').map(Number),
    word: longNames[word] ?? word,
    identifiers: behind === '' ? [] : behind.split('.').map(Number),
    variant: variant.replace(/^[-_.]/, ''),
  };
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const places = Math.max(a.length, b.length);
  for (let i = 0; i < places; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Digits as numbers, so that `alpine3.9` comes before `alpine3.18`. */
function compareNatural(a: string, b: string): number {
  const [left, right] = [runsOf(a), runsOf(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = compareRuns(left[i] ?? '', right[i] ?? '');
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function runsOf(text: string): readonly string[] {
  return text.match(/\d+|\D+/g) ?? [];
}

function compareRuns(a: string, b: string): number {
  if (!/^\d/.test(a) || !/^\d/.test(b)) return compareUtf8(a, b);
  const [left, right] = [a.replace(/^0+(?=\d)/, ''), b.replace(/^0+(?=\d)/, '')];
  return left.length - right.length || compareUtf8(left, right);
}
