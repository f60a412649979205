import { readdir } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageOfEntries, type LayerEntry } from '../../../test/support/layer-stack.ts';
import { baseLayer, layerStack } from '../../../test/support/random-layers.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { type ByteStream, collect } from '../../content/bytes.ts';
import { messageOf } from '../../errors.ts';
import type { Artifact } from '../../store/artifact.ts';
import { findFile } from '../edit-file/find-file.ts';
import { exportFilesystem, type FlattenedTarOptions, flattenedTar } from './export.ts';

/** Room for two pages: nearly each access brings another one. */
const maxMemory = 1;

async function outcomeOf(stream: ByteStream): Promise<Uint8Array | string> {
  return collect(stream, 2 ** 26).catch(messageOf);
}

/** Three layers of so many entries of every kind, the upper ones in another order. */
function largeStack(count: number): Promise<Artifact> {
  const layers = [0, 1, 2].map((layer) =>
    Array.from({ length: count }, (_, i): LayerEntry[] => {
      const n = (i * (1 + 366 * layer)) % count;
      const parent = n % 3 === 0 ? 'flat' : `tree/${n % 50}/${n % 7}`;
      const name = `${parent}/file-${n}`;
      if (layer > 0 && n % 11 === 0) return [{ name: `${parent}/.wh.file-${n}` }];
      if (n % 13 === 1) return [{ name: `${name}/`, mode: 0o700 + layer, uname: `user-${n}` }];
      if (n % 17 === 2) return [{ name, type: 'symlink', linkname: `../file-${n + 1}` }];
      const file = { name, body: `${layer}-${n}` };
      const link: LayerEntry = { name: `${name}-link`, type: 'hardlink', linkname: name };
      // In an upper layer it would lead to the file below.
      if (n % 19 === 3) return layer === 0 ? [link, file] : [file, link];
      return [file];
    }).flat(),
  );
  return imageOfEntries(...layers);
}

describe('with room for two pages of what is noted of the entries', () => {
  it.each<readonly [string, FlattenedTarOptions]>([
    ['the file system', {}],
    ['a layer in the place of the upper ones', { fromLayer: 1 }],
  ])('%s is the same, byte for byte', { timeout: 60_000 }, async (_, options) => {
    const temporaryDirectory = await testDirectory();
    await fc.assert(
      fc.asyncProperty(layerStack, async (layers) => {
        const image = await imageOfEntries(baseLayer, ...layers);
        const swapped = await outcomeOf(flattenedTar(image, { ...options, maxMemory, temporaryDirectory }));
        expect(swapped).toEqual(await outcomeOf(flattenedTar(image, options)));
      }),
      { numRuns: 40 },
    );
    const image = await largeStack(2000);
    const expected = await collect(flattenedTar(image, options), 2 ** 26);
    const swapped = await collect(flattenedTar(image, { ...options, maxMemory, temporaryDirectory }), 2 ** 26);
    expect(Buffer.compare(swapped, expected)).toBe(0);
    expect(await readdir(temporaryDirectory)).toEqual([]);
  });

  it('a file is found', async () => {
    const temporaryDirectory = await testDirectory();
    await using place = await findFile(await largeStack(1000), 'flat/file-999', { maxMemory, temporaryDirectory });
    expect(place).toMatchObject({ kind: 'file', path: 'flat/file-999' });
    expect(await collect(await (place.file as NonNullable<typeof place.file>).content.open(), 99)).toEqual(
      Buffer.from('2-999'),
    );
  });

  it('nothing is left when the stream is cancelled or aborted', async () => {
    const temporaryDirectory = await testDirectory();
    const image = await largeStack(2000);
    const cancelled = exportFilesystem(image, { maxMemory, temporaryDirectory });
    await cancelled[Symbol.asyncIterator]().next();
    await cancelled.cancel();
    expect(await readdir(temporaryDirectory)).toEqual([]);
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = exportFilesystem(image, {
      maxMemory,
      temporaryDirectory,
      signal: controller.signal,
      // The entries of the last layer are still to be merged.
      onProgress: ({ type }) => type === 'finish' && controller.abort(reason),
    });
    await expect(collect(aborted, 2 ** 26)).rejects.toBe(reason);
    expect(await readdir(temporaryDirectory)).toEqual([]);
  });
});
