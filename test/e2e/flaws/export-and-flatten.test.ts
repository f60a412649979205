import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamOf } from '../../../src/content/bytes.ts';
import { createLayout, type LayoutStore } from '../../../src/layout/layout-store.ts';
import { copyGraph } from '../../../src/ops/copy.ts';
import { randomImage } from '../../../src/ops/random.ts';
import type { Artifact } from '../../../src/store/artifact.ts';
import { craneProgram, succeeded } from '../../support/command.ts';
import { imageOfEntries, imageOfTars, type LayerEntry, layerTar, readEntries } from '../../support/layer-stack.ts';
import { type Workplace, workplace } from '../../support/workplace.ts';

// Titles name the flaws of crane by their numbers in its behaviour specification, section 15.

let place: Workplace;
let layout: LayoutStore;

beforeAll(async () => {
  place = await workplace();
  layout = await createLayout(place.file('layout'));
});
afterAll(() => place[Symbol.asyncDispose]());

async function stored({ store, root }: Artifact, tag: string): Promise<string> {
  await copyGraph(store, layout, root, { tag });
  return `oci:layout:${tag}`;
}

async function filesIn(archive: Uint8Array): Promise<string[]> {
  return (await readEntries(streamOf(archive))).map(({ header: { name, linkname }, body }) =>
    linkname === '' ? `${name}=${body}` : `${name}>${linkname}`,
  );
}

const lower: readonly LayerEntry[] = [
  { name: 'again', body: 'old' },
  { name: 'twice', body: '1' },
  { name: 'twice', body: '2' },
  { name: 'target', body: 'content' },
  { name: 'hard', type: 'hardlink', linkname: 'target' },
  { name: 'ca.crt', type: 'symlink', linkname: '..data/ca.crt' },
];
const upper: readonly LayerEntry[] = [
  { name: '.wh.again' },
  { name: 'again', body: 'new' },
  { name: '.wh.target' },
  { name: 'late', type: 'hardlink', linkname: 'hard' },
];
const merged = ['again=new', 'ca.crt>..data/ca.crt', 'hard=content', 'late>hard', 'twice=2'];

describe('export and flatten', () => {
  it('keep what is made again, the last of duplicates, links of every kind and their targets (flaw 7)', async () => {
    const image = await stored(await imageOfEntries(lower, upper), 'tricky');
    const exported = succeeded(await place.crane(['export', image]));
    expect((await filesIn(exported.stdoutBytes)).toSorted()).toEqual(merged);
    succeeded(await place.crane(['flatten', image, '-t', 'oci:layout:flat']));
    const flat = succeeded(await place.crane(['export', 'oci:layout:flat']));
    expect((await filesIn(flat.stdoutBytes)).toSorted()).toEqual(merged);
    expect(succeeded(await place.crane(['validate', 'oci:layout:flat'])).stdout).toMatch(/^PASS/);
  });

  it('leave nothing that looks complete when a layer is wrong (flaw 8)', async () => {
    const wrong = { rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] } };
    const image = await stored(await imageOfTars([await layerTar(lower)], wrong), 'wrong');
    const before = await readdir(place.path);
    expect((await place.crane(['export', image, 'out.tar'])).code).toBe(1);
    expect(await readdir(place.path)).toEqual(before);
    const printed = await place.crane(['export', image]);
    expect(printed).toMatchObject({ code: 1, stdout: '' });
    expect((await place.crane(['flatten', image])).code).toBe(1);
    expect(printed.stderr).toMatch(/^Error: exporting .*: the diff ID of layer sha256:/);
  });

  it('end quietly when nobody reads on', async () => {
    await stored(await randomImage({ layers: 2, layerSize: 3_000_000 }), 'large');
    const child = spawn(process.execPath, [craneProgram, 'export', 'oci:layout:large'], {
      cwd: place.path,
      env: { ...process.env, TMPDIR: place.path },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const errors: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = (await once(child, 'close')) as [number];
    expect(Buffer.concat(errors).toString()).toBe('');
    expect(code).toBe(141);
    expect((await readdir(place.path)).filter((name) => name.startsWith('crane-oci'))).toEqual([]);
  });

  it.skipIf(process.platform === 'win32').each([
    ['layers', 'roomless', 1000, () => randomImage({ layers: 1, layerSize: 3_000_000 })],
    // More directories than fit in memory, in layers that fit on the disk.
    ['names', 'nameless', 8000, () => imageOfEntries(deepEntries(4))],
  ])('say which temporary file has no room for %s', async (_, tag, blocks, make) => {
    await stored(await make(), tag);
    const script = `ulimit -f ${blocks}; exec "$0" "$@"`;
    const child = spawn('sh', ['-c', script, process.execPath, craneProgram, 'export', `oci:layout:${tag}`], {
      cwd: place.path,
      env: { ...process.env, TMPDIR: place.path },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const errors: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    const [code] = (await once(child, 'close')) as [number];
    expect(Buffer.concat(errors).toString()).toContain(
      `cannot write temporary files in "${place.path}": the file system takes no file of that size\n  Set TMPDIR to`,
    );
    expect(code).toBe(1);
    expect((await readdir(place.path)).filter((name) => name.startsWith('crane-oci'))).toEqual([]);
  });
});

/** Names with a quarter of a million parts each. */
function deepEntries(count: number): LayerEntry[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${i}/${'d/'.repeat(250_000)}` }));
}
