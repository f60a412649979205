import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Whether the system's tar is GNU's, which the tests take for how a layer is to be extracted. */
export function hasGnuTar(): boolean {
  return spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout.includes('GNU tar');
}

/** Extracts an archive over what is in a directory. @throws {Error} when tar complains of anything */
export function extractTar(directory: string, tar: Uint8Array): void {
  mkdirSync(directory, { recursive: true });
  const flags = [
    '--numeric-owner',
    '--delay-directory-restore',
    '--xattrs',
    '--xattrs-include=*',
    '--warning=no-timestamp',
  ];
  execFileSync('tar', ['-xpf', '-', ...flags, '-C', directory], { input: tar, stdio: ['pipe', 'pipe', 'pipe'] });
}

export interface TreeNode {
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  /** Absent for directories: whatever is put into them changes it. */
  readonly mtime?: string;
  readonly device?: string;
  /** A symbolic link's target, or the hash of a file's content. */
  readonly content?: string;
  /** The first of the names that this file has. */
  readonly sameAs?: string;
}

/** All that is in a directory, by path; bytes that are no text are escaped. */
export function treeOf(root: string): Record<string, TreeNode> {
  const found: Record<string, TreeNode> = {};
  const inodes = new Map<bigint, string>();
  walk(Buffer.from(root), '');
  return found;

  function walk(directory: Buffer, prefix: string): void {
    for (const name of readdirSync(directory, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b))) {
      const path = Buffer.concat([directory, Buffer.from('/'), name]);
      const shown = join(prefix, name.toString('latin1'));
      const stats = lstatSync(path, { bigint: true });
      const type = Number(stats.mode >> 12n).toString(8);
      const first = inodes.get(stats.ino);
      if (!stats.isDirectory()) inodes.set(stats.ino, first ?? shown);
      found[shown] = {
        type,
        mode: stats.isSymbolicLink() ? '' : Number(stats.mode & 0o7777n).toString(8),
        owner: `${stats.uid}:${stats.gid}`,
        ...(stats.isDirectory() ? {} : { mtime: String(stats.mtimeNs) }),
        ...(stats.isCharacterDevice() || stats.isBlockDevice() ? { device: String(stats.rdev) } : {}),
        ...(stats.isSymbolicLink() ? { content: readlinkSync(path, 'latin1') } : {}),
        ...(stats.isFile() ? { content: createHash('sha256').update(readFileSync(path)).digest('hex') } : {}),
        ...(first === undefined ? {} : { sameAs: first }),
      };
      if (stats.isDirectory()) walk(path, shown);
    }
  }
}
