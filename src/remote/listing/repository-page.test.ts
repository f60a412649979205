import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRepositoryPage, type RepositoryPage } from './repository-page.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('a page of a repository', () => {
  it('has what Google tells: children, and manifests with sizes, times and tags', () => {
    const page = read({
      child: ['web', 'deep/er'],
      manifest: {
        [digest]: {
          imageSizeBytes: '1234',
          layerId: '',
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          tag: ['latest', 'v1'],
          timeCreatedMs: '-62135596800000',
          timeUploadedMs: '1700000000000',
        },
      },
      name: 'project/app',
      tags: ['latest', 'v1'],
    });
    expect(page).toEqual({
      name: 'project/app',
      listsManifests: true,
      listsChildren: true,
      children: ['web', 'deep/er'],
      manifests: [
        {
          digest,
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          imageSize: 1234,
          created: -62135596800000,
          uploaded: 1700000000000,
          tags: ['latest', 'v1'],
        },
      ],
      tags: ['latest', 'v1'],
    });
  });

  it('of an empty repository still tells that manifests are listed', () => {
    expect(read({ child: [], manifest: {}, name: 'a', tags: [] })).toMatchObject({ listsManifests: true });
    expect(read({ name: 'a', tags: null })).toMatchObject({ listsManifests: false, tags: [] });
  });

  it('leaves out what is no name, no digest, no tag and no number', () => {
    const page = read({
      child: ['..', '../up', 'UPPER', 'a//b', '', 7, null, 'x'.repeat(300), 'good'],
      manifest: {
        nonsense: { tag: ['lost'] },
        [digest]: { imageSizeBytes: '-5', mediaType: 'a\u001b[31m', timeUploadedMs: '1e9', tag: ['../x', 'ok', 5] },
        [`sha256:${'b'.repeat(64)}`]: 'a text',
      },
      tags: 'none',
      name: ['list'],
    });
    expect(page.children).toEqual(['good']);
    expect(page.manifests).toEqual([{ digest, mediaType: '', tags: ['ok'] }]);
    expect(page).toMatchObject({ name: '', tags: [] });
  });

  it.each([
    ['a list', '[]'],
    ['nothing', 'null'],
    ['a word', '"tags"'],
  ])('that is %s tells nothing', (_, text) => {
    expect(readText(text)).toMatchObject({ listsManifests: false, children: [], manifests: [], tags: [] });
  });

  it('that is no JSON is an error that names the host', () => {
    expect(() => readText('<html>')).toThrowError(/registry\.test/);
  });

  it('never fails for what is JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('child', 'manifest', 'name', 'tags'), fc.jsonValue()), (document) => {
        expect(read(document).tags.every((tag) => /^\w/.test(tag))).toBe(true);
      }),
    );
  });
});

function read(document: object): RepositoryPage {
  return readText(JSON.stringify(document));
}

function readText(text: string): RepositoryPage {
  const answer = { bytes: Buffer.from(text), url: new URL('https://registry.test/v2/a/tags/list') };
  return parseRepositoryPage(answer as unknown as Parameters<typeof parseRepositoryPage>[0], 'project/app');
}
