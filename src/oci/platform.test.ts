import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPlatform, parsePlatform, type Platform, platformFields, satisfiesPlatform } from './platform.ts';

interface PlatformVector {
  readonly input: string;
  readonly platform?: Platform;
  readonly text?: string;
  readonly says?: string;
}

const { platforms } = JSON.parse(
  readFileSync(new URL('../../test/vectors/platforms.json', import.meta.url), 'utf8'),
) as { readonly platforms: readonly PlatformVector[] };

describe('platforms of the vector file', () => {
  it.each(platforms.filter(({ platform }) => platform !== undefined))('reads $input', ({ input, platform, text }) => {
    expect(parsePlatform(input)).toEqual(platform);
    expect(formatPlatform(parsePlatform(input))).toBe(text);
  });

  it.each(platforms.filter(({ platform }) => platform === undefined))('refuses $input', ({ input, says }) => {
    expect(() => parsePlatform(input)).toThrow(expect.objectContaining({ code: 'INVALID_PLATFORM' }));
    expect(() => parsePlatform(input)).toThrow(says);
  });
});

describe('a platform of an image', () => {
  const arm: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' };

  it.each<readonly [string, Platform, string, boolean]>([
    ['the same', arm, 'linux/arm/v7', true],
    ['one without a variant named', arm, 'linux/arm', true],
    ['one with only the system named', arm, 'linux', true],
    ['anything when nothing is named', arm, '', true],
    ['no other variant', arm, 'linux/arm/v6', false],
    ['no other architecture', arm, 'linux/arm64', false],
    ['no other system', arm, 'windows/arm/v7', false],
    ['no version it does not have', arm, 'linux/arm/v7:1', false],
    ['arm64 without a variant as v8', { os: 'linux', architecture: 'arm64' }, 'linux/arm64/v8', true],
    ['no variant that only it lacks', { os: 'linux', architecture: 'arm' }, 'linux/arm/v7', false],
    [
      'the same version',
      { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' },
      'windows/amd64:10.0.1',
      true,
    ],
  ])('fits %s', (_, actual, wanted, expected) => {
    expect(satisfiesPlatform(actual, parsePlatform(wanted))).toBe(expected);
  });

  it('has to have all features that are asked for', () => {
    const actual = { ...arm, 'os.features': ['a', 'b'], features: ['sse4'] };
    expect(satisfiesPlatform(actual, { ...arm, 'os.features': ['b'] })).toBe(true);
    expect(satisfiesPlatform(actual, { ...arm, 'os.features': ['b', 'c'] })).toBe(false);
    expect(satisfiesPlatform(actual, { ...arm, features: ['aes'] })).toBe(false);
  });

  it('is decoded with what is missing, and keeps unknown fields', () => {
    expect(platformFields({ os: null, 'x-more': 1, 'os.features': null }, 'platform')).toEqual({
      architecture: '',
      os: '',
      'x-more': 1,
    });
    expect(() => platformFields({ os: 5 }, 'platform')).toThrow('platform.os should be a string, found 5');
  });
});

it('is read back from its text form', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9.]{0,8}$/);
  const platform = fc.record({
    os: word,
    architecture: word.filter((name) => parsePlatform(`x/${name}`).architecture === name),
    variant: fc.option(word, { nil: undefined }),
    'os.version': fc.option(fc.stringMatching(/^[0-9.]{1,12}$/), { nil: undefined }),
  });
  fc.assert(
    fc.property(platform, (platform) => {
      const again = parsePlatform(formatPlatform(platform));
      expect(again).toEqual(JSON.parse(JSON.stringify(platform)));
      expect(satisfiesPlatform(platform, again)).toBe(true);
    }),
  );
});
