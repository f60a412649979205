import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { blobOf, imageOf, pushImage } from '../../../test/conformance/samples.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { type LayoutStore, openOrCreateLayout } from '../../layout/layout-store.ts';

async function gc(...args: readonly string[]): Promise<InProcessResult> {
  const result = await craneInProcess(['layout', 'gc', ...args], { home: '/nowhere' });
  return { ...result, stderr: result.stderr.replaceAll(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /gm, 'TIME ') };
}

const loose = blobOf('x'.repeat(1500));

async function layout(): Promise<LayoutStore> {
  const store = await openOrCreateLayout(await testDirectory());
  await pushImage(store, imageOf('kept'), 'v1');
  await store.push(loose.target, loose.bytes);
  return store;
}

it('prints a line per file as crane does, and the total', async () => {
  const store = await layout();
  expect(await gc(store.path)).toEqual({
    code: 0,
    stdout: '',
    stderr: `garbage collecting: ${loose.target.digest}\nTIME deleted 1 file, 1.5 kB\n`,
  });
  expect(await store.stat(loose.target)).toBeUndefined();
  expect(await gc(`oci:${store.path}`)).toMatchObject({ stderr: 'TIME deleted 0 files, 0 B\n' });
});

it('prints what a real run would delete, with sizes, and deletes nothing', async () => {
  const store = await layout();
  expect(await gc('--dry-run', store.path)).toEqual({
    code: 0,
    stdout: `${loose.target.digest} 1.5 kB\nwould delete 1 file, 1.5 kB\n`,
    stderr: '',
  });
  expect(await store.stat(loose.target)).toBeDefined();
});

// crane fails: found non-hex character in hash.
it('says which files it leaves alone', async () => {
  const store = await layout();
  await writeFile(join(store.path, 'blobs', 'sha256', '.DS_Store'), 'x');
  const { code, stderr } = await gc('--min-age', '1h', store.path);
  expect(code).toBe(0);
  expect(stderr).toBe(
    'TIME deleted 0 files, 0 B\nTIME left 1 file alone, younger than --min-age\n' +
      'TIME left alone what is no content: blobs/sha256/.DS_Store\n',
  );
  expect(await store.stat(loose.target)).toBeDefined();
});

it('is quiet when it shall be', async () => {
  const store = await layout();
  expect(await gc('-q', store.path)).toEqual({ code: 0, stdout: '', stderr: '' });
});

it('refuses what is no layout, an image in one, and a layout that lacks a manifest', async () => {
  const store = await layout();
  expect(await gc(`oci:${store.path}:v1`)).toMatchObject({ code: 1, stderr: expect.stringContaining('as a whole') });
  expect(await gc(join(store.path, 'blobs'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no OCI image layout'),
  });
  expect(await gc('--min-age', 'soon', store.path)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('"--min-age" flag'),
  });
  await store.deleteBlob(imageOf('kept').target.digest);
  const { code, stderr } = await gc(store.path);
  expect(code).toBe(1);
  expect(stderr).toMatch(/ is incomplete: sha256:[a-f0-9]+ is missing, .*\n {2}Nothing was deleted/);
  expect(await store.stat(loose.target)).toBeDefined();
  expect(await gc('--ignore-missing', store.path)).toMatchObject({ code: 0 });
  expect(await readdir(join(store.path, 'blobs', 'sha256'))).toEqual([]);
});
