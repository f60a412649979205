import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  annotationsIn,
  entriesIn,
  imageRegistry,
  platformImage,
  platformIndex,
} from '../../../test/support/image-registry.ts';
import { craneInProcess } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { type LayoutStore, openLayout } from '../../layout/layout-store.ts';
import { collectGarbage } from '../../layout/collect-garbage.ts';

const images = imageRegistry();
const refName = 'org.opencontainers.image.ref.name';

async function crane(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await craneInProcess(args, { home: '/nowhere' });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout.trim();
}

async function layoutOf(...args: readonly string[]): Promise<LayoutStore> {
  const path = join(await testDirectory(), 'layout');
  await crane('pull', '--format', 'oci', ...args, path);
  return openLayout(path);
}

describe('an edit in the place of what a layout holds', () => {
  it('is listed there without a name, instead of what it was made from', async () => {
    const layout = await layoutOf(await images.put(await platformImage()));
    const [before] = await layout.entries();
    const printed = await crane('mutate', `oci:${layout.path}`, '-a', 'a=b');
    const [after, ...more] = await layout.entries();
    expect(more).toEqual([]);
    expect(after?.digest).not.toBe(before?.digest);
    expect(after?.annotations).toEqual({ a: 'b' });
    expect(printed).toBe(`oci:${layout.path}@${after?.digest}`);
    const { garbage } = await collectGarbage(layout.path);
    expect(garbage.map(({ digest }) => digest)).toContain(before?.digest);
  });

  it('keeps the name that it has', async () => {
    const name = await images.put(await platformImage());
    const layout = await layoutOf('--annotate-ref', name);
    await crane('mutate', `oci:${layout.path}`, '-a', 'a=b');
    expect(await layout.entries()).toMatchObject([{ annotations: { a: 'b', [refName]: name } }]);
    await crane('mutate', `oci:${layout.path}:v1`, '-a', 'a=c');
    expect((await layout.entries()).filter((entry) => entry.annotations?.['a'] === 'c')).toHaveLength(1);
  });

  it('stays an index where it was one', async () => {
    const layout = await layoutOf(await images.put(await platformIndex('linux/amd64', 'linux/arm64')));
    await crane('mutate', `oci:${layout.path}`, '-a', 'a=b');
    const root = await layout.resolveSingle();
    expect(await entriesIn({ store: layout, root })).toHaveLength(2);
    expect(await annotationsIn({ store: layout, root })).toEqual({ a: 'b' });
  });

  it('is added beside an image that was named by its digest', async () => {
    const layout = await layoutOf(await images.put(await platformImage()));
    const [before] = await layout.entries();
    await crane('mutate', `oci:${layout.path}@${before?.digest}`, '-a', 'a=b');
    expect(await layout.entries()).toMatchObject([{ digest: before?.digest }, { annotations: { a: 'b' } }]);
  });

  it('changes nothing where it changes nothing', async () => {
    const layout = await layoutOf('--annotate-ref', await images.put(await platformImage()));
    const before = await layout.entries();
    await crane('mutate', `oci:${layout.path}`);
    expect((await layout.entries()).map(({ digest }) => digest)).toEqual(before.map(({ digest }) => digest));
    expect(await layout.entries()).toHaveLength(1);
  });
});

describe('a tarball as the place of a result', () => {
  it('whose directory is missing is refused before anything is read', async () => {
    const name = await images.put(await platformImage());
    const before = images.requests.length;
    const path = join(await testDirectory(), 'missing', 'app.tar');
    const { code, stderr } = await craneInProcess(['mutate', name, '-l', 'a=b', '-o', path], { home: '/nowhere' });
    expect(code).toBe(1);
    expect(stderr).toContain(`Cannot write ${JSON.stringify(path)}: no such file or directory`);
    expect(images.requests.slice(before)).toEqual([]);
  });
});
