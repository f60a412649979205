import { watch } from 'node:fs';
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { blobOf, imageOf, noise, pushImage, type Sample } from '../../test/conformance/samples.ts';
import { bundleScript, exitCodeOf, startScript } from '../../test/support/child-script.ts';
import { indexOf } from '../../test/support/sample-image.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { digestOf } from '../content/hash.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { collectGarbage, type CollectGarbageOptions } from './collect-garbage.ts';
import { type LayoutStore, openLayout, openOrCreateLayout } from './layout-store.ts';

const hour = 3600_000;

async function layoutWith(...images: readonly ReturnType<typeof imageOf>[]): Promise<LayoutStore> {
  const layout = await openOrCreateLayout(await testDirectory());
  await layout.initialize();
  for (const image of images) await pushImage(layout, image, 'v1');
  return layout;
}

async function push(layout: LayoutStore, ...samples: readonly Sample[]): Promise<void> {
  for (const { target, bytes } of samples) await layout.push(target, bytes);
}

async function isThere(layout: LayoutStore, sample: Sample): Promise<boolean> {
  return (await layout.stat(sample.target)) !== undefined;
}

/** What was deleted: digests, or paths of what has none. */
async function collected(layout: LayoutStore, options?: CollectGarbageOptions): Promise<readonly string[]> {
  return (await collectGarbage(layout.path, options)).garbage.map(({ digest, path }) => digest ?? path);
}

async function age(layout: LayoutStore, path: string, milliseconds: number): Promise<void> {
  const then = new Date(Date.now() - milliseconds);
  await utimes(join(layout.path, path), then, then);
}

function pathOf({ target: { digest } }: Sample): string {
  return `blobs/${digest.replace(':', '/')}`;
}

describe('collectGarbage()', () => {
  it('deletes what no entry needs, and says what, how large, and what stays', async () => {
    const [kept, old, loose] = [imageOf('kept'), imageOf('old'), blobOf(noise(1000))];
    const layout = await layoutWith(old, kept);
    await push(layout, loose);
    const seen: string[] = [];
    const before = await readFile(join(layout.path, 'index.json'));
    const summary = await collectGarbage(layout.path, { onFile: ({ path }) => seen.push(path) });
    const gone = [old, ...old.blobs, loose];
    expect(summary.garbage.map(({ digest }) => digest)).toEqual(gone.map(({ target }) => target.digest).toSorted());
    expect(summary.garbage.reduce((sum, { size }) => sum + size, 0)).toBe(
      gone.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
    );
    expect(seen).toEqual(gone.map(pathOf).toSorted());
    expect(summary.needed).toHaveLength(3);
    for (const sample of gone) expect(await isThere(layout, sample)).toBe(false);
    for (const sample of [kept, ...kept.blobs]) expect(await isThere(layout, sample)).toBe(true);
    expect(await readFile(join(layout.path, 'index.json'))).toEqual(before);
    expect((await readdir(layout.path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(await collected(layout)).toEqual([]);
  });

  it('deletes nothing in a dry run', async () => {
    const layout = await layoutWith();
    const loose = blobOf('loose');
    await push(layout, loose);
    expect(await collected(layout, { dryRun: true })).toEqual([loose.target.digest]);
    expect(await isThere(layout, loose)).toBe(true);
  });

  it('follows indexes in indexes, schema 1, and types that nobody knows', async () => {
    const [amd64, old, artifact] = [imageOf('amd64'), imageOf('old'), imageOf('artifact')];
    const [layer, named, deep] = [blobOf('an old layer'), blobOf('named'), imageOf('deep')];
    const schema1 = blobOf(
      JSON.stringify({ schemaVersion: 1, fsLayers: [{ blobSum: layer.target.digest }] }),
      mediaTypes.dockerSchema1,
    );
    const unknown = blobOf(
      JSON.stringify({ blobs: [{ digest: named.target.digest }, { digest: deep.target.digest }] }),
      'application/vnd.example.list+json',
    );
    const inner = blobOf(
      JSON.stringify({ schemaVersion: 2, manifests: [amd64.target, schema1.target, unknown.target] }),
      mediaTypes.ociIndex,
    );
    // Old tools leave the type out.
    const outer = blobOf(
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ digest: inner.target.digest, size: inner.target.size }, artifact.target],
      }),
      mediaTypes.ociIndex,
    );
    const layout = await layoutWith();
    for (const image of [amd64, old, artifact, deep]) await pushImage(layout, image);
    await push(layout, layer, named, schema1, unknown, inner, outer);
    await layout.tag(outer.target, 'v1');
    expect(await collected(layout)).toEqual([old, ...old.blobs].map(({ target }) => target.digest).toSorted());
  });

  it('keeps what refers to what stays, listed or not, with all it needs, and what that refers to', async () => {
    const image = imageOf('image');
    const seal = imageOf('seal', { subject: image.target, artifactType: 'application/vnd.example.seal' });
    const countersign = imageOf('countersign', { subject: seal.target });
    const [gone, orphan] = [imageOf('gone'), imageOf('orphan', { subject: imageOf('gone').target })];
    const subject = imageOf('subject');
    const listed = imageOf('listed', { subject: subject.target });
    const layout = await layoutWith(image);
    for (const one of [seal, countersign, gone, orphan, subject]) await pushImage(layout, one);
    await pushImage(layout, listed, 'listed');
    expect(await collected(layout)).toEqual(
      [gone, ...gone.blobs, orphan, ...orphan.blobs].map(({ target }) => target.digest).toSorted(),
    );
  });

  it('keeps content under sha512', async () => {
    const bytes = Buffer.from('sha512 layer');
    const target = { mediaType: mediaTypes.ociLayer, digest: digestOf(bytes, 'sha512'), size: bytes.byteLength };
    const other = Buffer.from('other');
    const image = imageOf('image', { layers: [target] });
    const layout = await layoutWith(image);
    await push(layout, { target, bytes });
    const idle = { ...target, digest: digestOf(other, 'sha512'), size: other.byteLength };
    await push(layout, { target: idle, bytes: other });
    expect(await collected(layout)).toEqual([image.blobs[1]?.target.digest, idle.digest]);
    expect(await layout.stat(target)).toMatchObject({ size: bytes.byteLength });
  });

  it('leaves what others have put there alone, and says so', async () => {
    const layout = await layoutWith(imageOf('image'));
    const blobs = join(layout.path, 'blobs');
    await writeFile(join(blobs, 'sha256', '.DS_Store'), 'x');
    await writeFile(join(blobs, 'README'), 'x');
    await mkdir(join(blobs, 'blake3'));
    await writeFile(join(blobs, 'sha256', 'A'.repeat(64)), 'x');
    await symlink('../../outside', join(blobs, 'sha256', 'b'.repeat(64)));
    await writeFile(join(layout.path, 'outside'), 'x');
    const { garbage, foreign } = await collectGarbage(layout.path);
    expect(garbage).toEqual([]);
    expect(foreign).toEqual([
      'blobs/README',
      'blobs/blake3',
      'blobs/sha256/.DS_Store',
      `blobs/sha256/${'A'.repeat(64)}`,
      `blobs/sha256/${'b'.repeat(64)}`,
    ]);
  });

  it('deletes what writes that died have left, but not what may still be written', async () => {
    const layout = await layoutWith(imageOf('image'));
    const ours = `blobs/sha256/.${'a'.repeat(64)}.0123456789abcdef.partial`;
    const craneOwn = `blobs/sha256/${'b'.repeat(64)}123456789`;
    const index = '.index.json.0123456789abcdef.partial';
    for (const path of [ours, craneOwn, index]) await writeFile(join(layout.path, path), 'half');
    expect(await collected(layout)).toEqual([]);
    for (const path of [ours, craneOwn, index]) await age(layout, path, 2 * hour);
    expect(await collected(layout)).toEqual([index, ours, craneOwn]);
    expect((await readdir(layout.path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('leaves young files alone where that is wanted, and what they may count on', async () => {
    const [young, idle] = [imageOf('young'), blobOf('idle')];
    const layout = await layoutWith(imageOf('image'));
    await pushImage(layout, young);
    await push(layout, idle);
    for (const sample of [...young.blobs, idle]) await age(layout, pathOf(sample), 2 * hour);
    const { garbage, young: left } = await collectGarbage(layout.path, { minAge: hour });
    expect(garbage.map(({ digest }) => digest)).toEqual([idle.target.digest]);
    expect(left.map(({ digest }) => digest)).toEqual([young.target.digest]);
    expect(await isThere(layout, young.blobs[0] as Sample)).toBe(true);
  });

  it('deletes nothing when a manifest is missing or damaged, unless that is to be ignored', async () => {
    const [amd64, arm64, loose] = [imageOf('amd64'), imageOf('arm64'), blobOf('loose')];
    const index = indexOf({ 'linux/amd64': amd64, 'linux/arm64': arm64 });
    const layout = await layoutWith();
    for (const image of [amd64, arm64]) await pushImage(layout, image);
    await push(layout, index, loose);
    await layout.tag(index.target, 'v1');
    await layout.deleteBlob(amd64.target.digest);
    await expect(collectGarbage(layout.path)).rejects.toMatchObject({
      code: 'INVALID_LAYOUT',
      message: expect.stringContaining(`${amd64.target.digest} is missing`),
      hint: expect.stringContaining('Nothing was deleted'),
    });
    await writeFile(join(layout.path, pathOf(amd64)), Buffer.alloc(amd64.bytes.byteLength));
    await expect(collectGarbage(layout.path)).rejects.toThrow('cannot be read');
    expect(await isThere(layout, loose)).toBe(true);
    expect(await collected(layout, { ignoreMissing: true })).toEqual(
      [...amd64.blobs, loose].map(({ target }) => target.digest).toSorted(),
    );
    expect(await isThere(layout, arm64)).toBe(true);
  });

  it('does not miss layers, which name nothing', async () => {
    const image = imageOf('image');
    const layout = await layoutWith(image);
    for (const { target } of image.blobs) await layout.deleteBlob(target.digest);
    expect(await collected(layout)).toEqual([]);
  });

  it('reads manifests that are embedded where they are listed', async () => {
    const image = imageOf('image');
    const layout = await layoutWith();
    for (const blob of image.blobs) await push(layout, blob);
    const entry = { ...image.target, data: Buffer.from(image.bytes).toString('base64') };
    await writeFile(join(layout.path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    expect(await collected(layout)).toEqual([]);
  });

  it('wants a layout', async () => {
    const path = await testDirectory();
    await expect(collectGarbage(path)).rejects.toMatchObject({ code: 'INVALID_LAYOUT' });
    await expect(collectGarbage(join(path, 'missing'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(collectGarbage(path, { signal: AbortSignal.abort(new Error('over')) })).rejects.toThrow('over');
  });
});

describe('beside other processes', () => {
  it('deletes nothing while somebody adds content, and forgets those who were killed', async () => {
    const layout = await layoutWith();
    const loose = blobOf('loose');
    await push(layout, loose);
    const writer = await layout.announceWriter();
    const name = (await readdir(layout.path)).find((one) => one.startsWith('.writer-')) ?? '';
    await expect(collectGarbage(layout.path)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await collected(layout, { dryRun: true })).toEqual([loose.target.digest]);
    await age(layout, name, 5 * 60_000);
    expect(await collected(layout)).toEqual([loose.target.digest]);
    await writer[Symbol.asyncDispose]();
    expect((await readdir(layout.path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it.each([
    ['lists', (layout: LayoutStore, { target }: Sample) => layout.append(target)],
    ['replaces', (layout: LayoutStore, { target }: Sample) => layout.replace(target.digest, target)],
  ])('knows of whoever %s what it has found', async (_, list) => {
    const image = imageOf('image');
    const layout = await layoutWith();
    await pushImage(layout, image);
    const names = new Set<string>();
    const watcher = watch(layout.path, (_event, name) => void names.add(name ?? ''));
    await list(layout, image);
    const isKnown = (): boolean => [...names].some((name) => name.startsWith('.writer-'));
    for (let i = 0; !isKnown() && i < 200; i++) await sleep(10);
    watcher.close();
    expect(isKnown()).toBe(true);
    expect((await readdir(layout.path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('ends an announcement, and needs none where there is no layout yet', async () => {
    const path = join(await testDirectory(), 'layout');
    const layout = await openOrCreateLayout(path);
    await using early = await layout.announceWriter();
    expect(early).toBeDefined();
    await expect(readdir(path)).rejects.toThrow('ENOENT');
    await layout.initialize();
    {
      await using writer = await layout.announceWriter();
      expect(writer).toBeDefined();
      expect(await readdir(path)).toHaveLength(4);
    }
    expect((await readdir(path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('looks again when the index has changed while it was looking', async () => {
    const [image, loose] = [imageOf('image'), blobOf('loose')];
    const layout = await layoutWith();
    await pushImage(layout, image);
    await push(layout, loose);
    // Listed by somebody who holds the lock while the collection has seen the old index and waits.
    const other = await openLayout(layout.path);
    const collecting = collected(layout);
    await other.tag(image.target, 'v1');
    expect(await collecting).toEqual(expect.arrayContaining([loose.target.digest]));
    const layer = image.blobs[0] as Sample;
    // Whoever came first: an image that is listed is whole, or it was gone before it was listed.
    const listed = await (await openLayout(layout.path)).entries();
    if (listed.length > 0 && (await isThere(layout, image))) expect(await isThere(layout, layer)).toBe(true);
  });

  it('never takes anything from images that are added and removed all the time', async () => {
    const directory = await testDirectory();
    const path = join(directory, 'layout');
    const layout = await openOrCreateLayout(path);
    await layout.initialize();
    const script = await bundleScript(
      `import { openLayout } from './src/layout/layout-store.ts';
       import { imageOf, pushImage } from './test/conformance/samples.ts';
       const [, , path, name] = process.argv;
       const store = await openLayout(path);
       for (let i = 0; i < 25; i++) {
         // Content of earlier rounds, that is garbage by now, is found and used again.
         const image = imageOf('shared ' + (i % 3));
         const writer = await store.announceWriter();
         for (const blob of image.blobs) {
           if ((await store.stat(blob.target)) === undefined) await store.push(blob.target, blob.bytes);
         }
         await store.push(image.target, image.bytes);
         await store.tag(image.target, name);
         await writer[Symbol.asyncDispose]();
         for (const { target } of [image, ...image.blobs]) {
           if ((await store.stat(target)) === undefined) process.exit(3);
         }
         await store.deleteTag(name);
         // Nobody may list it by now; what is listed has to be there.
         const listed = i % 2 === 0 ? store.tag(image.target, name) : store.replace(image.target.digest, image.target);
         await listed.catch((error) => {
           if (error.code !== 'NOT_FOUND') throw error;
         });
       }`,
      directory,
    );
    const children = ['a', 'b'].map((name) => startScript(script, path, name));
    const exits = Promise.all(children.map(exitCodeOf));
    const over = new AbortController();
    void exits.finally(() => over.abort());
    let runs = 0;
    while (!over.signal.aborted) {
      try {
        await collectGarbage(path);
        runs++;
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFLICT' });
      }
    }
    expect(await exits).toEqual([0, 0]);
    expect(runs).toBeGreaterThan(0);
    for (const { digest } of await layout.entries()) expect(await layout.resolve(digest)).toBeDefined();
    expect((await readdir(path)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });
});
