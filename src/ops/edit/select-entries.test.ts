import { describe, expect, it } from 'vitest';
import {
  documentOf,
  digestsIn,
  imageFor,
  indexOf,
  platformIndex,
  platforms,
} from '../../../test/support/sample-index.ts';
import { parseDigest } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parsePlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { copyGraph } from '../copy.ts';
import { emptyIndex } from '../empty.ts';
import { filterIndex } from './filter-index.ts';
import { removeFromIndex } from './remove-from-index.ts';

describe('filterIndex()', () => {
  it('keeps what fits a platform, with its attestations, and what nobody knows', async () => {
    const index = await platformIndex();
    const [amd64, arm64, attestation] = index.entries;
    expect(await documentOf(await filterIndex(index, platforms('linux/amd64', 'linux/s390x')))).toEqual({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [amd64, attestation],
      'x-index': [1],
    });
    const dropped = await filterIndex(index, platforms('linux'), { attestations: 'drop' });
    expect((await documentOf(dropped)).manifests).toEqual([amd64, arm64]);
    expect(await filterIndex(index, platforms('linux'))).toBe(index);
  });

  it('refuses to leave nothing, unless it shall', async () => {
    const index = await platformIndex();
    await expect(filterIndex(index, platforms('linux/s390x'))).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      hint: 'Available platforms: linux/amd64, linux/arm64/v8',
    });
    await expect(filterIndex(index, [])).rejects.toMatchObject({ code: 'NO_MATCHING_PLATFORM' });
    const empty = await filterIndex(index, [], { allowEmpty: true });
    expect(await documentOf(empty)).toMatchObject({ manifests: [], 'x-index': [1] });
  });

  it('filters indexes within, and drops those of which nothing stays, and what states no platform', async () => {
    const [amd64, arm64] = [await imageFor('linux', 'amd64'), await imageFor('linux', 'arm64')];
    const inner = await indexOf([
      [amd64, { platform: parsePlatform('linux/amd64') }],
      [arm64, { platform: parsePlatform('linux/arm64') }],
    ]);
    const nothing = await indexOf([[amd64]]);
    const after = await filterIndex(
      await indexOf([[inner, { 'x-e': 1 }], [nothing], [amd64]]),
      platforms('linux/arm64'),
    );
    const { manifests } = await documentOf(after);
    expect(manifests).toMatchObject([{ mediaType: mediaTypes.ociIndex, 'x-e': 1 }]);
    const [first] = manifests;
    if (first !== undefined) expect(await digestsIn({ ...after, root: first })).toEqual([arm64.root.digest]);
    expect(await copyGraph(after.store, new MemoryStore(), after.root)).toMatchObject({ manifests: 3 });
  });
});

describe('filterIndex() of everything', () => {
  it('keeps all, and without attestations only those go', async () => {
    const index = await platformIndex();
    expect(await filterIndex(index, 'all')).toBe(index);
    const fewer = await filterIndex(index, 'all', { attestations: 'drop' });
    expect((await documentOf(fewer)).manifests).toEqual(index.entries.slice(0, 2));
  });

  it('says that no entry states a platform, or that there is none', async () => {
    const bare = await indexOf([[await imageFor('linux', 'amd64')]]);
    await expect(filterIndex(bare, platforms('linux'))).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      hint: 'Its entries state no platform',
    });
    await expect(filterIndex(await emptyIndex(), 'all')).rejects.toMatchObject({ hint: 'The index is empty' });
  });

  it('keeps what is attached by name to images that stay, be they listed deeper', async () => {
    const [amd64, arm64] = [await imageFor('linux', 'amd64'), await imageFor('linux', 'arm64')];
    const named = ({ root }: Artifact, more = ''): object => ({
      annotations: { 'org.opencontainers.image.ref.name': `${root.digest.replace(':', '-')}${more}` },
    });
    const inner = await indexOf([
      [amd64, { platform: parsePlatform('linux/amd64') }],
      [arm64, { platform: parsePlatform('linux/arm64') }],
    ]);
    const seal = await imageFor('', '');
    const layout = await indexOf([[inner], [seal, named(arm64, '.sig')], [await indexOf([[seal]]), named(amd64)]]);
    const after = await filterIndex(layout, platforms('linux/amd64'));
    expect((await documentOf(after)).manifests.map(({ digest }) => digest).slice(1)).toEqual([
      layout.entries[2]?.digest,
    ]);
  });
});

describe('removeFromIndex()', () => {
  it('removes by platform and by digest, with the attestations of what goes', async () => {
    const index = await platformIndex();
    const [amd64, arm64, attestation] = index.entries;
    const left = async (...entries: Parameters<typeof removeFromIndex>[1]): Promise<readonly object[]> =>
      (await documentOf(await removeFromIndex(index, entries))).manifests;
    expect(await left(parsePlatform('linux/amd64'))).toEqual([arm64]);
    expect(await left(...platforms('linux/arm64'))).toEqual([amd64, attestation]);
    expect(await left(index.attestation.digest)).toEqual([amd64, arm64]);
    expect(await left(parsePlatform('unknown'))).toEqual([amd64, arm64]);
    const nested = await indexOf([[index, { 'x-e': 1 }], [await imageFor('windows', 'amd64')]]);
    const after = await removeFromIndex(nested, platforms('linux/amd64'));
    expect((await documentOf(after)).manifests).toMatchObject([{ 'x-e': 1 }, {}]);
    const gone = await removeFromIndex(nested, [index.root.digest]);
    expect((await documentOf(gone)).manifests).toHaveLength(1);
  });

  it('refuses what is not there, and to leave nothing unless it shall', async () => {
    const index = await platformIndex();
    const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
    await expect(removeFromIndex(index, [digest])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: expect.stringContaining(index.attestation.digest),
    });
    await expect(removeFromIndex(index, platforms('linux/amd64', 'windows'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('"windows"'),
      hint: 'It lists linux/amd64, linux/arm64/v8, unknown/unknown',
    });
    await expect(removeFromIndex(index, platforms('linux', 'unknown'))).rejects.toMatchObject({ code: 'CONFLICT' });
    const empty = await removeFromIndex(index, platforms('linux', 'unknown'), { allowEmpty: true });
    expect(await documentOf(empty)).toMatchObject({ manifests: [], 'x-index': [1] });
  });
});
