import { describe, expect, it } from 'vitest';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import { checkPathsOnly, checkTreeFilter, treeFilter } from './tree-filter.ts';

const paths = ['', 'app', 'team', 'team/web', 'team/web/debug', 'teams'];

describe('the repositories of a tree that are meant', () => {
  it.each([
    [[], [], paths],
    [['team'], [], ['team']],
    [['team/*'], [], ['team/web']],
    [['team/**'], [], ['team', 'team/web', 'team/web/debug']],
    [['**'], [], paths],
    [['.'], [], ['']],
    [['{app,teams}'], [], ['app', 'teams']],
    [['app', '**/debug'], [], ['app', 'team/web/debug']],
    [[], ['team/**'], ['', 'app', 'teams']],
    [[], ['team'], ['', 'app', 'team/web', 'team/web/debug', 'teams']],
    [['team/**'], ['**/debug'], ['team', 'team/web']],
    [['**'], ['**'], []],
    [[':v*'], [], paths],
    [[], [':v*'], paths],
    [['team/**:v1'], ['team/web:v2'], ['team', 'team/web', 'team/web/debug']],
  ])('are, with --include %j and --exclude %j, %j', async (include, exclude, expected) => {
    const filter = await treeFilter(include, exclude);
    expect(paths.filter((path) => filter.wants(path))).toEqual(expected);
  });

  it.each([
    [['team/**'], ['team', 'team/web', 'team/web/debug']],
    [['team'], []],
    [['team/**:v1'], []],
    [['**'], paths],
  ])('lie in parts of the tree that need not be looked at, with --exclude %j: %j', async (exclude, expected) => {
    const filter = await treeFilter([], exclude);
    expect(paths.filter((path) => filter.prunes(path))).toEqual(expected);
  });
});

describe('what is meant of a repository', () => {
  const [both, other, untagged] = ['a', 'b', 'c'].map((letter) => `sha256:${letter.repeat(64)}` as Digest) as [
    Digest,
    Digest,
    Digest,
  ];
  const listing: RepositoryListing = {
    name: 'app',
    listsManifests: true,
    listsChildren: true,
    children: ['x'],
    tags: ['v1.0', 'v1.0-debug', 'v2.0-debug'],
    manifests: new Map([
      [both, { digest: both, mediaType: '', tags: ['v1.0', 'v1.0-debug'] }],
      [other, { digest: other, mediaType: '', tags: ['v2.0-debug'] }],
      [untagged, { digest: untagged, mediaType: '', tags: [] }],
    ]),
  };

  it.each([
    [['app'], [], ['v1.0', 'v1.0-debug', 'v2.0-debug'], true],
    [[':v1*'], [], ['v1.0', 'v1.0-debug'], false],
    [['app:*-debug'], [], ['v1.0-debug', 'v2.0-debug'], false],
    [[], [':*-debug'], ['v1.0'], true],
    [[], ['other:*'], ['v1.0', 'v1.0-debug', 'v2.0-debug'], true],
    [['semver:>=1.0'], [], ['v1.0'], false],
    [['app:semver:>=1.0'], [], ['v1.0'], false],
    [['app', ':v2*'], [':v2*'], ['v1.0', 'v1.0-debug'], true],
    [['other', ':v2*'], [], ['v2.0-debug'], false],
  ])('is, with --include %j and --exclude %j, the tags %j', async (include, exclude, tags, hasUntagged) => {
    const narrowed = (await treeFilter(include, exclude)).narrow('app', listing);
    expect(narrowed.tags).toEqual(tags);
    expect(Array.from(narrowed.manifests.values()).flatMap((manifest) => manifest.tags)).toEqual(tags);
    // A manifest whose tags are all left out is not one without tags.
    expect(narrowed.manifests.has(untagged)).toBe(hasUntagged);
    expect(Array.from(narrowed.manifests.values()).filter((manifest) => manifest.tags.length === 0)).toHaveLength(
      hasUntagged ? 1 : 0,
    );
    expect(narrowed.children).toEqual(['x']);
  });
});

it.each(['', ':', 'app:', 'app:semver:nonsense'])('the pattern %j is refused', async (pattern) => {
  await expect(treeFilter([pattern], [])).rejects.toThrow(/empty|no range/);
});

it('filters are for trees', () => {
  expect(() => checkTreeFilter({ recursive: false, include: ['a'], exclude: [] })).toThrow('--include goes with');
  expect(() => checkTreeFilter({ recursive: false, include: [], exclude: ['a'] })).toThrow('--exclude goes with');
  expect(() => checkTreeFilter({ recursive: true, include: ['a'], exclude: ['b'] })).not.toThrow();
  expect(() => checkPathsOnly(['a', 'b:c'], 'there are none')).toThrow('"b:c" chooses tags, and there are none');
});
