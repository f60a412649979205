import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractTar, hasGnuTar, type TreeNode, treeOf } from '../../../test/support/extracted-tree.ts';
import { imageOfTars, type LayerEntry, layerTar } from '../../../test/support/layer-stack.ts';
import { baseLayer, extractLayers, layerStack } from '../../../test/support/random-layers.ts';
import { temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { collect } from '../../content/bytes.ts';
import { isOciError } from '../../errors.ts';
import { exportFilesystem, flattenedTar } from './export.ts';

// What GNU tar makes of the layers, one extracted over the other, against what it makes of our archive.

describe.skipIf(!hasGnuTar())('the merged file system against GNU tar', () => {
  it.each(['gnu', 'posix --sparse-version=0.0', 'posix --sparse-version=0.1', 'posix --sparse-version=1.0'])(
    'has sparse files whole (format %s)',
    async (format) => {
      const work = await temporaryDirectory();
      try {
        mkdirSync(work.file('in'));
        for (const name of ['s', 't']) writeFileSync(work.file('in', name), 'start');
        truncateSync(work.file('in', 's'), 5_000_000);
        appendFileSync(work.file('in', 's'), 'end');
        truncateSync(work.file('in', 's'), 6_000_000);
        const flags = ['--sparse', ...`--format=${format}`.split(' '), '-C', work.file('in')];
        const tar = execFileSync('tar', ['-cf', '-', ...flags, 's', 't'], { maxBuffer: 2 ** 26 });
        expect(tar.length).toBeLessThan(1_000_000);
        extractTar(work.file('out'), await collect(exportFilesystem(await imageOfTars([tar])), 2 ** 26));
        for (const name of ['s', 't']) {
          expect(readFileSync(work.file('out', name)).equals(readFileSync(work.file('in', name)))).toBe(true);
        }
        await expect(
          collect(exportFilesystem(await imageOfTars([tar]), { maxBytes: 5_000_000 }), 2 ** 26),
        ).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
      } finally {
        await work.remove();
      }
    },
  );

  it('is what the layers make when they are extracted one over the other', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(layerStack, async (layers) => {
        const work = await temporaryDirectory();
        try {
          const valid = await extractLayers(work.file('expected'), [baseLayer, ...layers]);
          const image = await imageOfTars(await Promise.all(valid.map((entries) => layerTar(entries))));
          extractTar(work.file('exported'), await collect(exportFilesystem(image), 2 ** 26));
          expect(treeOf(work.file('exported'))).toEqual(treeOf(work.file('expected')));
        } finally {
          await work.remove();
        }
      }),
      { numRuns: 25 },
    );
  });

  it('is the same when the upper layers are flattened into one', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(layerStack, fc.nat(), async (layers, choice) => {
        const work = await temporaryDirectory();
        try {
          const valid = await extractLayers(work.file('expected'), [baseLayer, ...layers.map(withoutLinks)]);
          const tars = await Promise.all(valid.map((entries) => layerTar(entries)));
          const fromLayer = 1 + (choice % layers.length);
          const upper = await collect(flattenedTar(await imageOfTars(tars), { fromLayer }), 2 ** 26).catch(unlessCut);
          if (upper === undefined) return;
          const squashed = await imageOfTars([...tars.slice(0, fromLayer), upper]);
          extractTar(work.file('exported'), await collect(exportFilesystem(squashed), 2 ** 26));
          expect(withoutEmpty(treeOf(work.file('exported')))).toEqual(withoutEmpty(treeOf(work.file('expected'))));
        } finally {
          await work.remove();
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** Names that lead through a link of a layer that is left out cannot be known for what they are. */
function withoutLinks(entries: readonly LayerEntry[]): LayerEntry[] {
  return entries.map((one) => ({ ...one, name: past(one.name), ...linkOf(one) }));
}

function linkOf({ type, linkname = '' }: LayerEntry): Pick<LayerEntry, 'linkname'> {
  return type === 'hardlink' ? { linkname: past(linkname) } : {};
}

function past(name: string): string {
  return name.replace(/^l\//, 'real/');
}

/** A hard link that would be cut from its target is refused. */
function unlessCut(error: unknown): undefined {
  if (!isOciError(error, 'UNSUPPORTED')) throw error;
}

/** Whether a directory that nothing names is there when all that was in it is gone, only the lower layers could tell. */
function withoutEmpty(tree: Readonly<Record<string, TreeNode>>): Record<string, TreeNode> {
  const names = Object.keys(tree);
  const kept = Object.entries(tree).filter(
    ([name, { type }]) => type !== '4' || names.some((other) => other.startsWith(`${name}/`)),
  );
  return kept.length === names.length ? { ...tree } : withoutEmpty(Object.fromEntries(kept));
}
