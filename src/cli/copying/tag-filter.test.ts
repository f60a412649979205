import { describe, expect, it } from 'vitest';
import { UsageError } from '../framework/usage-error.ts';
import { tagFilter } from './tag-filter.ts';

const tags = ['1.20', '1.20.1', 'v2', 'v2.1.0', '2.1.0-rc.1', '2.1-alpine', 'latest', 'latest-debug', '.hidden', '!x'];

async function passing(include: readonly string[], exclude: readonly string[] = []): Promise<readonly string[]> {
  const passes = await tagFilter(include, exclude);
  return tags.filter(passes);
}

describe('tagFilter()', () => {
  it('lets everything pass without patterns', async () => {
    expect(await passing([])).toEqual(tags);
  });

  it.each([
    [['*'], tags],
    [['latest*'], ['latest', 'latest-debug']],
    [
      ['1.20', 'v?'],
      ['1.20', 'v2'],
    ],
    [['{v2,latest}'], ['v2', 'latest']],
    [['!latest'], []],
    [['semver:^1.20'], ['1.20', '1.20.1']],
    [['semver:>=2'], ['v2', 'v2.1.0']],
    [['semver:>=2.1.0-0'], ['v2.1.0', '2.1.0-rc.1', '2.1-alpine']],
    [['semver:*'], ['1.20', '1.20.1', 'v2', 'v2.1.0']],
    [
      ['semver:1.x', 'latest'],
      ['1.20', '1.20.1', 'latest'],
    ],
  ])('chooses with %j', async (include, expected) => {
    expect(await passing(include)).toEqual(expected);
  });

  it('lets exclusion win', async () => {
    expect(await passing(['latest*', 'semver:>=1'], ['*-debug', 'semver:1.20.1'])).toEqual([
      '1.20',
      'v2',
      'v2.1.0',
      'latest',
    ]);
    expect(await passing([], ['*.*', '!x'])).toEqual(['v2', 'latest', 'latest-debug']);
  });

  it.each(['semver:new', ''])('refuses %j', async (pattern) => {
    await expect(tagFilter([pattern], [])).rejects.toThrow(UsageError);
  });
});
