import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractTar, hasGnuTar, type TreeNode, treeOf } from '../../../test/support/extracted-tree.ts';
import { imageOfTars, type LayerEntry, layerTar } from '../../../test/support/layer-stack.ts';
import { temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { collect } from '../../content/bytes.ts';
import { cleanPath } from '../../content/tar/path.ts';
import { encodeText } from '../../content/tar/text.ts';
import { isOciError } from '../../errors.ts';
import { exportFilesystem, flattenedTar } from './export.ts';

// What GNU tar makes of the layers, one extracted over the other, against what it makes of our archive. Whiteouts, and what
// tar would not replace by something of another kind, are removed here, by means of the file system.

const isRoot = process.getuid?.() === 0;

/** `l` is a link to `real` in every stack, so that names lead through it. */
const base: readonly LayerEntry[] = [
  { name: 'real/', mode: 0o755 },
  { name: 'l', type: 'symlink', linkname: 'real' },
];

const directory = fc.constantFrom('', 'a', 'b', 'a/b', 'a/b/c', './c', 'real', 'l', 'l/a', 'ä', 'n'.repeat(120));
const leaf = fc.constantFrom('a', 'b', 'c', 'f', 'g', 'ü', '\udcff\udcfe', 'm'.repeat(101), ' spaces ', '.wh-no');
const path = fc.tuple(directory, leaf).map(([parent, name]) => (parent === '' ? name : `${parent}/${name}`));
const attributes = fc.record({
  mode: fc.constantFrom(0o644, 0o600, 0o755, 0o4755, 0o777),
  uid: fc.constantFrom(0, 1000, isRoot ? 3_000_000 : 0),
  gid: fc.constantFrom(0, 5),
  mtime: fc.record({ seconds: fc.integer({ min: -1000, max: 2 ** 33 }), nanoseconds: fc.constant(0) }),
});
const target = fc.constantFrom('a', 'f', '..data/x', '../../..', '/etc', './/a/', 'n'.repeat(150));
const entry: fc.Arbitrary<LayerEntry> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: path, body: fc.string({ maxLength: 700 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ name: path.map((name) => `${name}/`), type: fc.constant('directory' as const) }),
  },
  // Nothing lies below a name with an s: where a link leads is told by other tests.
  {
    weight: 1,
    arbitrary: fc.record({
      name: path.map((name) => `${name}s`),
      type: fc.constant('symlink' as const),
      linkname: target,
    }),
  },
  { weight: 2, arbitrary: fc.record({ name: path, type: fc.constant('hardlink' as const), linkname: path }) },
  { weight: 1, arbitrary: fc.record({ name: path, type: fc.constant('fifo' as const) }) },
  {
    weight: isRoot ? 1 : 0,
    arbitrary: fc.record({
      name: path,
      type: fc.constantFrom('character-device' as const, 'block-device' as const),
      devmajor: fc.constant(7),
      devminor: fc.integer({ min: 0, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: path.map((name) => ({ name: name.replace(/[^/]+$/, '.wh.$&') })) },
  { weight: 1, arbitrary: directory.map((name) => ({ name: `${name === '' ? 'a' : name}/.wh..wh..opq` })) },
);
const layer = fc
  .array(fc.tuple(entry, attributes), { maxLength: 12 })
  .map((entries) => entries.map(([one, with_]) => ({ ...with_, ...one })));
const stack = fc.array(layer, { minLength: 1, maxLength: 4 });

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
      fc.asyncProperty(stack, async (layers) => {
        const work = await temporaryDirectory();
        try {
          const valid = await extractLayers(work.file('expected'), [base, ...layers]);
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
      fc.asyncProperty(stack, fc.nat(), async (layers, choice) => {
        const work = await temporaryDirectory();
        try {
          const valid = await extractLayers(work.file('expected'), [base, ...layers.map(withoutLinks)]);
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
  return entries.map((one) => ({ ...one, name: one.name.replace(/^l\//, 'real/') }));
}

/** A hard link that would be cut from its target is refused. */
function unlessCut(error: unknown): undefined {
  if (!isOciError(error, 'UNSUPPORTED')) throw error;
}

/**
 * Extracts layers one over the other with GNU tar.
 *
 * @returns the layers without the entries that contradict others of the same layer or link to nothing
 */
async function extractLayers(root: string, layers: readonly (readonly LayerEntry[])[]): Promise<LayerEntry[][]> {
  const valid: LayerEntry[][] = [];
  mkdirSync(root, { recursive: true });
  for (const entries of layers) {
    const kept = consistent(root, entries);
    valid.push(kept);
    const stash = `${root}-stash`;
    mkdirSync(stash);
    const replayed = stashTargets(root, stash, kept);
    for (const { name } of kept) if (name.endsWith('/.wh..wh..opq')) empty(root, dirname(name));
    for (const { name } of kept) if (isWhiteout(name)) remove(root, name.replace(/\.wh\.(?=[^/]+$)/, ''));
    for (const one of replayed) makeRoom(root, one);
    renameSync(stash, join(root, '.stash'));
    extractTar(root, await layerTar(replayed));
    remove(root, '.stash');
  }
  return valid;
}

function isWhiteout(name: string): boolean {
  return /(?:^|\/)\.wh\.(?!\.wh\.)[^/]*$/.test(name);
}

function isMark(name: string): boolean {
  return /(?:^|\/)\.wh\.[^/]*$/.test(name);
}

function isDirectory({ name, type }: LayerEntry): boolean {
  return type === 'directory' || name.endsWith('/');
}

function keyOf(name: string): string {
  return cleanPath(name).replace(/^l(?=\/)/, 'real');
}

/** Leaves out what stands in the way of another entry of the same layer: order would matter to tar. */
function consistent(root: string, entries: readonly LayerEntry[]): LayerEntry[] {
  const kinds = new Map<string, 'directory' | 'other'>();
  const named = new Set<string>();
  return entries.filter((one) => {
    if (isMark(one.name)) return !one.name.startsWith('l/.wh..wh.');
    const key = keyOf(one.name);
    const parents = key.split('/').map((_, i, parts) => parts.slice(0, i).join('/'));
    if (parents.some((parent) => kinds.get(parent) === 'other')) return false;
    const kind = isDirectory(one) ? 'directory' : 'other';
    if ((kinds.get(key) ?? kind) !== kind) return false;
    // When tar gives directories their attributes late, the first of two names of the same one wins.
    if (kind === 'directory' && named.has(key)) return false;
    named.add(key);
    if (one.type === 'hardlink' && !isThere(root, one.linkname ?? '', kinds)) return false;
    for (const parent of parents) kinds.set(parent, 'directory');
    kinds.set(key, kind);
    return true;
  });
}

function isThere(root: string, name: string, kinds: ReadonlyMap<string, string>): boolean {
  const key = keyOf(name);
  if (kinds.has(key)) return kinds.get(key) === 'other';
  if (key.split('/').some((_, i, parts) => kinds.get(parts.slice(0, i).join('/')) === 'other')) return false;
  return statsOf(root, name)?.isDirectory() === false;
}

/** Links to lower layers lead to a stash, which nothing of the layer removes. */
function stashTargets(root: string, stash: string, entries: readonly LayerEntry[]): LayerEntry[] {
  const seen = new Set<string>();
  return entries.flatMap((one, index) => {
    if (isMark(one.name)) return [];
    const linkname = one.linkname ?? '';
    const isOld = one.type === 'hardlink' && !seen.has(keyOf(linkname));
    seen.add(keyOf(one.name));
    if (!isOld) return [one.type === 'hardlink' ? { ...one, linkname: cleanPath(linkname) } : one];
    linkSync(place(root, linkname), join(stash, String(index)));
    return [{ ...one, linkname: `.stash/${index}` }];
  });
}

/** A directory and something else never take each other's place when tar extracts. */
function makeRoom(root: string, one: LayerEntry): void {
  const parts = keyOf(one.name).split('/');
  for (let i = 1; i <= parts.length; i++) {
    const name = parts.slice(0, i).join('/');
    const isThereAsDirectory = statsOf(root, name)?.isDirectory();
    if (isThereAsDirectory !== undefined && isThereAsDirectory !== (i < parts.length || isDirectory(one))) {
      remove(root, name);
    }
  }
}

function empty(root: string, name: string): void {
  const found = statsOf(root, name);
  if (found?.isDirectory() !== true) return;
  for (const child of readdirSync(place(root, name), { encoding: 'buffer' })) {
    rmSync(Buffer.concat([place(root, name), Buffer.from('/'), child]), { recursive: true });
  }
}

function remove(root: string, name: string): void {
  if (statsOf(root, name) === undefined) return;
  rmSync(place(root, name), { recursive: true });
}

function statsOf(root: string, name: string): Stats | undefined {
  try {
    return lstatSync(place(root, name));
  } catch {
    // Nothing, or nothing below what is no directory.
    return undefined;
  }
}

/** Whether a directory that nothing names is there when all that was in it is gone, only the lower layers could tell. */
function withoutEmpty(tree: Readonly<Record<string, TreeNode>>): Record<string, TreeNode> {
  const names = Object.keys(tree);
  const kept = Object.entries(tree).filter(
    ([name, { type }]) => type !== '4' || names.some((other) => other.startsWith(`${name}/`)),
  );
  return kept.length === names.length ? { ...tree } : withoutEmpty(Object.fromEntries(kept));
}

function place(root: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), encodeText(cleanPath(name))]);
}
