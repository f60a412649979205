import { expect, it } from 'vitest';
import { mediaTypes } from '../../oci/media-type.ts';
import { digestOf } from '../../content/hash.ts';
import { durationText, kindOf, sizeText } from './words.ts';

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [99_949, '99.9 kB'],
  [99_950, '100 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [1_234_567_890_123, '1.2 TB'],
  [5e18, '5000 PB'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

it.each([
  [0, '0s'],
  [1, '1s'],
  [59_001, '1m00s'],
  [3_599_000, '59m59s'],
  [3_660_000, '1h01m'],
])('writes %d ms as %s', (milliseconds, text) => {
  expect(durationText(milliseconds)).toBe(text);
});

it.each([
  [mediaTypes.dockerLayerZstd, 'layer'],
  [mediaTypes.ociConfig, 'config'],
  ['application/vnd.cncf.helm.config.v1+json', 'config'],
  ['application/vnd.cncf.helm.chart.content.v1.tar+gzip', 'blob'],
])('calls %s a %s', (mediaType, kind) => {
  expect(kindOf({ mediaType, digest: digestOf(Buffer.from('')), size: 0 })).toBe(kind);
});
