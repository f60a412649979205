import { describe, expect, it } from 'vitest';
import { parseDigest } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { formatPlatform, parsePlatform } from '../../oci/platform.ts';
import { distanceOf, fitting } from './base-images.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);

function chosen(wanted: string, available: readonly string[]): readonly string[] {
  const images = available.map((text) => ({
    mediaType: mediaTypes.ociManifest,
    digest,
    size: 1,
    ...(text === '' ? {} : { platform: parsePlatform(text) }),
  }));
  return fitting(images, parsePlatform(wanted)).map(({ platform }) =>
    platform === undefined ? '' : formatPlatform(platform),
  );
}

describe('the images of a base for a platform', () => {
  it.each([
    ['linux/arm64', ['linux/amd64', 'linux/arm64/v8'], ['linux/arm64/v8']],
    ['linux/arm64/v8', ['linux/amd64', 'linux/arm64'], ['linux/arm64']],
    ['linux/arm/v7', ['linux/arm/v6', 'linux/arm', 'linux/arm/v7'], ['linux/arm/v7', 'linux/arm']],
    ['linux/arm', ['linux/arm/v6', 'linux/arm/v7'], ['linux/arm/v6', 'linux/arm/v7']],
    ['linux/amd64', ['linux/arm64', ''], ['']],
    [
      'windows/amd64:10.0.17763.1',
      ['windows/amd64:10.0.20348.1', 'windows/amd64:10.0.17763.2'],
      ['windows/amd64:10.0.17763.2'],
    ],
    [
      'windows/amd64:10.0.17763.2',
      ['windows/amd64:10.0.17763.1', 'windows/amd64:10.0.17763.2'],
      ['windows/amd64:10.0.17763.2', 'windows/amd64:10.0.17763.1'],
    ],
    ['linux/amd64', ['windows/amd64', 'linux/386'], []],
  ])('%s of %j', (wanted, available, expected) => {
    expect(chosen(wanted, available)).toEqual(expected);
  });

  it('are none for a platform that names nothing', () => {
    expect(distanceOf(parsePlatform('linux/amd64'), { os: '', architecture: '' })).toBeUndefined();
  });
});
