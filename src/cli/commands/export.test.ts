import { readdir, readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { imageOfEntries, layerTar, readEntries } from '../../../test/support/layer-stack.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { writeDockerArchive } from '../../archive/docker-archive-writer.ts';
import { streamOf } from '../../content/bytes.ts';
import { createLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { copyGraph } from '../../ops/copy.ts';
import { exportFilesystem } from '../../ops/filesystem/export.ts';
import { randomIndex } from '../../ops/random.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';

let work: TemporaryDirectory;
let image: Artifact;

beforeEach(async () => {
  work = await temporaryDirectory();
  image = await imageOfEntries(
    [
      { name: 'etc/', type: 'directory', mode: 0o755 },
      { name: 'etc/os-release', body: 'ID=x\n' },
      { name: 'etc/old', body: 'x' },
    ],
    [{ name: 'etc/.wh.old' }, { name: 'bin/sh', body: '#!' }],
  );
});

afterEach(() => work.remove());

async function crane(args: readonly string[], input: string | Uint8Array = ''): Promise<InProcessResult> {
  return craneInProcess(args, { home: work.path, input });
}

/** Puts content into a layout. @returns the argument that names it */
async function stored(artifact: Artifact, tag = 'v1'): Promise<string> {
  const layout = await createLayout(work.file('layout'));
  await copyGraph(artifact.store, layout, artifact.root, { tag });
  return `oci:${work.file('layout')}:${tag}`;
}

/** Cuts what is compressed with gzip. */
async function damageLayers(): Promise<void> {
  for (const file of await readdir(work.file('layout/blobs/sha256'))) {
    const path = work.file('layout/blobs/sha256', file);
    const bytes = await readFile(path);
    if (bytes[0] === 0x1f) await writeFile(path, bytes.subarray(0, bytes.length - 4));
  }
}

async function namesIn(tar: Uint8Array): Promise<string[]> {
  return (await readEntries(streamOf(tar))).map(({ header: { name, type } }) =>
    type === 'directory' ? `${name}/` : name,
  );
}

const merged = ['etc/', 'etc/os-release', 'bin/sh'];

describe('crane export', () => {
  it('writes the file system to a file, and to standard output when no other place is named', async () => {
    const name = await stored(image);
    const output = work.file('out.tar');
    expect(await crane(['export', name, output])).toEqual({ code: 0, stdout: '', stderr: '' });
    const written = await readFile(output);
    expect(await namesIn(written)).toEqual(merged);
    for (const args of [[name], [name, '-']]) {
      expect((await crane(['export', ...args])).stdout).toBe(written.toString());
    }
    expect((await readdir(work.path)).toSorted()).toEqual(['layout', 'out.tar']);
  });

  it('takes one or two arguments', async () => {
    expect((await crane(['export'])).stderr).toContain('accepts between 1 and 2 arg(s), received 0');
    expect((await crane(['export', 'a', 'b', 'c'])).stderr).toContain('accepts between 1 and 2 arg(s), received 3');
  });

  it('reads an archive from standard input', async () => {
    const archive = work.file('image.tar');
    await writeDockerArchive([{ artifact: image, name: undefined }], archive);
    expect((await crane(['export', '-', work.file('out.tar')], await readFile(archive))).code).toBe(0);
    expect(await namesIn(await readFile(work.file('out.tar')))).toEqual(merged);
    const { code, stderr } = await crane(['export', '-', work.file('none.tar')], 'this is no archive');
    expect(code).toBe(1);
    expect(stderr).toContain('standard input');
    expect(await readdir(work.path)).not.toContain('none.tar');
  });

  it('writes a part with --path', async () => {
    const name = await stored(image);
    expect((await crane(['export', name, work.file('out.tar'), '--path', '/etc'])).code).toBe(0);
    expect(await namesIn(await readFile(work.file('out.tar')))).toEqual(['etc/', 'etc/os-release']);
    const { code, stderr } = await crane(['export', name, work.file('none.tar'), '--path', 'etc/old']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: exporting .*: the image has no file or directory "etc\/old"\n/);
    expect((await readdir(work.path)).toSorted()).toEqual(['layout', 'out.tar']);
  });

  it('takes the image for --platform from an index', async () => {
    const name = await stored(await randomIndex({ layers: 1 }));
    const amd64 = (await crane(['export', name])).stdout;
    expect((await crane(['export', '--platform', 'linux/amd64', name])).stdout).toBe(amd64);
    expect((await crane(['export', '--platform', 'linux/arm64', name])).stdout).not.toBe(amd64);
    expect((await crane(['export', '--platform', 'linux/s390x', name])).stderr).toContain('linux/arm64');
  });

  it('writes an artifact of one file as it is', async () => {
    const store = new MemoryStore();
    const config = await store.add(Buffer.from('{}'), mediaTypes.ociEmpty);
    const layer = await store.add(Buffer.from('hello'), 'text/plain');
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
    const root = await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest);
    expect((await crane(['export', await stored({ store, root })])).stdout).toBe('hello');
  });

  it('names the flags that raise limits, and refuses limits that are none', async () => {
    const name = await stored(image);
    const bytes = await crane(['export', name, work.file('a.tar'), '--max-bytes', '1000']);
    expect(bytes).toMatchObject({ code: 1, stderr: expect.stringContaining('Raise --max-bytes') as string });
    const entries = await crane(['export', name, work.file('a.tar'), '--max-entries', '2']);
    expect(entries).toMatchObject({ code: 1, stderr: expect.stringContaining('Raise --max-entries') as string });
    expect((await crane(['export', name, '--max-bytes', '-1'])).stderr).toContain('--max-bytes');
    expect(await readdir(work.path)).toEqual(['layout']);
  });

  it('keeps the file that was there when it fails, and writes nothing that looks complete (flaw 8)', async () => {
    const name = await stored(image);
    const output = work.file('out.tar');
    await writeFile(output, 'old');
    await damageLayers();
    const failed = await crane(['export', name, output]);
    expect(failed.code).toBe(1);
    expect(await readFile(output, 'utf8')).toBe('old');
    expect((await readdir(work.path)).toSorted()).toEqual(['layout', 'out.tar']);
    expect((await crane(['export', name])).stdout).toBe('');
  });

  it('reads images of Docker schema 1, whose layers are listed from the top down', async () => {
    const store = new MemoryStore();
    const lower = await store.add(
      await layerTar([
        { name: 'a', body: '1' },
        { name: 'b', body: '1' },
      ]),
      'x',
    );
    const upper = await store.add(await layerTar([{ name: 'a', body: '2' }]), 'x');
    const fsLayers = [upper, upper, lower].map(({ digest }) => ({ blobSum: digest }));
    const manifest = { schemaVersion: 1, name: 'app', tag: 'v1', fsLayers, history: [] };
    const root = await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.dockerSchema1);
    const entries = await readEntries(exportFilesystem({ store, root }));
    expect(entries.map(({ header: { name }, body }) => `${name}=${body}`)).toEqual(['b=1', 'a=2']);
  });
});
