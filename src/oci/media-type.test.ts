import { describe, expect, it } from 'vitest';
import {
  isImageConfigType,
  isImageType,
  isIndexType,
  isLayerType,
  isManifestType,
  isNonDistributableType,
  isSchema1Type,
  mediaTypes,
} from './media-type.ts';

describe('media types', () => {
  const kinds: readonly (readonly [type: string, kinds: string])[] = [
    [mediaTypes.ociIndex, 'manifest index'],
    [mediaTypes.dockerManifestList, 'manifest index'],
    [mediaTypes.ociManifest, 'manifest image'],
    [mediaTypes.dockerManifest, 'manifest image'],
    [mediaTypes.dockerSchema1, 'manifest schema1'],
    [mediaTypes.dockerSchema1Signed, 'manifest schema1'],
    [mediaTypes.ociConfig, 'config'],
    [mediaTypes.dockerConfig, 'config'],
    [mediaTypes.ociEmpty, ''],
    [mediaTypes.octetStream, ''],
    [mediaTypes.ociLayer, 'layer'],
    [mediaTypes.ociLayerGzip, 'layer'],
    [mediaTypes.ociLayerZstd, 'layer'],
    [mediaTypes.dockerLayer, 'layer'],
    [mediaTypes.dockerLayerGzip, 'layer'],
    [mediaTypes.dockerLayerZstd, 'layer'],
    [mediaTypes.ociRestrictedLayer, 'layer restricted'],
    [mediaTypes.ociRestrictedLayerGzip, 'layer restricted'],
    [mediaTypes.ociRestrictedLayerZstd, 'layer restricted'],
    [mediaTypes.dockerForeignLayer, 'layer restricted'],
    [mediaTypes.dockerForeignLayerGzip, 'layer restricted'],
    ['', ''],
    ['toString', ''],
  ];
  const tests: Readonly<Record<string, (type: string) => boolean>> = {
    manifest: isManifestType,
    index: isIndexType,
    image: isImageType,
    schema1: isSchema1Type,
    config: isImageConfigType,
    layer: isLayerType,
    restricted: isNonDistributableType,
  };

  it.each(kinds)('%s is of the kinds: %s', (type, expected) => {
    const found = Object.entries(tests).filter(([, test]) => test(type));
    expect(found.map(([kind]) => kind)).toEqual(expected.split(' ').filter((kind) => kind !== ''));
  });

  it('that are known all have a row here', () => {
    expect(kinds.map(([type]) => type)).toEqual(expect.arrayContaining(Object.values(mediaTypes)));
  });
});
