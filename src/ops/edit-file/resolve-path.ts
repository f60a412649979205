import { decodeText, encodeText } from '../../content/tar/text.ts';
import { OciError, quoted } from '../../errors.ts';
import type { Merge } from '../filesystem/merge.ts';
import { nodeKinds } from '../filesystem/merged-tree.ts';

/** More links than this on the way to one place are a loop; Linux has the same number. */
const maxLinks = 40;

/** A place in a merged file system, called by the one name that no link is part of. */
export interface ResolvedPath {
  readonly path: string;
  /** Its number in the tree; 0 when there is nothing. */
  readonly node: number;
  /** Directories on the way that are not there, the uppermost first. */
  readonly missing: readonly string[];
}

/**
 * Walks from the root to a path, and through the symbolic links on the way, as an editor would; where a link leads to nothing,
 * that is the place.
 *
 * @param path clean
 * @param followLink whether a link at the path itself is followed
 * @throws {OciError} `UNSUPPORTED` when the way leads through a file, or through links without end
 */
export function resolvePath(merge: Merge, path: string, followLink: boolean): ResolvedPath {
  const { tree, inodes } = merge;
  const waiting = partsOf(path);
  let real: string[] = [];
  let node: number = tree.root;
  for (let links = 0, part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    if (part === '..') {
      real.pop();
      node = merge.find(encodeText(real.join('/')));
      continue;
    }
    const here = [...real, part].join('/');
    node = merge.find(encodeText(here));
    const kind = node === 0 ? nodeKinds.gone : tree.kindOf(node);
    if (kind === nodeKinds.symlink && (waiting.length > 0 || followLink)) {
      if (++links > maxLinks) throw new OciError('UNSUPPORTED', `${quoted(path)} leads through links without end`);
      const target = decodeText(inodes.targetOf(tree.dataOf(node)));
      if (target.startsWith('/')) real = [];
      waiting.unshift(...partsOf(target));
      node = merge.find(encodeText(real.join('/')));
      continue;
    }
    if (waiting.length > 0 && node !== 0 && kind !== nodeKinds.directory) throw noDirectory(path, here);
    real.push(part);
  }
  const parents = real.slice(0, -1).map((_, i) => real.slice(0, i + 1).join('/'));
  return { path: real.join('/'), node, missing: parents.filter((parent) => merge.find(encodeText(parent)) === 0) };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function noDirectory(path: string, here: string): OciError {
  return new OciError(
    'UNSUPPORTED',
    `${quoted(path)} cannot be in the image: ${quoted(here)}, which it would be in, is no directory there`,
  );
}
