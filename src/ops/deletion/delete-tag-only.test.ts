import { describe, expect, it } from 'vitest';
import { imageOf, pushImage, type SampleImage } from '../../../test/conformance/samples.ts';
import { countOf, seeded, storeOf } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import {
  type SimulatedRegistry,
  type SimulateOptions,
  simulateRegistry,
} from '../../../test/simulated-registry/simulate.ts';
import { indexOf } from '../../../test/support/sample-image.ts';
import { collect } from '../../content/bytes.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { canListTags } from '../../store/capabilities.ts';
import { MemoryStore } from '../../store/memory.ts';
import { deleteTagOnly } from './delete-tag-only.ts';

// demand-and-quirks reference, Q-70.

const image = imageOf('tagged');

describe('a tag alone', () => {
  it('is deleted by its name where that can be', async () => {
    await using registry = await withImage({});
    expect(await deleteTagOnly(storeOf(registry), 'v1')).toBe('tag');
    expect(await tagsOf(registry)).toEqual(['latest']);
    expect(countOf(registry, 'PUT', '/manifests/')).toBe(0);
  });

  it.each([400, 404, 405] as const)('is deleted by way of another image where it is refused with %i', async (tag) => {
    await using registry = await withImage({ del: { tag } });
    expect(await deleteTagOnly(storeOf(registry), 'v1')).toBe('placeholder');
    expect(await tagsOf(registry)).toEqual(['latest']);
    const content = await registry.content('app');
    expect(await content.resolve('latest')).toEqual(image.target);
    expect(await bytesOf(registry, image.target)).toEqual(Buffer.from(image.bytes));
  });

  it('is deleted at Azure, where its manifest stays', async () => {
    await using registry = await withImage(profile('acr'));
    expect(await deleteTagOnly(storeOf(registry), 'v1')).toBe('placeholder');
    expect(await tagsOf(registry)).toEqual(['latest']);
  });

  it('that names an index leaves the index', async () => {
    await using registry = await withImage({ del: { tag: 405 } });
    const index = indexOf({ 'linux/amd64': image });
    const content = await registry.content('app');
    await content.push(index.target, index.bytes);
    await content.tag(index.target, 'all');
    await deleteTagOnly(storeOf(registry), 'all');
    expect(await tagsOf(registry)).toEqual(['latest', 'v1']);
    expect(await bytesOf(registry, index.target)).toEqual(Buffer.from(index.bytes));
  });

  it('is deleted from a store without tricks', async () => {
    const store = new MemoryStore();
    await pushImage(store, image, 'v1');
    expect(await deleteTagOnly(store, 'v1')).toBe('tag');
    expect(await store.resolve(image.target.digest)).toEqual(image.target);
  });

  it('that is not there is said not to be there, and nothing is pushed', async () => {
    for (const del of [{}, { tag: 405 }, { tag: 404 }] as const) {
      await using registry = await withImage({ del });
      await expect(deleteTagOnly(storeOf(registry), 'v9')).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(countOf(registry, 'PUT', '')).toBe(0);
    }
  });
});

describe('a tag that cannot be deleted', () => {
  it.each([400, 401, 404, 405, 'dangling-tag'] as const)(
    'names again what it did, where the other image is refused to be deleted (%s)',
    async (digest) => {
      await using registry = await withImage({ del: { tag: 405, digest } });
      await expect(deleteTagOnly(storeOf(registry), 'v1')).rejects.toMatchObject({
        message: expect.stringContaining('The tag "v1" could not be deleted, it is as it was: could not ') as string,
      });
      await expectUnchanged(registry);
    },
  );

  it.each(['/blobs/', '/manifests/'])('names what it did, where another image is not taken (%s)', async (part) => {
    await using registry = await withImage({ del: { tag: 405 } });
    registry.fault = ({ method, path }) => (method === 'PUT' && path.includes(part) ? 400 : undefined);
    await expect(deleteTagOnly(storeOf(registry), 'v1')).rejects.toThrow('it is as it was');
    await expectUnchanged(registry);
  });

  it('names again what it did, when the caller gives up in the middle', async () => {
    await using registry = await withImage({ del: { tag: 405 } });
    const abort = new AbortController();
    registry.fault = ({ method, path }) => {
      if (method !== 'DELETE' || !path.includes('sha256:')) return undefined;
      abort.abort(new Error('enough'));
      return 'cut';
    };
    await expect(deleteTagOnly(storeOf(registry), 'v1', { signal: abort.signal })).rejects.toThrow('enough');
    await expectUnchanged(registry);
  });

  it('is left to whoever changed it meanwhile', async () => {
    const store = new Stubborn();
    await pushImage(store, image, 'v1');
    const theirs = imageOf('theirs');
    store.onTagged = () => pushImage(store, theirs, 'v1');
    await expect(deleteTagOnly(store, 'v1')).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `The tag "v1" could not be deleted, it names ${theirs.target.digest} now and named ${image.target.digest} before: the tag "v1" has been changed by somebody else`,
    });
    expect(await store.resolve('v1')).toEqual(theirs.target);
    expect(store.manifests).toEqual([image.target, theirs.target]);
  });

  it('and cannot be put back either is told with what it named', async () => {
    const store = new Stubborn();
    await pushImage(store, image, 'v1');
    store.onDelete = async () => {
      store.refusesTags = true;
      throw new OciError('DENIED', 'The right to delete is missing');
    };
    await expect(deleteTagOnly(store, 'v1')).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(
        `^The tag "v1" names a placeholder now, sha256:[a-f0-9]{64}, and not ${image.target.digest}, which could not be put back: the right to delete is missing; and then: no more tags$`,
      ) as string,
      hint: expect.stringContaining(`@${image.target.digest} v1`) as string,
    });
  });
});

/** A registry that deletes no tags, and lets others in between. */
class Stubborn extends MemoryStore {
  onTagged: () => Promise<void> = async () => {};
  onDelete: () => Promise<void> = async () => {};
  refusesTags = false;

  override async deleteTag(): Promise<void> {
    throw new OciError('UNSUPPORTED', 'Tags are not deleted here');
  }

  override async tag(target: Descriptor, reference: string): Promise<void> {
    if (this.refusesTags) throw new OciError('DENIED', 'No more tags');
    await super.tag(target, reference);
    const then = this.onTagged;
    this.onTagged = async () => {};
    await then();
  }

  override async deleteManifest(digest: Digest): Promise<void> {
    await this.onDelete();
    await super.deleteManifest(digest);
  }
}

async function withImage(options: SimulateOptions): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  await seeded(registry, image, 'v1');
  await seeded(registry, image, 'latest');
  return registry;
}

async function tagsOf(registry: SimulatedRegistry): Promise<readonly string[]> {
  const found: string[] = [];
  const content = await registry.content('app');
  if (canListTags(content)) for await (const page of content.tags()) found.push(...page);
  return found;
}

async function bytesOf(registry: SimulatedRegistry, target: Descriptor): Promise<Buffer> {
  return Buffer.from(await collect(await (await registry.content('app')).fetch(target), target.size));
}

async function expectUnchanged(registry: SimulatedRegistry, kept: SampleImage = image): Promise<void> {
  const content = await registry.content('app');
  expect(await tagsOf(registry)).toEqual(['latest', 'v1']);
  expect(await content.resolve('v1')).toEqual(kept.target);
  expect(await bytesOf(registry, kept.target)).toEqual(Buffer.from(kept.bytes));
}
