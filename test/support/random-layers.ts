import { linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { cleanPath } from '../../src/content/tar/path.ts';
import { encodeText } from '../../src/content/tar/text.ts';
import { extractTar } from './extracted-tree.ts';
import { type LayerEntry, layerTar } from './layer-stack.ts';

// Random layers, and what GNU tar makes of them. Whiteouts, and what tar would not replace by something of another kind, are
// removed here, by means of the file system.

const isRoot = process.getuid?.() === 0;

/** `l` is a link to `real` in every stack, so that names lead through it. */
export const baseLayer: readonly LayerEntry[] = [
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
export const layerStack: fc.Arbitrary<LayerEntry[][]> = fc.array(layer, { minLength: 1, maxLength: 4 });

/**
 * Extracts layers one over the other with GNU tar.
 *
 * @returns the layers without the entries that contradict others of the same layer or link to nothing
 */
export async function extractLayers(root: string, layers: readonly (readonly LayerEntry[])[]): Promise<LayerEntry[][]> {
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
  const late = new Set<string>();
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
    // And tar makes links that lead out of the directory last, over whatever has come under their names since.
    if (late.has(key)) return false;
    if (one.type === 'symlink' && leadsOut(one.linkname ?? '')) late.add(key);
    // A directory that two names lead to may get the attributes of either.
    if (one.name.startsWith('l/')) for (const parent of parents) named.add(parent);
    if (one.type === 'hardlink' && !isThere(root, one.linkname ?? '', kinds)) return false;
    for (const parent of parents) kinds.set(parent, 'directory');
    kinds.set(key, kind);
    return true;
  });
}

function leadsOut(target: string): boolean {
  return target.startsWith('/') || target.split('/').includes('..');
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

function place(root: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), encodeText(cleanPath(name))]);
}
