import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/content/hash.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import type { RemoteStore } from '../../src/remote/remote-store.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { blobOf, imageOf, pushImage, type Sample } from '../conformance/samples.ts';
import type { ManifestQuirks } from '../simulated-registry/quirks.ts';
import { type SimulatedRegistry, simulateRegistry } from '../simulated-registry/simulate.ts';
import { countOf, seeded, storeOf } from './client.ts';

const image = imageOf('pushed');
const other = imageOf('another');

describe('manifests that a registry refuses', () => {
  it.each<readonly [string, ManifestQuirks, Sample]>([
    ['Docker types', { rejectDockerTypes: 415 }, dockerImage()],
    ['schema 1', { rejectSchema1: true }, schema1()],
    ['no type of its own', { requireMediaType: true }, untyped()],
    ['an artifact of a kind it has no list entry for', { artifactAllowList: [] }, image],
    ['an artifact that refers to another', { rejectReferrers: 405 }, artifact()],
    ['an index of both families', { rejectMixed: 400 }, mixedIndex()],
  ])('fail with the type and with what the registry says: %s (Q-54)', async (_, manifests, refused) => {
    await using registry = await withBlobs(manifests);
    await expect(storeOf(registry).push(refused.target, refused.bytes)).rejects.toSatisfy((error: Error) =>
      JSON.stringify([error.message, (error as { hint?: string }).hint]).includes(
        manifests.requireMediaType === true ? 'Invalid JSON' : refused.target.mediaType,
      ),
    );
  });

  it('that would change the kind of a tag fail with what the registry says (Q-54)', async () => {
    await using registry = await simulateRegistry({ manifests: { kindChange: 400 } });
    await seeded(registry, image);
    const index = indexOf(image);
    await expect(storeOf(registry).pushTagged(index.target, index.bytes, 'v1')).rejects.toThrow(/another kind/);
  });

  it('because they are too large fail with the limit (Q-56)', async () => {
    await using registry = await withBlobs({ maxBytes: 1000 });
    const long = imageOf('long', { annotations: { note: 'x'.repeat(2000) } });
    for (const { target, bytes } of long.blobs) await (await registry.content('app')).push(target, bytes);
    await expect(storeOf(registry).push(long.target, long.bytes)).rejects.toThrow(/larger than 1000 bytes/);
  });
});

describe('tags that cannot be changed', () => {
  it.each([400, 403, 409, 412] as const)(
    'are as good as put where they name the manifest already: %i (Q-55)',
    async (immutableTags) => {
      await using registry = await simulateRegistry({ manifests: { immutableTags } });
      const store = storeOf(registry);
      await pushImage(store, image, 'v1');
      await storeOf(registry).pushTagged(image.target, image.bytes, 'v1');
      await storeOf(registry).tag(image.target, 'v1');
    },
  );

  it.each([400, 403, 409, 412] as const)('are an error where they name another: %i (Q-55)', async (immutableTags) => {
    await using registry = await simulateRegistry({ manifests: { immutableTags } });
    await pushImage(storeOf(registry), image, 'v1');
    await expect(pushImage(storeOf(registry), other, 'v1')).rejects.toThrow(/immutable/);
    expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
  });
});

describe('blobs that a registry has and has not', () => {
  it('are sent again when a manifest is refused for want of them (Q-52)', async () => {
    await using registry = await simulateRegistry({ manifests: { staleHead: true } });
    const [, layer] = image.blobs;
    if (layer === undefined) throw new Error('An image has a layer');
    await pushImage(storeOf(registry), image);
    await registry.loseBlob('app', layer.target.digest);
    await (await registry.content('app')).push(other.target, other.bytes);
    const local = new MemoryStore();
    const next = imageOf('pushed', { annotations: { turn: 'next' } });
    await pushImage(local, next);
    await copyGraph(local, storeOf(registry), next.target, { tag: 'v2' });
    expect(await (await registry.content('app')).stat(layer.target)).toMatchObject({ size: layer.target.size });
  });
});

describe('manifests named by sha512', () => {
  const bytes = Buffer.from(image.bytes);
  const target = { ...image.target, digest: digestOf(bytes, 'sha512') };

  it.each([
    ['comma', 1],
    ['repeat', 1],
    ['ignore', 2],
  ] as const)('get their tag with the digest, or after it: %s (Q-87)', async (ociTag, puts) => {
    await using registry = await withBlobs({ ociTag });
    await storeOf(registry).pushTagged(target, bytes, 'v1');
    expect(countOf(registry, 'PUT', '/manifests/')).toBe(puts);
    expect((await (await registry.content('app')).resolve('v1')).size).toBe(target.size);
  });

  it('fail in words where a registry has no such digests (Q-87)', async () => {
    await using registry = await withBlobs({ sha512: 'reject' });
    await expect(storeOf(registry).push(target, bytes)).rejects.toThrow(/sha512/);
  });

  it('have a referrers tag of at most 64 characters after the algorithm (Q-87)', async () => {
    await using registry = await simulateRegistry({ referrers: 404 });
    const content = await registry.content('app');
    for (const blob of image.blobs) await content.push(blob.target, blob.bytes);
    await content.push(target, bytes);
    const referrer = imageOf('about', { subject: target });
    await pushWhole(storeOf(registry), referrer, referrer.blobs);
    const tag = `sha512-${target.digest.slice('sha512:'.length, 'sha512:'.length + 64)}`;
    expect((await content.resolve(tag)).mediaType).toBe(mediaTypes.ociIndex);
    expect(await storeOf(registry).referrers(target)).toHaveLength(1);
  });
});

async function withBlobs(manifests: ManifestQuirks): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({ manifests });
  await seeded(registry, image, 'held');
  const content = await registry.content('app');
  const docker = dockerImage();
  await content.push(empty.target, empty.bytes);
  await content.push(docker.target, docker.bytes);
  return registry;
}

async function pushWhole(store: RemoteStore, { target, bytes }: Sample, blobs: readonly Sample[]): Promise<void> {
  for (const blob of blobs) await store.push(blob.target, blob.bytes);
  await store.push(target, bytes);
}

const empty = blobOf('{}', mediaTypes.ociEmpty);

function manifestOf(mediaType: string, document: object): Sample {
  return blobOf(JSON.stringify({ schemaVersion: 2, mediaType, ...document }), mediaType);
}

function dockerImage(): Sample {
  const config = { ...blobOf('{}', mediaTypes.dockerConfig).target };
  return manifestOf(mediaTypes.dockerManifest, { config, layers: [] });
}

function schema1(): Sample {
  const document = { schemaVersion: 1, name: 'app', tag: 'v1', fsLayers: [{ blobSum: image.blobs[0]?.target.digest }] };
  return blobOf(JSON.stringify({ ...document, history: [] }), mediaTypes.dockerSchema1Signed);
}

function untyped(): Sample {
  const { mediaType: _type, ...document } = JSON.parse(Buffer.from(image.bytes).toString()) as Record<string, unknown>;
  return blobOf(JSON.stringify(document), mediaTypes.ociManifest);
}

function artifact(): Sample {
  const document = { artifactType: 'application/x.sbom', layers: [], subject: image.target };
  return manifestOf(mediaTypes.ociManifest, { config: blobOf('{}', mediaTypes.ociEmpty).target, ...document });
}

function indexOf(...samples: readonly Sample[]): Sample {
  return manifestOf(mediaTypes.ociIndex, { manifests: samples.map(({ target }) => target) });
}

function mixedIndex(): Sample {
  return indexOf(image, dockerImage());
}
