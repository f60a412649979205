import { expect, it } from 'vitest';
import { imageOf } from '../../test/conformance/samples.ts';
import { CopyPlan } from './copy-plan.ts';

const [one, other] = [imageOf('one').target, imageOf('other').target];

it('tells tags and referrers in one order, whichever came first', async () => {
  const referrers = [one, other].map((descriptor) => ({ descriptor, subject: one.digest }));
  const plans = await Promise.all(
    [
      ['a', 'b', 'B'],
      ['b', 'B', 'a'],
    ].map(async (tags) => {
      const plan = new CopyPlan();
      for (const tag of tags) await plan.tag(one, tag);
      for (const referrer of tags[0] === 'a' ? referrers : referrers.toReversed()) await plan.keepReferrers([referrer]);
      return plan;
    }),
  );
  expect(plans.map((plan) => plan.tags.map(({ tag }) => tag))).toEqual([
    ['B', 'a', 'b'],
    ['B', 'a', 'b'],
  ]);
  expect(plans[0]?.referrers).toEqual(plans[1]?.referrers);
});
