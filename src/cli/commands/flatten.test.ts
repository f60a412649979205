import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { imageOfEntries, readEntries } from '../../../test/support/layer-stack.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { describeBytes } from '../../content/hash.ts';
import { hexOf } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { createLayout, openLayout } from '../../layout/layout-store.ts';
import { copyGraph } from '../../ops/copy.ts';
import { exportFilesystem } from '../../ops/filesystem/export.ts';
import { randomIndex } from '../../ops/random.ts';
import { configOf, layersOf, manifestOf } from '../../ops/read.ts';
import { openArtifact } from '../../ops/resolve.ts';
import { validate } from '../../ops/validate.ts';
import { listen, type ListeningRegistry } from '../../server/listen.ts';
import { memoryStorage } from '../../server/memory-storage.ts';
import type { Artifact } from '../../store/artifact.ts';

let work: TemporaryDirectory;
let registry: ListeningRegistry;
let storage: ReturnType<typeof memoryStorage>;
let host: string;

beforeEach(async () => {
  work = await temporaryDirectory();
  storage = memoryStorage();
  registry = await listen({ storage });
  host = `127.0.0.1:${registry.port}`;
});

afterEach(async () => {
  await registry.close();
  await work.remove();
});

async function crane(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<InProcessResult> {
  return craneInProcess(args, { home: work.path, env });
}

async function succeed(...args: readonly string[]): Promise<string> {
  const result = await crane(args);
  expect(result).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Error') as string });
  return result.stdout;
}

async function put({ store, root }: Artifact, tag = 'v1'): Promise<void> {
  const { content } = await storage.create('app');
  await copyGraph(store, content, root, { tag });
}

async function get(reference = 'v1'): Promise<Artifact> {
  const { content } = await storage.create('app');
  return openArtifact(content, reference);
}

function image(): Promise<Artifact> {
  return imageOfEntries(
    [
      { name: 'a', body: '1' },
      { name: 'b', body: '1' },
    ],
    [{ name: 'a', body: '2' }, { name: '.wh.b' }],
    [{ name: 'c', body: '3' }],
  );
}

async function filesOf(artifact: Artifact): Promise<string[]> {
  return (await readEntries(exportFilesystem(artifact))).map(({ header: { name }, body }) => `${name}=${body}`);
}

describe('crane flatten', () => {
  it('takes the place of the image, and prints its digest', async () => {
    const before = await image();
    await put(before);
    const printed = await succeed('flatten', `${host}/app:v1`);
    const after = await get();
    expect(printed).toBe(`${host}/app@${after.root.digest}\n`);
    expect(await layersOf(after)).toHaveLength(1);
    expect(await filesOf(after)).toEqual(['a=2', 'c=3']);
    expect((await configOf(after)).history).toMatchObject([{ created_by: `crane flatten ${before.root.digest}` }]);
    expect(await validate(after)).toEqual([]);
    expect((await crane(['validate', '--remote', `${host}/app:v1`])).code).toBe(0);
  });

  it('writes to --tag, also when the image is named by digest (flaw 18), and else adds it beside that', async () => {
    const before = await image();
    await put(before);
    const byDigest = `${host}/app@${before.root.digest}`;
    await succeed('flatten', byDigest, '-t', `${host}/app:flat`);
    const flat = await get('flat');
    expect(await layersOf(flat)).toHaveLength(1);
    expect((await get()).root).toEqual(before.root);
    const printed = await succeed('flatten', byDigest);
    expect(printed).toBe(`${host}/app@${flat.root.digest}\n`);
    expect((await get()).root).toEqual(before.root);
  });

  it('gives the same digest with SOURCE_DATE_EPOCH or --created', async () => {
    await put(await image());
    const args = ['flatten', `${host}/app:v1`, '-t', `${host}/app:flat`];
    const first = await crane(args, { SOURCE_DATE_EPOCH: '1700000000' });
    expect((await configOf(await get('flat'))).created).toBe('2023-11-14T22:13:20Z');
    expect((await crane([...args, '--created', '2023-11-14T22:13:20Z'])).stdout).toBe(first.stdout);
    expect((await crane([...args, '--created', '2000-01-01'])).stdout).not.toBe(first.stdout);
  });

  it('flattens all images of an index, or those for --platform', async () => {
    const index = await randomIndex();
    await put(index);
    await succeed('flatten', `${host}/app:v1`, '-t', `${host}/app:all`);
    await succeed('flatten', `${host}/app:v1`, '--platform', 'linux/arm64', '-t', `${host}/app:arm`);
    expect(await layerCounts('all')).toEqual([1, 1]);
    expect(await layerCounts('arm')).toEqual([3, 1]);
    await succeed('flatten', `${host}/app:v1`);
    expect(await layerCounts('v1')).toEqual([1, 1]);
    expect((await get()).root.mediaType).toBe(index.root.mediaType);
  });

  it('takes one image of an index for a docker archive', async () => {
    await put(await randomIndex());
    const file = `docker-archive:${work.file('image.tar')}`;
    await succeed('flatten', `${host}/app:v1`, '-t', file);
    expect(JSON.parse(await succeed('manifest', file))).toMatchObject({ layers: [{}] });
  });

  it('keeps lower layers with --squash-from', async () => {
    const before = await image();
    await put(before);
    await succeed('flatten', `${host}/app:v1`, '--squash-from', '2', '-t', `${host}/app:top`);
    const after = await get('top');
    const [lower, ...others] = await layersOf(after);
    expect(lower).toEqual((await layersOf(before))[0]);
    expect(others).toHaveLength(1);
    expect(await filesOf(after)).toEqual(['a=2', 'c=3']);
    const missing = await crane(['flatten', `${host}/app:v1`, '--squash-from', '4']);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('no layer 4 to flatten') as string });
    expect((await crane(['flatten', `${host}/app:v1`, '--squash-from', '0'])).stderr).toContain('counts from 1');
  });

  it('compresses as told', async () => {
    await put(await image());
    await succeed('flatten', `${host}/app:v1`, '-t', `${host}/app:plain`, '--compression', 'none');
    expect((await layersOf(await get('plain')))[0]?.mediaType).toBe(mediaTypes.ociLayer);
    const digests = [];
    for (const level of ['0', '5', '9']) {
      await succeed('flatten', `${host}/app:v1`, '-t', `${host}/app:flat`, '--compression-level', level);
      const [layer] = await layersOf(await get('flat'));
      digests.push(layer?.digest);
    }
    expect(digests[0]).toBe(digests[1]);
    expect(digests[2]).not.toBe(digests[1]);
    const wrong = [
      ['--compression', 'lzma'],
      ['--compression-level', '10'],
      ['--compression', 'none', '--compression-level', '1'],
      ['--created', 'yesterday'],
      ['--max-entries', '-1'],
    ];
    for (const flags of wrong) {
      expect((await crane(['flatten', `${host}/app:v1`, ...flags])).stderr).toContain(flags[0]);
    }
  });

  it('works from and to local content', async () => {
    const before = await image();
    const layout = await createLayout(work.file('layout'));
    await copyGraph(before.store, layout, before.root, { tag: 'v1' });
    const printed = await succeed('flatten', `oci:${work.file('layout')}:v1`);
    const after = await openArtifact(await openLayout(work.file('layout')), 'v1');
    expect(printed).toBe(`oci:${work.file('layout')}@${after.root.digest}\n`);
    expect(await filesOf(after)).toEqual(['a=2', 'c=3']);
    expect(hexOf(after.root.digest)).not.toBe(hexOf(before.root.digest));
  });

  it('says what cannot be flattened, and changes nothing', async () => {
    const { content } = await storage.create('app');
    const config = await push('{}', mediaTypes.ociEmpty);
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
    await put({ store: content, root: await push(JSON.stringify(manifest), mediaTypes.ociManifest) }, 'artifact');
    const failed = await crane(['flatten', `${host}/app:artifact`]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(`Error: flattening ${host}/app:artifact: can't flatten ${mediaTypes.ociManifest}\n`);
    await put(await image());
    const limited = await crane(['flatten', `${host}/app:v1`, '--max-bytes', '1000']);
    expect(limited).toMatchObject({ code: 1, stderr: expect.stringContaining('Raise --max-bytes') as string });
    expect(await layersOf(await get())).toHaveLength(3);
  });
});

async function push(text: string, mediaType: string): Promise<Artifact['root']> {
  const { content } = await storage.create('app');
  const target = describeBytes(Buffer.from(text), mediaType);
  await content.push(target, Buffer.from(text));
  return target;
}

async function layerCounts(tag: string): Promise<number[]> {
  const { store, root } = await get(tag);
  const manifest = await manifestOf({ store, root });
  if (manifest.kind !== 'index') throw new Error('no index');
  const counts: number[] = [];
  for (const child of manifest.index.manifests) counts.push((await layersOf({ store, root: child })).length);
  return counts;
}
