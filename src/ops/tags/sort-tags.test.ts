import { describe, expect, it } from 'vitest';
import type { DescribedTag } from '../../store/described-tag.ts';
import { sortTags, type SortTagsOptions, type TagOrder } from './sort-tags.ts';

const tags: readonly DescribedTag[] = [
  { tag: 'latest', created: 3 },
  { tag: 'v10', created: 2 },
  { tag: '1.9', uploaded: 1 },
  { tag: 'edge' },
  { tag: 'V2', created: 3, uploaded: 9 },
  { tag: '1.10' },
];

describe('sortTags', () => {
  it('sorts by the characters of names', async () => {
    expect(await sorted('name')).toEqual(['1.10', '1.9', 'V2', 'edge', 'latest', 'v10']);
    expect(await sorted('name', { reverse: true })).toEqual(['v10', 'latest', 'edge', 'V2', '1.9', '1.10']);
  });

  it('sorts by versions, with what is none last, also the other way round', async () => {
    expect(await sorted('semver')).toEqual(['1.9', '1.10', 'V2', 'v10', 'edge', 'latest']);
    expect(await sorted('semver', { reverse: true })).toEqual(['v10', 'V2', '1.10', '1.9', 'edge', 'latest']);
  });

  it('sorts by time, with what has none last, also the other way round', async () => {
    expect(await sorted('created')).toEqual(['1.9', 'v10', 'V2', 'latest', '1.10', 'edge']);
    expect(await sorted('created', { reverse: true })).toEqual(['V2', 'latest', 'v10', '1.9', '1.10', 'edge']);
  });

  it('leaves what it is given as it is', async () => {
    const given = Object.freeze([...tags]);
    expect(await sortTags(given, 'name')).toHaveLength(tags.length);
  });
});

async function sorted(order: TagOrder, options?: SortTagsOptions): Promise<readonly string[]> {
  return (await sortTags(tags, order, options)).map(({ tag }) => tag);
}
