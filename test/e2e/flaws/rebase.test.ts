import { describe, expect, it } from 'vitest';
import { basedOn, stacked, stackedIndex } from '../../support/based-images.ts';
import { annotationsIn, configIn, entriesIn, imageRegistry } from '../../support/image-registry.ts';
import { craneInProcess } from '../../support/in-process.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { imageManifestOf } from '../../../src/ops/read.ts';

// Titles name the flaws of crane by their numbers in its behaviour specification, section 15.

const images = imageRegistry();

/** Rebases `app:v1` from `base:old` to `base:new`. */
async function rebase(...args: readonly string[]): Promise<string> {
  const base = `${images.host}/base`;
  const bases = ['--old_base', `${base}:old`, '--new_base', `${base}:new`];
  const result = await craneInProcess(['rebase', ...bases, ...args], { home: '/nowhere' });
  expect(result).toMatchObject({ code: 0 });
  return result.stdout;
}

describe('rebase', () => {
  it('1: keeps the first layer above the base when the image has no history', async () => {
    const config = { history: undefined };
    await images.put(await stacked(['old'], { config }), 'old', 'base');
    await images.put(await stacked(['new'], { config }), 'new', 'base');
    const app = await images.put(await stacked(['old', 'app1', 'app2'], { config }));
    await rebase(app);
    const { layers } = await imageManifestOf(await images.get());
    const expected = await imageManifestOf(await stacked(['new', 'app1', 'app2'], { config }));
    expect(layers).toEqual(expected.layers);
  });

  it('3: changes the image of an index that --platform names, and never replaces the index by it', async () => {
    const both = ['amd64', 'arm64'];
    await images.put(await stackedIndex(['old'], both), 'old', 'base');
    await images.put(await stackedIndex(['new'], both), 'new', 'base');
    const before = await stackedIndex(['old', 'app'], both);
    await rebase(await images.put(before), '--platform', 'linux/arm64');
    const after = await images.get();
    expect(after.root.mediaType).toBe(mediaTypes.ociIndex);
    const [amd64, arm64] = await entriesIn(after);
    expect(amd64).toEqual((await entriesIn(before))[0]);
    expect(arm64?.platform).toEqual({ os: 'linux', architecture: 'arm64' });
    expect(arm64?.digest).not.toBe((await entriesIn(before))[1]?.digest);
  });

  it('10: keeps annotations, variant, author, time and OCI media types', async () => {
    await images.put(await stacked(['old'], { family: 'docker' }), 'old', 'base');
    const newBase = await images.put(await stacked(['new'], { family: 'docker' }), 'new', 'base');
    const kept = { variant: 'v2', author: 'somebody', created: '2024-02-03T04:05:06Z', 'x.unknown': [1] };
    await rebase(await images.put(await stacked(['old', 'app'], { config: kept, annotations: { mine: 'yes' } })));
    const after = await images.get();
    expect(await configIn(after)).toMatchObject(kept);
    expect(await annotationsIn(after)).toEqual({ mine: 'yes', ...basedOn(newBase, await images.get('new', 'base')) });
    expect(after.root.mediaType).toBe(mediaTypes.ociManifest);
    const { config, layers } = await imageManifestOf(after);
    const types = [mediaTypes.ociConfig, mediaTypes.ociLayerGzip, mediaTypes.ociLayerGzip];
    expect([config, ...layers].map(({ mediaType }) => mediaType)).toEqual(types);
  });

  it('16: takes the image from --original', async () => {
    await images.put(await stacked(['old']), 'old', 'base');
    await images.put(await stacked(['new']), 'new', 'base');
    const stdout = await rebase('--original', await images.put(await stacked(['old', 'app'])));
    expect(stdout).toBe(`${images.host}/app@${(await images.get()).root.digest}\n`);
  });

  it('25: says in words where the layers of image and base differ', async () => {
    await images.put(await stacked(['old']), 'old', 'base');
    await images.put(await stacked(['other']), 'new', 'base');
    const app = await images.put(await stacked(['another', 'app']));
    const bases = ['--old_base', `${images.host}/base:old`, '--new_base', `${images.host}/base:new`];
    const { code, stderr } = await craneInProcess(['rebase', app, ...bases], { home: '/nowhere' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/layer 1 of the base's 1 differs: the image has sha256:\w+ \(diff ID .*, "ADD another"\)/);
  });
});
