import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testContentStore } from '../../test/conformance/content-store.ts';
import { blobOf, imageOf, noise, pushImage, WatchedStream } from '../../test/conformance/samples.ts';
import { bundleScript, exitCodeOf, startScript } from '../../test/support/child-script.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { hexOf } from '../oci/digest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { createLayout, LayoutStore, openLayout, openOrCreateLayout } from './layout-store.ts';

testContentStore('LayoutStore', async () => openOrCreateLayout(join(await testDirectory(), 'layout')));

const refName = 'org.opencontainers.image.ref.name';

async function filesUnder(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}

describe('opening', () => {
  it('refuses a directory without index.json and says what to do', async () => {
    const directory = await testDirectory();
    const failure = openLayout(directory);
    await expect(failure).rejects.toMatchObject({ code: 'INVALID_LAYOUT' });
    await expect(failure).rejects.toThrow(JSON.stringify(directory));
    await expect(failure).rejects.toHaveProperty('hint', expect.stringContaining('crane pull --format oci'));
    const missing = join(directory, 'missing');
    const message = `There is no directory ${JSON.stringify(missing)}`;
    await expect(openLayout(missing)).rejects.toMatchObject({ code: 'NOT_FOUND', message });
  });

  it.each([
    ['not JSON', 'hello', 'is not JSON'],
    ['not an object', '[]', 'should be an object'],
    ['an image manifest and an index at once', '{"schemaVersion":2,"manifests":[],"layers":[]}', 'at once'],
    ['an entry without a digest', '{"schemaVersion":2,"manifests":[{"size":1}]}', 'manifests[0].digest'],
  ])('refuses an index.json that is %s', async (_, text, message) => {
    const path = await testDirectory();
    await writeFile(join(path, 'index.json'), text);
    for (const opening of [openLayout, openOrCreateLayout]) {
      await expect(opening(path)).rejects.toMatchObject({
        code: 'INVALID_LAYOUT',
        message: expect.stringContaining(message),
      });
    }
  });

  it('reads a layout that lacks the oci-layout file but refuses another version', async () => {
    const path = await testDirectory();
    await writeFile(join(path, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
    expect(await (await openLayout(path)).entries()).toEqual([]);
    await writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.1.0","more":1}');
    expect(await (await openLayout(path)).entries()).toEqual([]);
    await writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    await expect(openLayout(path)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: /"2\.0\.0"/ });
  });

  it('creates an empty layout once', async () => {
    const path = join(await testDirectory(), 'deep', 'layout');
    await createLayout(path);
    expect(await readFile(join(path, 'oci-layout'), 'utf8')).toBe('{\n    "imageLayoutVersion": "1.0.0"\n}');
    expect(await readFile(join(path, 'index.json'), 'utf8')).toBe(
      '{\n   "schemaVersion": 2,\n   "mediaType": "application/vnd.oci.image.index.v1+json",\n   "manifests": []\n}',
    );
    expect((await stat(join(path, 'blobs'))).isDirectory()).toBe(true);
    await expect(createLayout(path)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('writes nothing before the first push and no index.json before the first entry', async () => {
    const directory = await testDirectory();
    const store = await openOrCreateLayout(join(directory, 'layout'));
    expect(await readdir(directory)).toEqual([]);
    const image = imageOf('lazy');
    await pushImage(store, image);
    expect(await readdir(join(directory, 'layout'))).toEqual(['blobs']);
    await store.append(image.target);
    expect((await readdir(join(directory, 'layout'))).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });
});

describe('files', () => {
  it('are named by their digests, are readable by all, and are not executable', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const image = imageOf('modes');
    await pushImage(store, image);
    await store.append(image.target);
    for (const { target, bytes } of [image, ...image.blobs]) {
      const file = join(path, 'blobs', 'sha256', hexOf(target.digest));
      expect(await readFile(file)).toEqual(Buffer.from(bytes));
      expect((await stat(file)).mode & 0o777).toBe(0o644 & ~process.umask());
    }
    expect((await stat(join(path, 'index.json'))).mode & 0o111).toBe(0);
  });

  it('of the right size are trusted, of another size are replaced', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const blob = blobOf('complete');
    await store.push(blob.target, blob.bytes);
    await writeFile(join(path, 'blobs', 'sha256', hexOf(blob.target.digest)), 'comp');
    expect(await store.stat(blob.target)).toMatchObject({ size: 4 });
    await store.push(blob.target, blob.bytes);
    expect(Buffer.from(await collect(await store.fetch(blob.target), 100)).toString()).toBe('complete');
  });

  it('are verified when read', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const blob = blobOf('original');
    await store.push(blob.target, blob.bytes);
    const file = join(path, 'blobs', 'sha256', hexOf(blob.target.digest));
    for (const [text, code] of [
      ['ORIGINAL', 'DIGEST_MISMATCH'],
      ['orig', 'SIZE_MISMATCH'],
      ['original and more', 'SIZE_MISMATCH'],
    ] as const) {
      await writeFile(file, text);
      await expect(collect(await store.fetch(blob.target), 100)).rejects.toMatchObject({ code });
    }
  });

  it('that are links to elsewhere are not followed but replaced', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const blob = blobOf('secret');
    await writeFile(join(path, 'outside'), blob.bytes);
    await mkdir(join(path, 'blobs', 'sha256'), { recursive: true });
    await symlink('../../outside', join(path, 'blobs', 'sha256', hexOf(blob.target.digest)));
    expect(await store.stat(blob.target)).toBeUndefined();
    await expect(store.fetch(blob.target)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await store.push(blob.target, blob.bytes);
    expect(await store.stat(blob.target)).toMatchObject({ size: 6 });
  });

  it('are gone after a failed push, with nothing half-written beside them', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const blob = blobOf(noise(3_000_000));
    const failing = new WatchedStream([blob.bytes.subarray(0, 2_000_000)], () => Promise.reject(new Error('cut')));
    await expect(store.push(blob.target, failing)).rejects.toThrow('cut');
    expect(await filesUnder(path)).toEqual([]);
  });
});

describe('cleaning up after a failure', () => {
  it('removes a directory that was made for nothing', async () => {
    const directory = await testDirectory();
    const store = await openOrCreateLayout(join(directory, 'a', 'layout'));
    const image = imageOf('failed');
    await pushImage(store, image);
    await store.discardUnfinished();
    expect(await readdir(directory)).toEqual([]);
    await pushImage(store, image);
    expect(await store.stat(image.target)).toMatchObject(image.target);
  });

  it('leaves files of others in a directory that was there', async () => {
    const path = await testDirectory();
    await writeFile(join(path, 'notes.txt'), 'mine');
    const store = await openOrCreateLayout(path);
    await pushImage(store, imageOf('failed'));
    await store.discardUnfinished();
    expect(await readdir(path)).toEqual(['notes.txt']);
  });

  it('leaves what another process may count on that fills the same new layout', async () => {
    const path = join(await testDirectory(), 'layout');
    const [failing, other] = [await openOrCreateLayout(path), await openOrCreateLayout(path)];
    const [shared, image] = [imageOf('shared'), imageOf('other')];
    await pushImage(failing, shared);
    await pushImage(other, image);
    await failing.discardUnfinished();
    expect(await other.stat(shared.target)).toMatchObject(shared.target);
    await other.append(image.target, { refName: 'v1' });
    await failing.discardUnfinished();
    expect(await other.resolve('v1')).toMatchObject(image.target);
  });

  it('leaves a layout that has an index alone', async () => {
    const path = await testDirectory();
    const store = await createLayout(path);
    const image = imageOf('kept');
    await pushImage(store, image);
    await store.discardUnfinished();
    expect(await store.stat(image.target)).toMatchObject(image.target);
  });
});

describe('index.json', () => {
  it('lists an image once, however often it is appended', async () => {
    const store = await openOrCreateLayout(await testDirectory());
    const image = imageOf('again');
    await pushImage(store, image);
    await store.append(image.target);
    await store.append(image.target);
    expect(await store.entries()).toHaveLength(1);
    await store.append(image.target, { refName: 'v1' });
    await store.append(image.target, { refName: 'v1' });
    await store.append(image.target);
    expect(await store.entries()).toMatchObject([{ annotations: { [refName]: 'v1' } }]);
    await store.append(image.target, { refName: 'v2' });
    expect(await store.entries()).toHaveLength(2);
  });

  it('keeps unknown fields, other entries and formatting of values when something is appended', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const image = imageOf('new');
    await pushImage(store, image);
    const digest = digestOf(Buffer.from('elsewhere'));
    const before = {
      'x-top': [1, { a: null }],
      schemaVersion: 2,
      annotations: { z: '<1>', a: '2', '10': 'x' },
      manifests: [{ 'x-entry': true, digest, size: 9, mediaType: 'application/xml', urls: [] }],
    };
    await writeFile(join(path, 'index.json'), JSON.stringify(before));
    await store.append(image.target, { refName: 'v1' });
    const text = await readFile(join(path, 'index.json'), 'utf8');
    const { mediaType, size } = image.target;
    const artifactType = mediaTypes.ociConfig;
    expect(JSON.parse(text)).toEqual({
      ...before,
      manifests: [
        ...before.manifests,
        { mediaType, size, digest: image.target.digest, annotations: { [refName]: 'v1' }, artifactType },
      ],
    });
    expect(text).toContain('"z": "\\u003c1\\u003e"');
  });

  it('is written anew only when something changes', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const image = imageOf('same');
    await pushImage(store, image, 'v1');
    const { ino } = await stat(join(path, 'index.json'));
    await store.tag(image.target, 'v1');
    expect((await stat(join(path, 'index.json'))).ino).toBe(ino);
  });

  it('gives its own bytes as an index whose children are in the layout', async () => {
    const path = await testDirectory();
    const store = await openOrCreateLayout(path);
    const image = imageOf('listed');
    await pushImage(store, image, 'v1');
    const { store: source, root } = await store.indexArtifact();
    const bytes = await readFile(join(path, 'index.json'));
    expect(root).toEqual({ mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.byteLength });
    expect(Buffer.from(await collect(await source.fetch(root), 10_000))).toEqual(bytes);
    expect(Buffer.from(await collect(await source.fetch(image.target), 10_000))).toEqual(Buffer.from(image.bytes));
  });

  it('is refused for reading when it is larger than a manifest may be', async () => {
    const path = await testDirectory();
    await writeFile(join(path, 'index.json'), Buffer.alloc(9 * 1024 * 1024, ' '));
    await expect(openLayout(path)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('names', () => {
  it('may be tags or full references, as other tools write them', async () => {
    const store = await openOrCreateLayout(await testDirectory());
    const [tag, full] = [imageOf('tag'), imageOf('full')];
    await pushImage(store, tag, 'v1');
    await pushImage(store, full);
    await store.append(full.target, { refName: 'registry.example.com:5000/app:v2' });
    expect(await store.resolve('v1')).toMatchObject(tag.target);
    expect(await store.resolve('v2')).toMatchObject(full.target);
    expect(await store.resolve('registry.example.com:5000/app:v2')).toMatchObject(full.target);
    await expect(store.resolve('v3')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for await (const page of store.tags()) expect(page).toEqual(['v1', 'v2']);
  });

  it('that fit several images are refused with the list of them', async () => {
    const store = await openOrCreateLayout(await testDirectory());
    for (const name of ['one', 'two']) {
      const image = imageOf(name);
      await pushImage(store, image);
      await store.append(image.target, { refName: `registry.example.com/${name}:latest` });
    }
    await expect(store.resolve('latest')).rejects.toMatchObject({
      code: 'AMBIGUOUS',
      message: expect.stringContaining('registry.example.com/one:latest'),
    });
    expect(await store.resolve('registry.example.com/two:latest')).toMatchObject(imageOf('two').target);
  });

  it('of manifests do not become names of entries', async () => {
    const store = await openOrCreateLayout(await testDirectory());
    const image = imageOf('liar', { annotations: { [refName]: 'latest', kept: 'yes' } });
    await pushImage(store, image);
    await store.append(image.target);
    expect((await store.entries())[0]?.annotations).toEqual({ kept: 'yes' });
    await expect(store.resolve('latest')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('the only entry', () => {
  it('is found, and several or none are told with what is there', async () => {
    const store = await createLayout(await testDirectory());
    await expect(store.resolveSingle()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const [first, second] = [imageOf('first'), imageOf('second')];
    await pushImage(store, first, 'v1');
    await store.tag(first.target, 'latest');
    expect(await store.resolveSingle()).toMatchObject(first.target);
    await pushImage(store, second);
    await store.append(second.target, { platform: { os: 'linux', architecture: 'arm64' } });
    const failure = store.resolveSingle();
    await expect(failure).rejects.toMatchObject({ code: 'AMBIGUOUS', hint: 'Name one of them by its tag or digest' });
    await expect(failure).rejects.toThrow(`lists 3 entries: "v1" ${first.target.digest}`);
    await expect(failure).rejects.toThrow(`linux/arm64 ${second.target.digest}`);
  });
});

describe('several processes', () => {
  it('append to one layout at the same time and none loses an entry', async () => {
    const directory = await testDirectory();
    const script = await bundleScript(
      `import { openOrCreateLayout } from './src/layout/layout-store.ts';
       import { imageOf, pushImage } from './test/conformance/samples.ts';
       const [path, name] = process.argv.slice(2);
       const store = await openOrCreateLayout(path);
       for (let i = 0; i < 12; i++) await pushImage(store, imageOf(name + i), name + '-' + i);`,
      directory,
    );
    const path = join(directory, 'layout');
    const children = ['a', 'b', 'c', 'd'].map((name) => startScript(script, path, name));
    expect(await Promise.all(children.map(exitCodeOf))).toEqual([0, 0, 0, 0]);
    const store = await openLayout(path);
    expect(await store.entries()).toHaveLength(48);
    for (const name of ['a', 'b', 'c', 'd']) {
      for (let i = 0; i < 12; i++) {
        expect(await store.resolve(`${name}-${i}`)).toMatchObject(imageOf(name + i).target);
      }
    }
    expect((await readdir(path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('may be killed at any moment, and the layout stays whole', async () => {
    const directory = await testDirectory();
    const path = join(directory, 'layout');
    const script = await bundleScript(
      `import { openOrCreateLayout } from './src/layout/layout-store.ts';
       import { imageOf, pushImage } from './test/conformance/samples.ts';
       const store = await openOrCreateLayout(process.argv[2]);
       for (let i = 0; ; i++) {
         await pushImage(store, imageOf('k' + i), 'k' + i);
         if (i === 3) process.stdout.write('going');
       }`,
      directory,
    );
    for (let round = 0; round < 4; round++) {
      const child = startScript(script, path);
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      child.kill('SIGKILL');
      await exitCodeOf(child);
      const entries = await (await openLayout(path)).entries();
      expect(entries.length).toBeGreaterThanOrEqual(4);
    }
    const store = await openOrCreateLayout(path, { lock: { staleAfter: 20 } });
    for (const { mediaType, digest, size } of await store.entries()) {
      await collect(await store.fetch({ mediaType, digest, size }), 10_000);
    }
    await pushImage(store, imageOf('after'), 'after');
    expect(await store.resolve('after')).toMatchObject(imageOf('after').target);
  });
});

it('says which directory cannot be written', async () => {
  const directory = await testDirectory();
  await chmod(directory, 0o500);
  const store = new LayoutStore(join(directory, 'layout'));
  const blob = blobOf('x');
  // Root may write everywhere: then there is nothing to refuse.
  if (process.getuid?.() === 0) await store.push(blob.target, blob.bytes);
  else await expect(store.push(blob.target, blob.bytes)).rejects.toThrow(directory);
});
