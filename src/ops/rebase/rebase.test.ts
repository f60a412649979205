import { describe, expect, it } from 'vitest';
import { tarOf } from '../../../test/support/sample-image.ts';
import { builtImage, builtIndex, documentOf, type ImageRecipe } from '../../../test/support/built-image.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { ImageIndex, ImageManifest } from '../../oci/manifest.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { configOf, imageManifestOf, rawConfigOf } from '../read.ts';
import { validate } from '../validate.ts';
import { rebase, type RebaseBases } from './rebase.ts';

const tar = (name: string): Buffer => tarOf({ [name]: `content of ${name}` });
const step = (created_by: string, more: object = {}): object => ({
  created: '2024-01-15T10:00:00Z',
  created_by,
  ...more,
});
const env = (created_by: string): object => step(created_by, { empty_layer: true });

const [a1, a2] = [tar('a1'), tar('a2')];
const [b1, b2, b3] = [tar('b1'), tar('b2'), tar('b3')];
const [s1, s2] = [tar('s1'), tar('s2')];
const historyA = [step('ADD a1'), step('ADD a2'), env('ENV A=1')];
const historyB = [step('ADD b1'), env('ENV B=1'), step('ADD b2'), step('ADD b3')];
const historyS = [env('ENV S=1'), step('ADD s1'), step('ADD s2'), env('CMD s')];

const baseA = (more: Partial<ImageRecipe> = {}): Promise<Artifact> =>
  builtImage({ tars: [a1, a2], config: { history: historyA }, ...more });
const baseB = (more: Partial<ImageRecipe> = {}): Promise<Artifact> =>
  builtImage({ tars: [b1, b2, b3], config: { history: historyB }, ...more });
const image = (config: object = {}, more: Partial<ImageRecipe> = {}): Promise<Artifact> =>
  builtImage({ tars: [a1, a2, s1, s2], config: { history: [...historyA, ...historyS], ...config }, ...more });

async function diffIdsOf(artifact: Artifact): Promise<readonly string[]> {
  return (await configOf(artifact)).rootfs.diff_ids;
}

async function stepsOf(artifact: Artifact): Promise<readonly (string | undefined)[]> {
  return (await configOf(artifact)).history.map(({ created_by }) => created_by);
}

const digestsOf = async (recipe: readonly Buffer[]): Promise<readonly string[]> =>
  diffIdsOf(await builtImage({ tars: recipe }));

describe('rebase', () => {
  it('puts the layers of the image on those of the new base, with the history of both', async () => {
    const result = await rebase(await image(), { oldBase: await baseA(), newBase: await baseB() });
    expect(await diffIdsOf(result)).toEqual(await digestsOf([b1, b2, b3, s1, s2]));
    expect(await stepsOf(result)).toEqual(
      [...historyB, ...historyS].map((one) => (one as { created_by: string }).created_by),
    );
    expect(await validate(result)).toEqual([]);
  });

  it('keeps settings, author, time, annotations, subject and what nobody knows', async () => {
    const config = {
      author: 'somebody',
      created: '2024-02-03T04:05:06Z',
      variant: 'v2',
      config: { Env: ['S=1'], Cmd: ['s'], Labels: { a: 'b' }, X: 1 },
      'x.unknown': { deep: [1] },
    };
    const subject = { mediaType: mediaTypes.ociManifest, digest: `sha256:${'a'.repeat(64)}`, size: 1 };
    const before = await image(config, { annotations: { mine: 'yes' }, manifest: { subject, 'x.other': true } });
    const result = await rebase(before, { oldBase: await baseA(), newBase: await baseB() });
    const after = JSON.parse(Buffer.from(await rawConfigOf(result)).toString()) as object;
    expect(after).toMatchObject(config);
    const manifest = await documentOf<object>(result);
    expect(manifest).toMatchObject({ subject, 'x.other': true, annotations: { mine: 'yes' } });
  });

  it('says in annotations what it stands on now', async () => {
    const newBase = await baseB();
    const bases = { oldBase: await baseA(), newBase, newBaseName: 'example.com/b:1' };
    const { annotations } = await imageManifestOf(await rebase(await image(), bases));
    expect(annotations).toEqual({
      'org.opencontainers.image.base.digest': newBase.root.digest,
      'org.opencontainers.image.base.name': 'example.com/b:1',
    });
    const nameless = { ...bases, newBaseName: undefined };
    const named = await image({}, { annotations: { 'org.opencontainers.image.base.name': 'example.com/a:1' } });
    expect((await imageManifestOf(await rebase(named, nameless))).annotations).toEqual({
      'org.opencontainers.image.base.digest': newBase.root.digest,
    });
  });

  it('takes the platform of the new base, and a variant where it says none', async () => {
    const before = await image({ architecture: 'arm64', variant: 'v8', os: 'windows', 'os.version': '10.0.1.1' });
    const old = { architecture: 'arm64', os: 'windows', 'os.version': '10.0.1.1', 'os.features': ['win32k'] };
    const newer = { architecture: 'arm64', os: 'windows', 'os.version': '10.0.1.2' };
    const oldBase = await baseA({ config: old });
    const newBase = await baseB({ config: newer });
    const after = await configOf(await rebase(before, { oldBase, newBase }));
    expect(after).toMatchObject({ ...newer, variant: 'v8' });
    const other = await baseB({ config: { architecture: 'amd64', os: 'linux' } });
    const moved = await rebase(before, { oldBase, newBase: other });
    expect(await configOf(moved)).toMatchObject({ architecture: 'amd64', os: 'linux' });
    expect((await configOf(moved)).variant).toBeUndefined();
    expect((await configOf(moved))['os.version']).toBeUndefined();
    expect(moved.images[0]?.warnings).toEqual([
      `${before.root.digest} is for windows/arm64/v8:10.0.1.1, but its new base is for linux/amd64`,
    ]);
  });

  it.each(['oci', 'docker'] as const)('gives layers of the new base the media types of an %s image', async (family) => {
    const before = await image({}, { family });
    const newBase = await baseB({ family: family === 'oci' ? 'docker' : 'oci' });
    const result = await rebase(before, { oldBase: await baseA({ family }), newBase });
    const manifest = await imageManifestOf(result);
    const layer = family === 'oci' ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayerGzip;
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual(Array.from({ length: 5 }, () => layer));
    expect(result.root.mediaType).toBe(before.root.mediaType);
    expect(await validate(result)).toEqual([]);
  });

  it('refuses zstd layers in an image of Docker media types', async () => {
    const layers = [{ mediaType: mediaTypes.ociLayerZstd, digest: `sha256:${'b'.repeat(64)}`, size: 9 }];
    const newBase = await builtImage({ tars: [b1], manifest: { layers } });
    const bases = { oldBase: await baseA({ family: 'docker' }), newBase };
    await expect(rebase(await image({}, { family: 'docker' }), bases)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('zstd'),
      hint: expect.stringContaining('OCI media types'),
    });
  });

  it('knows a base whose layers were compressed anew', async () => {
    const oldBase = await baseA({ level: 1 });
    const result = await rebase(await image({}, { level: 9 }), { oldBase, newBase: await baseB() });
    expect(await diffIdsOf(result)).toEqual(await digestsOf([b1, b2, b3, s1, s2]));
  });

  it('onto the same base changes nothing', async () => {
    const base = await baseA();
    const annotations = {
      'org.opencontainers.image.base.digest': base.root.digest,
      'org.opencontainers.image.base.name': 'example.com/a:1',
    };
    for (const before of [await image(), await image({ history: [] }), await image({}, { annotations })]) {
      const result = await rebase(before, { oldBase: base, newBase: base, newBaseName: 'example.com/a:1' });
      expect(result.root).toEqual(before.root);
      expect(result.images[0]).toMatchObject({ removed: [], added: [] });
    }
  });

  it('onto the same base in another index changes what annotations say of it, and nothing else', async () => {
    const store = new MemoryStore();
    const base = await builtImage({ tars: [a1, a2], config: { history: historyA } }, store);
    const platform = { os: 'linux', architecture: 'amd64' };
    const oldBase = await builtIndex(store, [{ image: base, platform }]);
    const newBase = await builtIndex(store, [{ image: base, platform }], { annotations: { version: '2' } });
    const annotations = { mine: 'yes', 'org.opencontainers.image.base.digest': oldBase.root.digest };
    const before = await image({}, { annotations });
    const result = await rebase(before, { oldBase, newBase });
    const [was, is] = [await imageManifestOf(before), await imageManifestOf(result)];
    expect(is.annotations).toEqual({ mine: 'yes', 'org.opencontainers.image.base.digest': newBase.root.digest });
    expect({ ...is, annotations: undefined }).toEqual({ ...was, annotations: undefined });
  });

  it('there and back gives the same image', async () => {
    const onto = { oldBase: await baseA(), newBase: await baseB(), newBaseName: 'example.com/b:1' };
    const back = { oldBase: onto.newBase, newBase: onto.oldBase, newBaseName: 'example.com/a:1' };
    // The first result is written in the order that we write; the image was not.
    const before = await rebase(await rebase(await image(), onto), back);
    const there = await rebase(before, onto);
    expect(there.root.digest).not.toBe(before.root.digest);
    expect((await rebase(there, back)).root).toEqual(before.root);
    expect(await stepsOf(before)).toEqual(await stepsOf(await image()));
  });

  it('says which layers go, come and stay', async () => {
    const shared = await builtImage({ tars: [a1, b1] });
    const result = await rebase(await image(), { oldBase: await baseA(), newBase: shared });
    const before = (await imageManifestOf(await image())).layers.map(({ digest }) => digest);
    const after = (await imageManifestOf(result)).layers.map(({ digest }) => digest);
    expect(result.images[0]?.removed.map(({ digest }) => digest)).toEqual([before[1]]);
    expect(result.images[0]?.added.map(({ digest }) => digest)).toEqual([after[1]]);
    expect(result.images[0]?.kept.map(({ digest }) => digest)).toEqual([before[0], before[2], before[3]]);
  });
});

describe('rebase refuses', () => {
  const refused = async (before: Artifact, bases: Partial<RebaseBases>): Promise<unknown> =>
    rebase(before, { oldBase: await baseA(), newBase: await baseB(), ...bases }).then(
      () => undefined,
      (error: unknown) => error,
    );

  it('an image that stands on another base, and names the first layer that differs', async () => {
    const before = await image();
    const oldBase = await builtImage({ tars: [a1, b1], config: { history: [step('ADD a1'), step('ADD b1 "x"')] } });
    const [ours, theirs] = [await imageManifestOf(before), await imageManifestOf(oldBase)];
    expect(await refused(before, { oldBase })).toMatchObject({
      code: 'BASE_MISMATCH',
      message:
        `The image ${before.root.digest} is not based on ${oldBase.root.digest}: layer 2 of the base's 2 differs: ` +
        `the image has ${ours.layers[1]?.digest} (diff ID ${(await diffIdsOf(before))[1]?.slice(0, 19)}…, "ADD a2"), ` +
        `the base has ${theirs.layers[1]?.digest} (diff ID ${(await diffIdsOf(oldBase))[1]?.slice(0, 19)}…, "ADD b1 \\"x\\"")`,
      hint: expect.stringContaining('--old_base'),
    });
  });

  it('an image with fewer layers than the base', async () => {
    const before = await builtImage({ tars: [a1] });
    expect(await refused(before, {})).toMatchObject({
      code: 'BASE_MISMATCH',
      message: expect.stringMatching(/it has 1 layer, fewer than the 2 of the base$/),
    });
  });

  it('artifacts and schema 1, on every side, and says on which', async () => {
    const store = new MemoryStore();
    const config = await store.add(Buffer.from('{}'), mediaTypes.ociEmpty);
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
    const artifact = { store, root: await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociManifest) };
    const schema1 = {
      store,
      root: await store.add(Buffer.from('{"schemaVersion":1,"fsLayers":[]}'), mediaTypes.dockerSchema1),
    };
    expect(await refused(artifact, {})).toMatchObject({ code: 'UNSUPPORTED' });
    expect(await refused(schema1, {})).toMatchObject({ code: 'UNSUPPORTED' });
    for (const base of [artifact, schema1]) {
      expect(await refused(await image(), { oldBase: base })).toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringMatching(/^The old base: /),
      });
      expect(await refused(await image(), { newBase: base })).toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringMatching(/^The new base: /),
      });
    }
  });

  it('bases whose indexes have no end, and reads what is listed over and over once', async () => {
    const store = new MemoryStore();
    const listing = async (inner: Artifact): Promise<Artifact> =>
      builtIndex(
        store,
        Array.from({ length: 50 }, () => ({ image: inner })),
      );
    let index = await builtIndex(store, []);
    for (let level = 0; level < 8; level++) index = await listing(index);
    expect(await refused(await image(), { newBase: index })).toMatchObject({ code: 'NO_MATCHING_PLATFORM' });
    expect(await refused(await image(), { newBase: await listing(index) })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringMatching(/^The new base: Index sha256:\w+ is nested more than 8 levels deep$/),
    });
  });

  it('layers without diff IDs', async () => {
    const rootfs = { type: 'layers', diff_ids: await digestsOf([a1, a2]) };
    expect(await refused(await image({ rootfs }), {})).toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringMatching(/^The image sha256:\w+ has 2 diff IDs for 4 layers$/),
    });
    expect(await refused(await image(), { newBase: await baseB({ config: { rootfs } }) })).toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringMatching(/^The new base sha256:\w+ has 2 diff IDs for 3 layers$/),
    });
  });
});

describe('rebase of an index', () => {
  async function multi(
    make: (arch: string) => Partial<ImageRecipe>,
    architectures: readonly string[],
    more: object = {},
  ): Promise<Artifact> {
    const store = new MemoryStore();
    const entries = [];
    for (const architecture of architectures) {
      const recipe = make(architecture);
      const config = { architecture, ...recipe.config };
      const built = await builtImage({ tars: [], ...recipe, config }, store);
      entries.push({ image: built, platform: { architecture, os: 'linux' } });
    }
    return builtIndex(store, entries, more);
  }

  const platformTar = (name: string, arch: string): Buffer => tar(`${name}-${arch}`);
  const base = (name: string, architectures: readonly string[]): Promise<Artifact> =>
    multi((arch) => ({ tars: [platformTar(name, arch)] }), architectures);
  const app = (architectures: readonly string[], more: object = {}): Promise<Artifact> =>
    multi((arch) => ({ tars: [platformTar('old', arch), platformTar('app', arch)] }), architectures, more);

  async function imagesOf({ store, root }: Artifact): Promise<readonly Artifact[]> {
    const { manifests } = await documentOf<ImageIndex>({ store, root });
    return manifests.map((child) => ({ store, root: child }));
  }

  it('puts each image on that of the new base for its platform', async () => {
    const bases = {
      oldBase: await base('old', ['arm64', 'amd64']),
      newBase: await base('new', ['s390x', 'amd64', 'arm64']),
    };
    const result = await rebase(await app(['amd64', 'arm64']), bases);
    const [amd64, arm64] = await imagesOf(result);
    expect(await diffIdsOf(amd64 as Artifact)).toEqual(
      await digestsOf([platformTar('new', 'amd64'), platformTar('app', 'amd64')]),
    );
    expect(await diffIdsOf(arm64 as Artifact)).toEqual(
      await digestsOf([platformTar('new', 'arm64'), platformTar('app', 'arm64')]),
    );
    expect(result.images.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    expect(await validate(result)).toEqual([]);
    const { annotations } = await documentOf<ImageManifest>(amd64 as Artifact);
    expect(annotations).toEqual({ 'org.opencontainers.image.base.digest': bases.newBase.root.digest });
  });

  it('leaves the images of other platforms as they are', async () => {
    const before = await app(['amd64', 'arm64']);
    const bases = { oldBase: await base('old', ['arm64']), newBase: await base('new', ['arm64']) };
    const platforms = [{ os: 'linux', architecture: 'arm64' }];
    const result = await rebase(before, bases, { platforms });
    const [amd64, arm64] = await imagesOf(result);
    expect(amd64?.root).toEqual((await imagesOf(before))[0]?.root);
    expect(await diffIdsOf(arm64 as Artifact)).toEqual(
      await digestsOf([platformTar('new', 'arm64'), platformTar('app', 'arm64')]),
    );
  });

  it('fails where a base has no image for a platform, and lists those it has', async () => {
    const before = await app(['amd64', 'arm64']);
    const [all, few] = [await base('old', ['amd64', 'arm64']), await base('new', ['amd64', 's390x'])];
    await expect(rebase(before, { oldBase: all, newBase: few })).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      message: `The new base ${few.root.digest} has no image for platform linux/arm64`,
      hint: expect.stringContaining('linux/amd64, linux/s390x'),
    });
    const single = await builtImage({ tars: [platformTar('old', 'amd64')] });
    await expect(rebase(before, { oldBase: single, newBase: all })).rejects.toMatchObject({
      code: 'NO_MATCHING_PLATFORM',
      message: `The old base ${single.root.digest} is for linux/amd64, not for linux/arm64`,
    });
  });

  it('takes the image of an index for the platform of a single image', async () => {
    const recipe = {
      tars: [platformTar('old', 'arm64'), platformTar('app', 'arm64')],
      config: { architecture: 'arm64' },
    };
    const bases = { oldBase: await base('old', ['amd64', 'arm64']), newBase: await base('new', ['amd64', 'arm64']) };
    const result = await rebase(await builtImage(recipe), bases);
    expect(await diffIdsOf(result)).toEqual(
      await digestsOf([platformTar('new', 'arm64'), platformTar('app', 'arm64')]),
    );
  });

  it('updates what entries and the index say of the base', async () => {
    const said = {
      'org.opencontainers.image.base.digest': `sha256:${'0'.repeat(64)}`,
      'org.opencontainers.image.base.name': 'example.com/base:1',
    };
    const before = await app(['amd64'], { annotations: { ...said, mine: 'yes' } });
    const newBase = await base('new', ['amd64']);
    const found: unknown[] = [];
    const result = await rebase(before, async (stated) => {
      found.push(stated);
      return { oldBase: await base('old', ['amd64']), newBase, newBaseName: 'example.com/base:2' };
    });
    expect(found).toEqual([{ name: 'example.com/base:1', digest: said['org.opencontainers.image.base.digest'] }]);
    const now = {
      'org.opencontainers.image.base.digest': newBase.root.digest,
      'org.opencontainers.image.base.name': 'example.com/base:2',
    };
    expect((await documentOf<ImageIndex>(result)).annotations).toEqual({ ...now, mine: 'yes' });
  });
});
