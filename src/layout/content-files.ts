import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mapLimited } from '../async/map-limited.ts';
import { fileFault } from '../content/file-fault.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';

/** A file of a layout. */
export interface LayoutFile {
  /** Below the layout's directory, with slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly changed: number;
  /** Of the content that it is by its name; `undefined` for what was to be some. */
  readonly digest?: Digest | undefined;
}

/** What lies in a layout's directories. */
export interface LayoutFiles {
  readonly content: readonly LayoutFile[];
  /** What a write that was not finished has left, or is about to finish. */
  readonly temporary: readonly LayoutFile[];
  /** What nobody here has put there. */
  readonly foreign: readonly string[];
}

// Ours have a dot in front and an ending of their own; crane adds digits to the name.
const temporaryName = /^\.[^/]+\.[0-9a-f]{16}\.partial$|^[0-9a-f]{64}\d+$/;

/** Lists the blobs of a layout, whatever other programs have put among them. */
export async function listContentFiles(root: string, { signal }: CallOptions): Promise<LayoutFiles> {
  const found: Sorted[] = [];
  for (const { name, isDirectory } of await namesIn(root, 'blobs')) {
    const path = `blobs/${name}`;
    if (!isDirectory || !/^sha(?:256|512)$/.test(name)) found.push({ kind: 'foreign', path });
    else for (const entry of await namesIn(root, path)) found.push(sorted(path, name, entry));
  }
  for (const { name, isFile } of await namesIn(root, '')) {
    if (isFile && temporaryName.test(name) && name.startsWith('.')) found.push({ kind: 'temporary', path: name });
  }
  const content: LayoutFile[] = [];
  const temporary: LayoutFile[] = [];
  await mapLimited(
    found.filter(({ kind }) => kind !== 'foreign'),
    32,
    async ({ kind, path, digest }) => {
      const stats = await lstat(join(root, path)).catch(() => undefined);
      // Gone meanwhile.
      if (stats === undefined) return;
      const file = { path, size: stats.size, changed: stats.mtimeMs, digest };
      (kind === 'content' ? content : temporary).push(file);
    },
    signal,
  );
  const foreign = found.filter(({ kind }) => kind === 'foreign').map(({ path }) => path);
  return { content: content.sort(byPath), temporary: temporary.sort(byPath), foreign: foreign.sort() };
}

interface Sorted {
  readonly kind: 'content' | 'temporary' | 'foreign';
  readonly path: string;
  readonly digest?: Digest;
}

interface Name {
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
}

function sorted(directory: string, algorithm: string, { name, isFile }: Name): Sorted {
  const path = `${directory}/${name}`;
  const digest = `${algorithm}:${name}`;
  if (isFile && isDigest(digest)) return { kind: 'content', path, digest };
  return { kind: isFile && temporaryName.test(name) ? 'temporary' : 'foreign', path };
}

async function namesIn(root: string, path: string): Promise<readonly Name[]> {
  try {
    const entries = await readdir(join(root, path), { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, isFile: entry.isFile(), isDirectory: entry.isDirectory() }));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw fileFault(error, 'read', join(root, path));
  }
}

function byPath(a: LayoutFile, b: LayoutFile): number {
  return a.path < b.path ? -1 : 1;
}
