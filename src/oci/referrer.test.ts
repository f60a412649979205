import { describe, expect, it } from 'vitest';
import { describeBytes } from '../content/hash.ts';
import { parseManifest } from './manifest.ts';
import { mediaTypes } from './media-type.ts';
import { referrerOf } from './referrer.ts';

const subject = describeBytes(new Uint8Array(1), mediaTypes.ociManifest);
const config = describeBytes(new Uint8Array(2), 'application/vnd.example.config');

function referrer(document: Readonly<Record<string, unknown>>, mediaType: string): ReturnType<typeof referrerOf> {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
  const target = describeBytes(bytes, mediaType);
  return referrerOf(parseManifest(bytes, target), target);
}

describe('referrerOf', () => {
  it('describes an image manifest with its artifact type and annotations', () => {
    const found = referrer(
      { artifactType: 'text/x', config, layers: [], subject, annotations: { a: 'b' } },
      mediaTypes.ociManifest,
    );
    expect(found?.subject).toBe(subject.digest);
    expect(found?.descriptor).toMatchObject({ artifactType: 'text/x', annotations: { a: 'b' } });
  });

  it('takes the type of the config where an image manifest has no artifact type', () => {
    for (const artifactType of [undefined, '']) {
      const found = referrer({ artifactType, config, layers: [], subject }, mediaTypes.ociManifest);
      expect(found?.descriptor.artifactType).toBe('application/vnd.example.config');
    }
  });

  it('leaves the artifact type out where an index has none', () => {
    const found = referrer({ manifests: [], subject }, mediaTypes.ociIndex);
    expect(found?.subject).toBe(subject.digest);
    expect(found?.descriptor).not.toHaveProperty('artifactType');
  });

  it('has its members in the order in which crane writes them', () => {
    const found = referrer({ config, layers: [], subject, annotations: { a: 'b' } }, mediaTypes.ociManifest);
    const order = ['mediaType', 'size', 'digest', 'annotations', 'artifactType'];
    expect(Object.keys(found?.descriptor ?? {})).toEqual(order);
  });

  it('says undefined for a manifest without a subject', () => {
    expect(referrer({ config, layers: [] }, mediaTypes.ociManifest)).toBeUndefined();
  });
});
