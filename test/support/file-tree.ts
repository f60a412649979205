import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** Every file below a directory with the hash of its content, to see that nothing was left or changed. */
export async function snapshot(directory: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(directory, path), await stateOf(path, entry)] as const;
    }),
  );
  return Object.fromEntries(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Writes files by their paths below a directory. */
export async function writeTree(
  directory: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

async function stateOf(
  path: string,
  entry: { isDirectory(): boolean; isSymbolicLink(): boolean; isFile(): boolean },
): Promise<string> {
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return `link to ${await readlink(path)}`;
  return entry.isFile()
    ? createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
    : 'special';
}
