import { describe, expect, it } from 'vitest';
import { type Digest, parseDigest } from './digest.ts';
import { childrenOf, manifestTypeOf, parseManifest } from './manifest.ts';
import { essenceOf, mediaTypes } from './media-type.ts';

const digest: Digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const other: Digest = parseDigest(`sha256:${'b'.repeat(64)}`);
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const layer = { mediaType: mediaTypes.ociLayerGzip, digest: other, size: 3 };

function bytesOf(document: unknown): Uint8Array {
  return new TextEncoder().encode(typeof document === 'string' ? document : JSON.stringify(document));
}

function parse(document: unknown, mediaType: string = mediaTypes.ociManifest): ReturnType<typeof parseManifest> {
  return parseManifest(bytesOf(document), { mediaType, digest });
}

describe('an image manifest', () => {
  it('is decoded, with unknown fields and its bytes kept', () => {
    const bytes = bytesOf({ schemaVersion: 2, config, layers: [{ ...layer, 'x-more': [1] }], 'x-top': true });
    const manifest = parseManifest(bytes, { mediaType: mediaTypes.ociManifest, digest });
    expect(manifest).toMatchObject({
      kind: 'image',
      image: { config, layers: [{ 'x-more': [1] }], 'x-top': true },
    });
    expect(manifest.bytes).toBe(bytes);
    expect(childrenOf(manifest)).toEqual([config, { ...layer, 'x-more': [1] }]);
  });

  it('may have null or no layers, as Go and artifact tools write it', () => {
    for (const layers of [null, undefined, []]) {
      expect(childrenOf(parse({ schemaVersion: 2, config, layers }))).toEqual([config]);
    }
  });

  it('may have null where something optional is missing', () => {
    const document = {
      schemaVersion: 2,
      config: { ...config, urls: null, annotations: { a: null, b: 'x' } },
      layers: [],
    };
    const manifest = parse({ ...document, annotations: null, subject: null, artifactType: null });
    expect(manifest).toMatchObject({ image: { config: { annotations: { b: 'x' } } } });
    expect(manifest).not.toHaveProperty('image.annotations');
    expect(manifest).not.toHaveProperty('image.subject');
  });

  it('has a subject that is none of its children', () => {
    const manifest = parse({ schemaVersion: 2, config, layers: [], subject: layer });
    expect(manifest).toMatchObject({ image: { subject: layer } });
    expect(childrenOf(manifest)).toEqual([config]);
  });

  it.each([
    ['no config', { schemaVersion: 2, layers: [] }, 'config should be an object, found nothing'],
    ['a digest that is none', { schemaVersion: 2, config: { ...config, digest: 'x' } }, 'Invalid digest "x"'],
    ['a negative size', { schemaVersion: 2, config: { ...config, size: -1 } }, 'config.size should be a whole number'],
    ['a broken size', { schemaVersion: 2, config: { ...config, size: 1.5 } }, 'config.size'],
    ['a size as text', { schemaVersion: 2, config: { ...config, size: '2' } }, 'config.size'],
    [
      'a size beyond 2^53',
      `{"schemaVersion":2,"config":{"digest":"${digest}","size":9007199254740993}}`,
      'config.size',
    ],
    ['layers that are no list', { schemaVersion: 2, config, layers: {} }, 'layers should be a list'],
    [
      'a layer that is none',
      { schemaVersion: 2, config, layers: [layer, 5] },
      'layers[1] should be an object, found 5',
    ],
    ['annotations that are no text', { schemaVersion: 2, config, annotations: { a: 1 } }, 'annotations["a"]'],
    ['schemaVersion as text', { schemaVersion: '2', config }, 'schemaVersion'],
    ['not an object', [], 'is not a JSON object'],
    ['null', 'null', 'is not a JSON object'],
    ['not JSON', '<html>', 'is not JSON'],
    ['nothing', '', 'is not JSON'],
  ])('is refused with %s', (_, document, message) => {
    expect(() => parse(document)).toThrow(expect.objectContaining({ code: 'INVALID_MANIFEST' }));
    expect(() => parse(document)).toThrow(message);
    expect(() => parse(document)).toThrow(`Manifest ${digest}`);
  });
});

describe('an index', () => {
  it('is decoded with its children', () => {
    const child = { mediaType: mediaTypes.ociManifest, digest: other, size: 5, platform: { os: 'linux' } };
    const manifest = parse({ schemaVersion: 2, manifests: [child] }, mediaTypes.ociIndex);
    expect(manifest.kind).toBe('index');
    expect(childrenOf(manifest)).toEqual([{ ...child, platform: { os: 'linux', architecture: '' } }]);
    expect(childrenOf(parse({ schemaVersion: 2, manifests: null }, mediaTypes.dockerManifestList))).toEqual([]);
  });

  it('is known by its own media type, whatever the sender says', () => {
    const mediaType = mediaTypes.ociIndex;
    expect(parse({ schemaVersion: 2, mediaType, manifests: [] }, mediaTypes.ociManifest).kind).toBe('index');
  });
});

describe('a document that could be read in two ways (CVE-2021-41190)', () => {
  const both = { schemaVersion: 2, config, layers: [layer], manifests: [config] };

  it.each([mediaTypes.ociManifest, mediaTypes.ociIndex, ''])('is refused as %j', (mediaType) => {
    expect(() => parse(both, mediaType)).toThrow('an image manifest and an index at once');
    expect(() => parse({ ...both, layers: undefined }, mediaType)).toThrow('at once');
    expect(() => parse({ ...both, config: undefined, layers: null }, mediaType)).toThrow('at once');
  });

  it('is refused when its fields contradict its type', () => {
    expect(() => parse({ schemaVersion: 2, manifests: [] }, mediaTypes.ociManifest)).toThrow('is an index');
    expect(() => parse({ schemaVersion: 2, config }, mediaTypes.ociIndex)).toThrow('is an image manifest');
    expect(() => parse({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, config })).toThrow('is an image manifest');
  });
});

describe('schema 1', () => {
  const document = { schemaVersion: 1, fsLayers: [{ blobSum: other }], signatures: [] };

  it('is recognised and its layers named, without sizes', () => {
    const manifest = parse(document, mediaTypes.dockerSchema1Signed);
    expect(manifest).toMatchObject({ kind: 'schema1', layers: [{ digest: other }] });
    expect(childrenOf(manifest)).toEqual([]);
    expect(parse(document, '').kind).toBe('schema1');
  });

  it('is refused when its layers are not named by digests', () => {
    expect(() => parse({ schemaVersion: 1, fsLayers: [{ blobSum: '../x' }] })).toThrow('Invalid digest "../x"');
    expect(() => parse({ schemaVersion: 1 })).toThrow('fsLayers should be a list');
  });
});

describe('the type of a manifest', () => {
  it.each([
    ['its own', { mediaType: mediaTypes.ociIndex, config }, mediaTypes.ociManifest, mediaTypes.ociIndex],
    ['an unknown one of its own', { mediaType: 'application/x' }, mediaTypes.ociManifest, 'application/x'],
    ["the sender's", { schemaVersion: 2, config }, mediaTypes.dockerManifest, mediaTypes.dockerManifest],
    ['that of an image by its fields', { schemaVersion: 2, config }, 'text/plain', mediaTypes.ociManifest],
    ['that of an index by its fields', { schemaVersion: 2, manifests: [] }, '', mediaTypes.ociIndex],
    ['schema 1', { schemaVersion: 1 }, '', mediaTypes.dockerSchema1],
    ['signed schema 1', { schemaVersion: 1, signatures: [] }, 'text/plain', mediaTypes.dockerSchema1Signed],
    ["the sender's when nothing shows it", { a: 1 }, 'text/plain', 'text/plain'],
    ['not that of an image when it is a config', { config: { Env: [] }, rootfs: {} }, '', ''],
    ["the sender's when it is no object", [1], 'text/plain', 'text/plain'],
    ["the sender's when it is no JSON", '<html>', 'text/html', 'text/html'],
  ])('is %s', (_, document, contentType, expected) => {
    expect(manifestTypeOf(bytesOf(document), contentType)).toBe(expected);
  });

  it('is found behind parameters and in any case (crane-cli section 15, item 5)', () => {
    expect(essenceOf(`${mediaTypes.ociIndex}; charset=utf-8`)).toBe(mediaTypes.ociIndex);
    expect(essenceOf(' Application/JSON ')).toBe('application/json');
    expect(essenceOf('')).toBe('');
  });
});
