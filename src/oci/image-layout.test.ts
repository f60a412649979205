import { describe, expect, it } from 'vitest';
import type { Descriptor } from './descriptor.ts';
import { type Digest, parseDigest } from './digest.ts';
import {
  emptyLayoutIndex,
  encodeLayoutIndex,
  entryOf,
  findEntry,
  layoutMarker,
  parseLayoutIndex,
  singleEntry,
  tagsOf,
  withEntry,
  withEntryReplaced,
  withoutTag,
} from './image-layout.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import { mediaTypes } from './media-type.ts';

const refName = 'org.opencontainers.image.ref.name';

function digestOf(digit: string): Digest {
  return parseDigest(`sha256:${digit.repeat(64)}`);
}

function entry(digit: string, name?: string): Descriptor {
  const target = { mediaType: mediaTypes.ociManifest, digest: digestOf(digit), size: 555 };
  return name === undefined ? target : { ...target, annotations: { [refName]: name } };
}

function manifestOf(document: object, mediaType: string = mediaTypes.ociManifest): Manifest {
  return parseManifest(Buffer.from(JSON.stringify(document)), { mediaType, digest: digestOf('0') });
}

const config = { mediaType: mediaTypes.ociConfig, digest: digestOf('f'), size: 2 };

describe('the files of a layout', () => {
  it('are those that crane pulls, byte for byte', () => {
    expect(layoutMarker).toHaveLength(37);
    const digest = parseDigest('sha256:46af8ae7a901d7c163664119cfbeb116e401a8d2905029f5ff479218cbc9e6f0');
    const target = { mediaType: mediaTypes.ociManifest, digest, size: 555 };
    const index = withEntry(emptyLayoutIndex, entryOf(target, manifestOf({ schemaVersion: 2, config, layers: [] })));
    expect(encodeLayoutIndex(index)).toBe(
      '{\n   "schemaVersion": 2,\n   "mediaType": "application/vnd.oci.image.index.v1+json",\n   "manifests": [\n' +
        '      {\n         "mediaType": "application/vnd.oci.image.manifest.v1+json",\n         "size": 555,\n' +
        '         "digest": "sha256:46af8ae7a901d7c163664119cfbeb116e401a8d2905029f5ff479218cbc9e6f0",\n' +
        '         "artifactType": "application/vnd.oci.image.config.v1+json"\n      }\n   ]\n}',
    );
  });

  it('of an index carry no artifact type', () => {
    const target = { ...entry('1'), mediaType: mediaTypes.ociIndex };
    const manifest = manifestOf({ schemaVersion: 2, manifests: [], annotations: { a: 'b' } }, mediaTypes.ociIndex);
    expect(entryOf(target, manifest)).toEqual(target);
  });

  it('put known members in crane’s order, unknown ones after them, and sort annotations by bytes', () => {
    const text =
      '{"x":1,"manifests":[{"y":2,"platform":{"os":"linux","z":3,"architecture":"arm"},"annotations":{"b":"<","10":"","a":"","9":""},' +
      `"digest":"${digestOf('1')}","urls":["u"],"data":"e30=","size":2,"mediaType":"m"}],"schemaVersion":2}`;
    expect(encodeLayoutIndex(parseLayoutIndex(Buffer.from(text), 'it')).replaceAll(/\n */g, '')).toBe(
      `{"schemaVersion": 2,"manifests": [{"mediaType": "m","size": 2,"digest": "${digestOf('1')}","data": "e30=",` +
        '"urls": ["u"],"annotations": {"10": "","9": "","a": "","b": "\\u003c"},' +
        '"platform": {"architecture": "arm","os": "linux","z": 3},"y": 2}],"x": 1}',
    );
  });
});

describe('an entry', () => {
  it('carries annotations and artifact type of the manifest, and what is asked for', () => {
    const manifest = manifestOf({
      schemaVersion: 2,
      artifactType: 'application/vnd.example',
      config,
      annotations: { a: '1', b: '2', [refName]: 'ignored' },
    });
    const platform = { os: 'linux', architecture: 'arm64' };
    expect(entryOf(entry('1'), manifest, { refName: 'v1', platform, annotations: { b: '3' } })).toEqual({
      ...entry('1'),
      annotations: { a: '1', b: '3', [refName]: 'v1' },
      platform,
      artifactType: 'application/vnd.example',
    });
  });

  const cases: readonly (readonly [title: string, before: Descriptor[], added: Descriptor, after: Descriptor[]])[] = [
    ['is put at the end', [entry('1')], entry('2'), [entry('1'), entry('2')]],
    ['is not doubled', [entry('1'), entry('2')], entry('1'), [entry('1'), entry('2')]],
    ['takes the place of its name', [entry('1', 'a'), entry('2')], entry('3', 'a'), [entry('3', 'a'), entry('2')]],
    ['names a nameless one', [entry('1'), entry('2')], entry('1', 'a'), [entry('1', 'a'), entry('2')]],
    ['keeps the name it has', [entry('1', 'a')], entry('1'), [entry('1', 'a')]],
    ['may have two names', [entry('1', 'a')], entry('1', 'b'), [entry('1', 'a'), entry('1', 'b')]],
    ['ends older doubles', [entry('1', 'a'), entry('2', 'a'), entry('3')], entry('3', 'a'), [entry('3', 'a')]],
    ['ends nameless doubles', [entry('1'), entry('1'), entry('1', 'a')], entry('1'), [entry('1'), entry('1', 'a')]],
  ];
  it.each(cases)('%s', (_, before, added, after) => {
    expect(withEntry({ ...emptyLayoutIndex, manifests: before }, added).manifests).toEqual(after);
  });

  it('keeps unknown members when the same image is added again', () => {
    const old = { ...entry('1', 'a'), 'x-more': 1 };
    const platform = { os: 'linux', architecture: 'arm' };
    const index = withEntry({ ...emptyLayoutIndex, manifests: [old] }, { ...entry('1'), platform });
    expect(index.manifests).toEqual([{ ...old, platform }]);
  });
});

describe('finding an entry', () => {
  const index = {
    ...emptyLayoutIndex,
    manifests: [
      entry('1', 'v1'),
      entry('2', 'registry.example.com/a:v2'),
      entry('3', 'registry.example.com/b:v2'),
      entry('4', 'moved'),
      entry('5', 'moved'),
      entry('6', 'what is: this?'),
      entry('7', 'docker.io/library/alpine:3'),
      { ...entry('8', 'multi'), platform: { os: 'linux', architecture: 'amd64' } },
      { ...entry('9', 'multi'), platform: { os: 'linux', architecture: 'arm64' } },
    ],
  };

  it.each([
    ['v1', '1'],
    ['registry.example.com/a:v2', '2'],
    ['3', '7'],
    ['moved', '5'],
    ['what is: this?', '6'],
  ])('named %s gives %s', (tag, digit) => {
    expect(findEntry(index, tag, 'it')?.digest).toBe(digestOf(digit));
  });

  it('fails when the name fits several, and gives nothing when it fits none', () => {
    expect(() => findEntry(index, 'v2', 'it')).toThrow(expect.objectContaining({ code: 'AMBIGUOUS' }));
    expect(() => findEntry(index, 'multi', 'it')).toThrow(/linux\/amd64 .*linux\/arm64/);
    expect(findEntry(index, 'latest', 'it')).toBeUndefined();
    expect(findEntry(index, '', 'it')).toBeUndefined();
  });

  it('lists the tags that find one', () => {
    expect(tagsOf(index)).toEqual(['3', 'moved', 'multi', 'v1', 'v2']);
  });

  it('without a name works when there is one image, under however many names', () => {
    const twice = { ...emptyLayoutIndex, manifests: [entry('1', 'a'), entry('1', 'b')] };
    expect(singleEntry(twice, 'it').digest).toBe(digestOf('1'));
    expect(() => singleEntry(emptyLayoutIndex, 'It')).toThrow('It lists no image');
    expect(() => singleEntry(index, 'It')).toThrow('It lists 9 entries: "v1"');
    const many = { ...emptyLayoutIndex, manifests: Array.from('123456789abc', (digit) => entry(digit)) };
    expect(() => singleEntry(many, 'It')).toThrow(/, …$/);
  });
});

it('loses a name but not the image', () => {
  const manifests = [
    { ...entry('1', 'a'), annotations: { [refName]: 'a', kept: 'x' } },
    entry('2', 'b'),
    entry('2', 'c'),
  ];
  const index = { ...emptyLayoutIndex, manifests };
  expect(withoutTag(index, 'a').manifests[0]).toEqual({ ...entry('1'), annotations: { kept: 'x' } });
  expect(withoutTag(index, 'b').manifests).toHaveLength(2);
  expect(withoutTag(withoutTag(index, 'b'), 'c').manifests[1]).toEqual(entry('2'));
});

describe('an entry in place of another manifest', () => {
  const cases: readonly (readonly [title: string, before: Descriptor[], after: Descriptor[]])[] = [
    ['has its place', [entry('1'), entry('2')], [entry('9'), entry('2')]],
    ['has its name', [entry('2'), entry('1', 'a')], [entry('2'), entry('9', 'a')]],
    [
      'has all of its names',
      [entry('1', 'a'), entry('2'), entry('1', 'b')],
      [entry('9', 'a'), entry('9', 'b'), entry('2')],
    ],
    ['is not doubled', [entry('1'), entry('1')], [entry('9')]],
    ['is listed once when it was there without a name', [entry('9'), entry('1', 'a')], [entry('9', 'a')]],
    ['keeps other names that it has', [entry('9', 'b'), entry('1', 'a')], [entry('9', 'b'), entry('9', 'a')]],
    ['is put at the end where the other is not listed', [entry('2')], [entry('2'), entry('9')]],
  ];
  it.each(cases)('%s', (_, before, after) => {
    const index = withEntryReplaced({ ...emptyLayoutIndex, manifests: before }, digestOf('1'), entry('9'));
    expect(index.manifests).toEqual(after);
  });

  it('says of itself what it says, with the name of the other', () => {
    const old = {
      ...entry('1', 'a'),
      annotations: { [refName]: 'a', old: 'x' },
      platform: { os: 'a', architecture: '' },
    };
    const fresh = { ...entry('9'), annotations: { fresh: 'y' } };
    const index = withEntryReplaced({ ...emptyLayoutIndex, manifests: [old] }, digestOf('1'), fresh);
    expect(index.manifests).toEqual([{ ...fresh, annotations: { [refName]: 'a', fresh: 'y' } }]);
  });

  it('is added where it is the same manifest', () => {
    const index = { ...emptyLayoutIndex, manifests: [entry('1', 'a')] };
    expect(withEntryReplaced(index, digestOf('1'), entry('1')).manifests).toEqual([entry('1', 'a')]);
  });
});
