import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { digestOf } from '../content/hash.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { openLayout, openOrCreateLayout } from './layout-store.ts';

const refName = 'org.opencontainers.image.ref.name';

describe('what index.json lists', () => {
  it('lists a manifest in place of another, under its names', async () => {
    const store = await openOrCreateLayout(await testDirectory());
    const [old, fresh, other] = [imageOf('old'), imageOf('fresh', { annotations: { a: 'b' } }), imageOf('other')];
    await pushImage(store, old, 'v1');
    await pushImage(store, other, 'v2');
    await store.tag(old.target, 'latest');
    await pushImage(store, fresh);
    await store.replace(old.target.digest, fresh.target);
    const { digest } = fresh.target;
    expect(await store.entries()).toMatchObject([
      { digest, annotations: { [refName]: 'v1', a: 'b' } },
      { digest, annotations: { [refName]: 'latest', a: 'b' } },
      { digest: other.target.digest },
    ]);
    await store.replace(old.target.digest, fresh.target);
    expect(await store.entries()).toHaveLength(3);
    await expect(store.replace(digest, imageOf('missing').target)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is replaced whole only where nobody has changed it since it was read', async () => {
    const path = join(await testDirectory(), 'layout');
    const store = await openOrCreateLayout(path);
    const image = imageOf('image');
    const list = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [image.target] };
    expect(await store.isThere()).toBe(false);
    expect(await store.replaceIndex(digestOf(Buffer.from('x')), list)).toBe(false);
    await pushImage(store, image);
    expect(await store.replaceIndex(undefined, list)).toBe(true);
    expect(await (await openLayout(path)).entries()).toEqual([image.target]);
    const { root } = await store.indexArtifact();
    await store.tag(image.target, 'v1');
    expect(await store.replaceIndex(root.digest, { ...list, manifests: [] })).toBe(false);
    expect(await store.replaceIndex((await store.indexArtifact()).root.digest, { ...list, manifests: [] })).toBe(true);
    expect(await store.entries()).toEqual([]);
  });
});
