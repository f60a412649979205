import { mkdirSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { runCommand } from '../../../test/support/command.ts';
import { extractTar, hasGnuTar, type TreeNode, treeOf } from '../../../test/support/extracted-tree.ts';
import { imageOfTars, type LayerEntry, layerTar } from '../../../test/support/layer-stack.ts';
import { baseLayer, extractLayers, layerStack } from '../../../test/support/random-layers.ts';
import { describeWith, requirement, unavailable } from '../../../test/support/requirements.ts';
import { temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { collect } from '../../content/bytes.ts';
import { cleanPath } from '../../content/tar/path.ts';
import { createLayout } from '../../layout/layout-store.ts';
import { copyGraph } from '../copy.ts';
import { flatten } from '../flatten.ts';
import { exportFilesystem } from './export.ts';

// The same images, unpacked by umoci, which shares nothing with us but the specification.

const umoci = requirement('umoci');
const root = process.getuid?.() === 0 && hasGnuTar() ? umoci : unavailable('umoci', 'needs root and GNU tar here');

describeWith(umoci.available ? [root] : [umoci], 'The merged file system against umoci', () => {
  it('is what umoci unpacks, of all layers and of the flattened image', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(layerStack, async (layers) => {
        const work = await temporaryDirectory();
        try {
          const valid = await extractLayers(work.file('valid'), [baseLayer, ...layers]);
          const image = await imageOfTars(await Promise.all(valid.map((entries) => layerTar(entries))));
          await using flat = await flatten(image);
          const layout = await createLayout(work.file('layout'));
          await copyGraph(image.store, layout, image.root, { tag: 'all' });
          await copyGraph(flat.store, layout, flat.root, { tag: 'flat' });
          extractTar(work.file('exported'), await collect(exportFilesystem(image), 2 ** 26));
          const sure = sureDirectories(valid);
          const exported = withSureModes(treeOf(work.file('exported')), sure);
          for (const tag of ['all', 'flat']) {
            mkdirSync(work.file(tag));
            const args = ['unpack', '--image', `${work.file('layout')}:${tag}`, work.file(tag, 'bundle')];
            const { code, stderr } = await runCommand(umoci.path, args, { home: work.path });
            expect({ code, stderr }).toMatchObject({ code: 0 });
            const unpacked = withSureModes(treeOf(work.file(tag, 'bundle/rootfs')), sure);
            expect(unpacked, tag).toEqual(exported);
          }
        } finally {
          await work.remove();
        }
      }),
      { numRuns: 15 },
    );
  });
});

/**
 * Directories that entries name, and nothing ever removes or replaces. The specification says nothing of the attributes of
 * others: umoci gives them those of what was there before.
 */
function sureDirectories(layers: readonly (readonly LayerEntry[])[]): ReadonlySet<string> {
  const sure = new Set<string>();
  const unsure = new Set<string>();
  for (const { name, type } of layers.flat()) {
    const key = cleanPath(name).replace(/^l(?=\/)/, 'real');
    if (type === 'directory' || name.endsWith('/')) sure.add(key);
    else unsure.add(key.replace(/\.wh\.(?=[^/]+$)/, '').replace(/\/\.wh\.\.opq$/, ''));
  }
  return new Set([...sure].filter((key) => ![...unsure].some((other) => `${key}/`.startsWith(`${other}/`))));
}

function withSureModes(
  tree: Readonly<Record<string, TreeNode>>,
  sure: ReadonlySet<string>,
): Readonly<Record<string, TreeNode>> {
  const entries = Object.entries(tree).map(
    ([name, node]) => [name, node.type === '4' && !sure.has(name) ? { ...node, mode: '', owner: '' } : node] as const,
  );
  return Object.fromEntries(entries);
}
