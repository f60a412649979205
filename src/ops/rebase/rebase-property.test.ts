import * as fc from 'fast-check';
import { describe, it, expect } from 'vitest';
import { builtImage } from '../../../test/support/built-image.ts';
import { type LayerEntry, layerTar } from '../../../test/support/layer-stack.ts';
import { collect } from '../../content/bytes.ts';
import type { Artifact } from '../../store/artifact.ts';
import { exportFilesystem } from '../filesystem/export.ts';
import { configOf, imageManifestOf } from '../read.ts';
import { validate } from '../validate.ts';
import { rebase } from './rebase.ts';

// Random images on random bases: whatever their histories say, a rebase exchanges the layers of the bases and nothing else.

interface Step {
  readonly created_by: string;
  readonly created?: string;
  readonly empty_layer?: boolean;
}

/** Layers, and what a history tells of them. */
interface Stack {
  readonly layers: readonly (readonly LayerEntry[])[];
  readonly steps: readonly Step[];
}

const name = fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/f', '.wh.a', 'd/.wh.b', 'd/.wh..wh..opq', '.wh.d');
const entry: fc.Arbitrary<LayerEntry> = fc.record({ name, body: fc.constantFrom('', 'x', 'yy') });
const layer = fc.uniqueArray(entry, { maxLength: 4, selector: (one) => one.name });

/** @param prefix of what steps say, so that it is known whose they are */
function stack(prefix: string, most = 3): fc.Arbitrary<Stack> {
  const emptySteps = fc.integer({ min: 0, max: 2 });
  return fc.array(fc.tuple(layer, emptySteps, emptySteps), { maxLength: most }).map((parts) => ({
    layers: parts.map(([entries]) => entries),
    steps: parts.flatMap(([, before, after], i) => [
      ...Array.from({ length: before }, (_, k) => ({ created_by: `${prefix} before ${i} ${k}`, empty_layer: true })),
      { created_by: `${prefix} layer ${i}`, created: '2024-01-15T10:00:00.5Z' },
      ...Array.from({ length: after }, (_, k) => ({ created_by: `${prefix} after ${i} ${k}`, empty_layer: true })),
    ]),
  }));
}

const family = fc.constantFrom('oci' as const, 'docker' as const);
const level = fc.constantFrom(1, 9);
const arbitrary = fc.record({
  old: stack('old'),
  now: stack('new'),
  app: stack('app'),
  families: fc.tuple(family, family, family),
  levels: fc.tuple(level, level, level),
});

async function imageOf(
  { layers, steps }: Stack,
  recipe: { readonly family: 'oci' | 'docker'; readonly level: number },
  history: readonly Step[] | undefined = steps,
): Promise<Artifact> {
  const tars = await Promise.all(layers.map((entries) => layerTar(entries)));
  return builtImage({ tars, ...recipe, config: { history, config: { Env: ['A=1'] } } });
}

function on(base: Stack, app: Stack): Stack {
  return { layers: [...base.layers, ...app.layers], steps: [...base.steps, ...app.steps] };
}

const filesOf = async (artifact: Artifact): Promise<Buffer> =>
  Buffer.from(await collect(exportFilesystem(artifact), 2 ** 26));

describe('rebase of random images', () => {
  it('keeps the own layers and steps, in order, and gives the file system of both', async () => {
    const property = fc.asyncProperty(arbitrary, async ({ old, now, app, families, levels }) => {
      const [oldBase, newBase, image, expected] = await Promise.all([
        imageOf(old, { family: families[0], level: levels[0] }),
        imageOf(now, { family: families[1], level: levels[1] }),
        imageOf(on(old, app), { family: families[2], level: levels[2] }),
        imageOf(on(now, app), { family: families[2], level: levels[2] }),
      ]);
      const result = await rebase(image, { oldBase, newBase });
      const [after, wanted] = [await configOf(result), await configOf(expected)];
      expect(after.rootfs).toEqual(wanted.rootfs);
      expect(after.history.map((one) => one.created_by)).toEqual(wanted.history.map((one) => one.created_by));
      expect(result.root.mediaType).toBe(image.root.mediaType);
      expect((await imageManifestOf(result)).layers.map(({ mediaType }) => mediaType)).toEqual(
        (await imageManifestOf(expected)).layers.map(({ mediaType }) => mediaType),
      );
      expect(await validate(result)).toEqual([]);
      expect(await filesOf(result)).toEqual(await filesOf(expected));
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('onto the same base changes nothing, and there and back gives the same digest', async () => {
    const property = fc.asyncProperty(arbitrary, async ({ old, now, app, families, levels }) => {
      const recipe = { family: families[0], level: levels[0] };
      const [oldBase, newBase, image] = await Promise.all([
        imageOf(old, recipe),
        imageOf(now, { family: families[1], level: levels[1] }),
        imageOf(on(old, app), recipe),
      ]);
      expect((await rebase(image, { oldBase, newBase: oldBase })).root).toEqual(image.root);
      const onto = { oldBase, newBase };
      const back = { oldBase: newBase, newBase: oldBase };
      const first = await rebase(await rebase(image, onto), back);
      expect((await rebase(await rebase(first, onto), back)).root).toEqual(first.root);
      expect((await imageManifestOf(first)).layers).toEqual((await imageManifestOf(image)).layers);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('loses and repeats no layer where histories are missing or do not fit', async () => {
    const told = fc.record({ old: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]), app: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]) });
    const property = fc.asyncProperty(arbitrary, told, async ({ old, now, app, families, levels }, kept) => {
      const recipe = { family: families[0], level: levels[0] };
      const tellsOf = (steps: readonly Step[], which: readonly number[]): readonly Step[] =>
        steps.filter((_, i) => which.includes(i));
      const both = on(old, app);
      const [oldBase, newBase, image] = await Promise.all([
        imageOf(old, recipe, tellsOf(old.steps, kept.old)),
        imageOf(now, recipe),
        imageOf(both, recipe, tellsOf(both.steps, kept.app)),
      ]);
      const result = await rebase(image, { oldBase, newBase });
      const after = await configOf(result);
      expect(after.rootfs).toEqual((await configOf(await imageOf(on(now, app), recipe))).rootfs);
      expect(await validate(result)).toEqual([]);
      // The same base by accident, and so the same image.
      if (result.root.digest === image.root.digest) return;
      const layers = after.history.filter((one) => !one.empty_layer).length;
      expect([0, after.rootfs.diff_ids.length]).toContain(layers);
      const own = tellsOf(both.steps, kept.app).filter((one) => one.created_by.startsWith('app layer'));
      const steps = after.history.map((one) => one.created_by);
      // What is told of the image's own layers is told of them still.
      for (const { created_by } of own) expect(steps.filter((one) => one === created_by)).toHaveLength(1);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
