import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crane } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temp-directory.ts';
import { treeImage, writeTreeTar } from '../support/tree-image.ts';

/** Node alone takes about 45 MB. Layers and tar are larger than this without compression, so nothing fits that is held whole. */
const maxMemory = 150 * 1024 * 1024;
const megabytes = 160;

describe('crane with an image that is larger than its memory', () => {
  let registry: CraneRegistry;
  let work: TemporaryDirectory;

  beforeAll(async () => {
    [registry, work] = await Promise.all([startCraneRegistry(), temporaryDirectory()]);
    const { layout } = await treeImage(megabytes);
    await expectSmall(['push', layout, `${registry.address}/tree:1`]);
    await writeTreeTar(work.file('layer.tar'), megabytes);
  }, 300_000);

  afterAll(async () => {
    await registry.stop();
    await work.remove();
  });

  it.each([
    ['exports its file system', () => ['export', `${registry.address}/tree:1`, join(work.path, 'files.tar')]],
    ['flattens it', () => ['flatten', `${registry.address}/tree:1`, '-t', `${registry.address}/tree:flat`]],
    ['validates it', () => ['validate', '--remote', `${registry.address}/tree:1`]],
    [
      'appends a layer',
      () => [
        'append',
        '-b',
        `${registry.address}/tree:1`,
        '-f',
        work.file('layer.tar'),
        '-t',
        `${registry.address}/tree:2`,
      ],
    ],
    [
      'adds a file to it',
      () => ['edit', 'fs', `${registry.address}/tree:1`, '-f', '/etc/new', '-t', `${registry.address}/tree:3`],
    ],
  ])('%s', { timeout: 120_000 }, async (_, argsOf) => {
    await expectSmall(argsOf());
  });
});

async function expectSmall(args: readonly string[]): Promise<void> {
  const { code, stderr, peakMemory } = await crane(args, { timeout: 110_000 });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(peakMemory).toBeLessThan(maxMemory);
}
