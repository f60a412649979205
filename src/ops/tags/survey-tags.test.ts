import { describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import { GuardedStore } from '../../../test/support/guarded-store.ts';
import { MemoryStore } from '../../store/memory.ts';
import { surveyTags } from './survey-tags.ts';

const image = imageOf('surveyed');

async function filled(store: MemoryStore): Promise<MemoryStore> {
  await pushImage(store, image, 'v1');
  await store.tag(image.target, 'latest');
  await pushImage(store, imageOf('other'), 'other');
  return store;
}

describe('a survey of tags', () => {
  it('passes over tags that have gone meanwhile', async () => {
    const { tags, targets, gap } = await surveyTags(await filled(new GuardedStore('v1', 'NOT_FOUND')));
    expect([tags, Array.from(targets.keys()).toSorted(), gap]).toEqual([
      ['latest', 'other', 'v1'],
      ['latest', 'other'],
      undefined,
    ]);
  });

  it('ends where the network does', async () => {
    const store = await filled(new GuardedStore('v1', 'NETWORK'));
    await expect(surveyTags(store)).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('asks for none where they are too many to ask for each', async () => {
    const { tags, targets, gap } = await surveyTags(await filled(new MemoryStore()), { maxLookups: 2 });
    expect([tags.length, targets.size]).toEqual([3, 0]);
    expect(gap).toMatchObject({ code: 'LIMIT_EXCEEDED', message: '3 tags are too many to ask for each' });
  });
});
