import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { blobOf, type Sample } from '../conformance/samples.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';
import { crane } from '../support/command.ts';
import { testDirectory } from '../support/test-directory.ts';

const tags = Array.from({ length: 10_000 }, (_, i) => `v${String(i).padStart(5, '0')}`);
const layers = 2000;
/** Node alone takes about 45 MB. */
const maxMemory = 150 * 1024 * 1024;

describe('crane with much of everything', () => {
  let registry: SimulatedRegistry;
  let image: Sample;

  beforeAll(async () => {
    registry = await simulateRegistry({ tags: { page: 100 }, anonymous: { pull: ['*'], push: ['*'] } });
    const store = await registry.content('many');
    image = manyLayers();
    for (const { target, bytes } of layersOf()) await store.push(target, bytes);
    await store.push(image.target, image.bytes);
    await store.tag(image.target, 'latest');
    const tagged = await registry.content('tagged');
    const [config] = layersOf();
    if (config === undefined) throw new Error('There is a config');
    const small = blobOf(manifestOf(config, []), mediaTypes.ociManifest);
    await tagged.push(config.target, config.bytes);
    await tagged.push(small.target, small.bytes);
    for (const tag of tags) await tagged.tag(small.target, tag);
  });

  afterAll(async () => registry.close());

  it('lists 10,000 tags, a hundred at a time, each once', async () => {
    const { stdout, code, peakMemory } = await crane(['ls', `${registry.host}/tagged`]);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').toSorted()).toEqual(tags);
    expect(peakMemory).toBeLessThan(maxMemory);
  });

  it('copies an image of 2,000 layers', async () => {
    const result = await crane(['copy', `${registry.host}/many`, `${registry.host}/elsewhere`]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.peakMemory).toBeLessThan(maxMemory);
    expect(await (await registry.content('elsewhere')).resolve('latest')).toEqual(image.target);
  });

  it('pulls an image of 2,000 layers with one job', async () => {
    const path = join(await testDirectory(), 'layout');
    const pulled = await crane(['copy', '--jobs', '1', `${registry.host}/many`, `oci:${path}:latest`]);
    expect(pulled).toMatchObject({ code: 0 });
    expect(pulled.peakMemory).toBeLessThan(maxMemory);
    expect(await crane(['digest', `oci:${path}:latest`])).toMatchObject({ stdout: `${image.target.digest}\n` });
  });
});

function layersOf(): readonly Sample[] {
  const config = blobOf(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }),
    mediaTypes.ociConfig,
  );
  return [config, ...Array.from({ length: layers }, (_, i) => blobOf(`layer ${i} `.repeat(50), mediaTypes.ociLayer))];
}

function manyLayers(): Sample {
  const [config, ...others] = layersOf();
  if (config === undefined) throw new Error('There is a config');
  return blobOf(manifestOf(config, others), mediaTypes.ociManifest);
}

function manifestOf(config: Sample, others: readonly Sample[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.target,
    layers: others.map(({ target }) => target),
  });
}
