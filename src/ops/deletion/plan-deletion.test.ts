import { describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import { GuardedStore } from '../../../test/support/guarded-store.ts';
import { indexOf } from '../../../test/support/sample-image.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { hexOf } from '../../oci/digest.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { deleteManifest } from './delete-manifest.ts';
import { DeletionPlanner, planDeletion } from './plan-deletion.ts';

const image = imageOf('planned');
const other = imageOf('other');
const { digest } = image.target;

async function filled(store = new MemoryStore()): Promise<MemoryStore> {
  await pushImage(store, image, 'v1');
  await pushImage(store, other, 'other');
  await store.tag(image.target, 'latest');
  return store;
}

describe('a plan', () => {
  it('has all that goes with a manifest, and all that is of no use without it', async () => {
    const store = await filled();
    const referrer = imageOf('sbom', { artifactType: 'a/b', subject: image.target });
    await pushImage(store, referrer);
    const [index, unrelated] = [indexOf({ 'linux/amd64': image }), indexOf({ 'linux/amd64': other })];
    for (const [tag, { target, bytes }] of Object.entries({ all: index, again: index, rest: unrelated })) {
      await store.push(target, bytes);
      await store.tag(target, tag);
    }
    const attached = [`sha256-${hexOf(digest)}`, `sha256-${hexOf(digest)}.sig`];
    for (const tag of [...attached, `sha256-${hexOf(other.target.digest)}.sig`]) await store.tag(other.target, tag);
    expect(await planDeletion(store, digest)).toEqual({
      target: image.target,
      tags: ['latest', 'v1'],
      tagsUnknown: undefined,
      indexes: [{ digest: index.target.digest, tags: ['again', 'all'] }],
      indexesUnknown: undefined,
      referrers: [expect.objectContaining({ digest: referrer.target.digest, artifactType: 'a/b' })],
      referrersUnknown: undefined,
      digestTags: attached,
    });
  });

  it('leaves out what was deleted since', async () => {
    const store = await filled();
    const planner = new DeletionPlanner(store);
    expect((await planner.plan(digest)).tags).toEqual(['latest', 'v1']);
    planner.forget(['v1']);
    expect((await planner.plan(digest)).tags).toEqual(['latest']);
  });

  it('for what is not there fails', async () => {
    await expect(planDeletion(await filled(), imageOf('absent').target.digest)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('says what it does not know, and why', async () => {
    const overlay = new OverlayStore(new MemoryStore(), await filled());
    expect(await planDeletion(overlay, digest)).toMatchObject({
      tags: [],
      tagsUnknown: { code: 'UNSUPPORTED' },
      indexesUnknown: { code: 'UNSUPPORTED' },
      referrersUnknown: { code: 'UNSUPPORTED' },
    });
    expect(await planDeletion(await filled(), digest, { maxLookups: 2 })).toMatchObject({
      tags: [],
      tagsUnknown: { code: 'LIMIT_EXCEEDED', message: '3 tags are too many to ask for each' },
      referrersUnknown: undefined,
    });
    const hidden = await filled(new GuardedStore('other', 'DENIED'));
    expect(await planDeletion(hidden, digest)).toMatchObject({
      tags: ['latest', 'v1'],
      tagsUnknown: { code: 'DENIED' },
    });
    const index = indexOf({ 'linux/amd64': image });
    const many = await filled();
    await many.push(index.target, index.bytes);
    await many.tag(index.target, 'all');
    expect(await planDeletion(many, digest, { maxIndexes: 0 })).toMatchObject({
      tagsUnknown: undefined,
      indexes: [],
      indexesUnknown: { code: 'LIMIT_EXCEEDED' },
    });
  });

  it('is not made when the caller gives up', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(planDeletion(await filled(), digest, { signal })).rejects.toThrow('enough');
  });
});

describe('a manifest whose tags have to go first', () => {
  it('goes with those that may go, and with no others', async () => {
    const store = await filled(new TagsFirst());
    await expect(deleteManifest(store, digest)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(deleteManifest(store, digest, { tags: ['v1'] })).rejects.toMatchObject({ code: 'CONFLICT' });
    await deleteManifest(store, digest, { tags: ['v1', 'latest'] });
    expect(await store.stat(image.target)).toBeUndefined();
    expect(await store.resolve('other')).toEqual(other.target);
  });
});

class TagsFirst extends MemoryStore {
  override async deleteManifest(wanted: Descriptor['digest']): Promise<void> {
    for await (const page of this.tags()) {
      for (const tag of page) {
        if ((await this.resolve(tag)).digest === wanted) throw new OciError('CONFLICT', `${tag} names it`);
      }
    }
    return super.deleteManifest(wanted);
  }
}
