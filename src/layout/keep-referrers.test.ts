import { expect, it } from 'vitest';
import { imageOf, pushImage, type SampleImage } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { parseManifest } from '../oci/manifest.ts';
import { type Referrer, referrerIn, referrersTag } from '../oci/referrer.ts';
import { rawManifestOf } from '../ops/read.ts';
import { createLayout, openLayout, type LayoutStore } from './layout-store.ts';

const subject = imageOf('subject');
const seals = ['a', 'b', 'c', 'd'].map((name) =>
  imageOf(name, { artifactType: 'example/seal', subject: subject.target }),
);

async function layoutWithSeals(): Promise<LayoutStore> {
  const layout = await createLayout(await testDirectory());
  await pushImage(layout, subject, 'v1');
  for (const seal of seals) await pushImage(layout, seal);
  return layout;
}

function referrerOf({ bytes, target }: SampleImage): Referrer {
  const referrer = referrerIn(bytes, target);
  if (referrer === undefined) throw new Error('unreachable');
  return referrer;
}

async function listed(layout: LayoutStore): Promise<readonly string[]> {
  const root = await layout.resolve(referrersTag(subject.target.digest));
  const list = parseManifest(await rawManifestOf({ store: layout, root }), root);
  return list.kind === 'index' ? list.index.manifests.map(({ digest }) => digest) : [];
}

it('loses none when several write the list of a subject at the same time', async () => {
  const { path } = await layoutWithSeals();
  const writers = await Promise.all(seals.map(() => openLayout(path)));
  await Promise.all(
    seals.map(async (seal, i) => {
      await writers[i]?.keepReferrers([referrerOf(seal)]);
    }),
  );
  expect(await listed(await openLayout(path))).toEqual(seals.map(({ target }) => target.digest).toSorted());
});

it('does not tell of a listed referrer that somebody has deleted', async () => {
  const layout = await layoutWithSeals();
  await layout.keepReferrers(seals.map(referrerOf));
  const [first, ...others] = seals;
  if (first !== undefined) await layout.deleteManifest(first.target.digest);
  expect(await listed(layout)).toHaveLength(seals.length);
  const found = await layout.referrers(subject.target);
  expect(found.map(({ digest }) => digest).toSorted()).toEqual(others.map(({ target }) => target.digest).toSorted());
});
