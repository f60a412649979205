import { decodeText } from '../../content/tar/text.ts';
import { OciError, quoted } from '../../errors.ts';
import { Texts } from './attributes.ts';
import { ByteLog } from './byte-log.ts';
import { Inodes } from './inodes.ts';
import type { LayerLog, LoggedEntry } from './layer-log.ts';
import { MergedTree, nodeKinds, opacities } from './merged-tree.ts';

/** More links than this on the way to one place are a loop; Linux has the same number. */
const maxLinks = 40;

/** Bytes of a symbolic link that Linux follows. Longer ones lead nowhere: each entry of a layer may have 40 on its way. */
const maxTarget = 4095;

/** Hard links that stand before what they lead to; a chain of more of them than this is no image. */
const maxForwardLinks = 8;

/** What to do where a directory is missing on the way: nothing, make it, or let it take the place of what is no directory. */
type Making = 'none' | 'missing' | 'any';

/** A hard link whose target was not there yet. */
interface ForwardLink {
  readonly path: Uint8Array;
  readonly target: Uint8Array;
  /** What lies in its place until then. */
  readonly inode: number;
}

export interface MergeOptions {
  readonly maxEntries: number;
  /** Whether there are lower layers that are not merged, so that what hides them has to be kept. */
  readonly keepsWhiteouts: boolean;
}

/**
 * The file system that layers make when one is applied after the other, lowest first. OCI image-spec, layer.md "Applying
 * Changesets": a directory over a directory gives its attributes, everything else takes the place of what was there.
 *
 * Names lead through symbolic links as they do when tar extracts; a link never leads out of the root.
 */
export class Merge {
  readonly tree: MergedTree;
  readonly inodes: Inodes = new Inodes();
  readonly attributes: ByteLog = new ByteLog();
  readonly texts: Texts = new Texts();
  /** Hard links to what lies in layers that are not merged. */
  readonly outside: { readonly inode: number; readonly target: Uint8Array }[] = [];
  readonly keepsWhiteouts: boolean;
  /** In the place of hard links whose targets were not there yet. */
  readonly #waiting = new Set<number>();
  /** The directory of the last entry, for the next one that lies in it too. */
  #lastParent = 0;
  #lastSlash = -1;
  /** Whether links lead to it. */
  #lastFollowed = false;

  constructor({ maxEntries, keepsWhiteouts }: MergeOptions) {
    this.tree = new MergedTree(maxEntries);
    this.keepsWhiteouts = keepsWhiteouts;
    // Place 0 means that there are no attributes.
    this.attributes.number(0);
  }

  /**
   * Applies one layer over those before. Its whiteouts come first, wherever they stand in it.
   *
   * @throws {OciError} `INVALID_ARCHIVE`, `LIMIT_EXCEEDED`
   */
  apply(log: LayerLog, layer: number): void {
    // A hard link may lead to what the same layer removes.
    const before = log.hasHardLinks ? this.#targetsBefore(log) : [];
    for (const path of log.opaques()) this.#hideContent(path);
    for (const path of log.whiteouts()) this.#hide(path);
    this.#forgetParent();
    const forward: ForwardLink[] = [];
    const privates: number[] = [];
    let links = 0;
    for (const entry of log.entries()) {
      const node =
        entry.kind === 'hardlink' ? this.#link(entry, layer, before[links++] ?? 0, forward) : this.#place(entry, layer);
      if (entry.isPrivate && node !== 0) privates.push(node);
    }
    this.#resolve(forward);
    for (const node of privates) this.tree.set(node, nodeKinds.gone, 0);
    this.#forgetParent();
  }

  /** Where a path leads, links on the way followed, the last one not; 0 when there is nothing. */
  find(path: Uint8Array): number {
    if (path.length === 0) return this.tree.root;
    const slash = path.lastIndexOf(0x2f);
    const parent = this.#directory(path, slash, 'none');
    if (parent === 0) return 0;
    const node = this.tree.child(parent, path, slash + 1, path.length);
    const kind = this.tree.kindOf(node);
    return kind === nodeKinds.gone || kind === nodeKinds.hidden ? 0 : node;
  }

  /** Whether what a lower layer has at a path cannot be seen any more. For `keepsWhiteouts`. */
  isHidden(path: Uint8Array): boolean {
    const { tree } = this;
    let node = tree.root;
    for (let start = 0; start <= path.length;) {
      if (tree.opacityOf(node) !== opacities.none) return true;
      let slash = path.indexOf(0x2f, start);
      if (slash < 0) slash = path.length;
      node = tree.child(node, path, start, slash);
      if (node === 0) return false;
      if (!tree.isDirectory(node)) return tree.kindOf(node) !== nodeKinds.gone;
      start = slash + 1;
    }
    return true;
  }

  #targetsBefore(log: LayerLog): number[] {
    const inodes: number[] = [];
    for (const { kind, target } of log.entries()) if (kind === 'hardlink') inodes.push(this.#inodeAt(target));
    return inodes;
  }

  #inodeAt(path: Uint8Array): number {
    const node = this.find(path);
    if (node === 0 || this.tree.isDirectory(node)) return 0;
    const inode = this.tree.dataOf(node);
    return this.#waiting.has(inode) ? 0 : inode;
  }

  #hide(path: Uint8Array): void {
    const slash = path.lastIndexOf(0x2f);
    const parent = this.#directory(path, slash, this.keepsWhiteouts ? 'missing' : 'none');
    if (parent === 0) return;
    let node = this.tree.child(parent, path, slash + 1, path.length);
    if (this.keepsWhiteouts) {
      if (node === 0) node = this.tree.add(parent, path, slash + 1, path.length);
      this.tree.set(node, nodeKinds.hidden, 0);
    } else if (node !== 0) this.tree.set(node, nodeKinds.gone, 0);
  }

  #hideContent(path: Uint8Array): void {
    const { tree } = this;
    const slash = path.lastIndexOf(0x2f);
    const parent = path.length === 0 ? 0 : this.#directory(path, slash, this.keepsWhiteouts ? 'missing' : 'none');
    if (parent === 0 && path.length > 0) return;
    let node = parent === 0 ? tree.root : tree.child(parent, path, slash + 1, path.length);
    if (node === 0 || !tree.isDirectory(node)) {
      if (!this.keepsWhiteouts || (node !== 0 && tree.kindOf(node) > nodeKinds.directory)) return;
      if (node === 0) node = tree.add(parent, path, slash + 1, path.length);
      tree.set(node, nodeKinds.directory, 0);
    }
    const opacity = tree.opacityOf(node);
    const fresh = tree.replace(node);
    tree.set(fresh, nodeKinds.directory, tree.dataOf(node));
    tree.setOpacity(fresh, Math.max(opacity, opacities.marked));
  }

  #place({ kind, ordinal, path, shared, target, attributes }: LoggedEntry, layer: number): number {
    if (kind === 'directory') return this.#placeDirectory(path, shared, layer, ordinal, attributes);
    const inode = this.inodes.add(layer, ordinal, kind === 'symlink' ? target : undefined);
    const node = this.#placeInode(path, shared, inode);
    if (!this.#lastFollowed) this.inodes.setHome(inode, node);
    return node;
  }

  #placeDirectory(path: Uint8Array, shared: number, layer: number, ordinal: number, from: Uint8Array): number {
    const place = this.attributes.length;
    this.attributes.number(layer);
    this.attributes.number(ordinal);
    this.attributes.text(from);
    const slash = path.lastIndexOf(0x2f);
    const node =
      path.length === 0
        ? this.tree.root
        : this.#makeDirectory(this.#parentFor(path, slash, shared), path, slash + 1, path.length);
    this.tree.set(node, nodeKinds.directory, place);
    return node;
  }

  #placeInode(path: Uint8Array, shared: number, inode: number): number {
    if (path.length === 0) throw new OciError('INVALID_ARCHIVE', 'The root of the file system is no directory in it');
    const { tree } = this;
    const slash = path.lastIndexOf(0x2f);
    const parent = this.#parentFor(path, slash, shared);
    let node = tree.child(parent, path, slash + 1, path.length);
    if (node === 0) node = tree.add(parent, path, slash + 1, path.length);
    // What lay in a directory can no longer be reached: it would have to be made anew.
    else if (tree.isDirectory(node)) this.#forgetParent();
    tree.set(node, this.inodes.isSymlink(inode) ? nodeKinds.symlink : nodeKinds.other, inode);
    return node;
  }

  #link({ path, shared, target, ordinal }: LoggedEntry, layer: number, before: number, forward: ForwardLink[]): number {
    const now = this.#inodeAt(target);
    const known = now === 0 ? before : now;
    if (known !== 0) return this.#placeInode(path, shared, known);
    const inode = this.inodes.add(layer, ordinal, undefined);
    // The views are only good until the next entry.
    if (this.keepsWhiteouts) {
      // A link that comes first leads to what layers below have, which are not seen here.
      this.outside.push({ inode, target: target.slice() });
    } else {
      this.#waiting.add(inode);
      forward.push({ path: path.slice(), target: target.slice(), inode });
    }
    return this.#placeInode(path, shared, inode);
  }

  /** Later entries may have made what links lead to, and may have taken the places of the links themselves. */
  #resolve(forward: readonly ForwardLink[]): void {
    let links = forward;
    for (let round = 0; round < maxForwardLinks && links.length > 0; round++) {
      links = links.filter((link) => !this.#settle(link));
    }
    for (const { path, target } of links) throw linkToNothing(path, target);
  }

  #settle({ path, target, inode }: ForwardLink): boolean {
    const found = this.#inodeAt(target);
    if (found === 0) return false;
    this.#waiting.delete(inode);
    const node = this.find(path);
    const isThere = node !== 0 && !this.tree.isDirectory(node) && this.tree.dataOf(node) === inode;
    if (isThere) this.#placeInode(path, 0, found);
    return true;
  }

  #forgetParent(): void {
    this.#lastSlash = -1;
  }

  /** The directory an entry lies in, made where it is missing. */
  #parentFor(path: Uint8Array, slash: number, shared: number): number {
    if (slash > 0 && slash === this.#lastSlash && shared > slash) return this.#lastParent;
    const followed = { links: 0 };
    const parent = this.#directory(path, slash, 'any', followed);
    this.#lastFollowed = followed.links > 0;
    this.#lastParent = parent;
    this.#lastSlash = slash;
    return parent;
  }

  /** The directory that the first `end` bytes of a path name. */
  #directory(path: Uint8Array, end: number, making: Making, followed: { links: number } = { links: 0 }): number {
    let node = this.tree.root;
    for (let start = 0; start < end && node !== 0;) {
      let slash = path.indexOf(0x2f, start);
      if (slash < 0 || slash > end) slash = end;
      node = this.#enter(node, path, start, slash, making, followed);
      start = slash + 1;
    }
    return node;
  }

  #enter(
    parent: number,
    path: Uint8Array,
    start: number,
    end: number,
    making: Making,
    followed: { links: number },
  ): number {
    const { tree } = this;
    const node = tree.child(parent, path, start, end);
    const kind = tree.kindOf(node);
    if (kind === nodeKinds.directory && node !== 0) return node;
    if (kind === nodeKinds.symlink) {
      const found = this.#follow(node, making === 'none' ? 'none' : 'missing', followed);
      if (found !== 0) return found;
    }
    const isFree = node === 0 || kind === nodeKinds.gone || kind === nodeKinds.hidden;
    if (making === 'none' || (making === 'missing' && !isFree)) return 0;
    return this.#makeDirectory(parent, path, start, end);
  }

  #follow(link: number, making: Making, followed: { links: number }): number {
    if (++followed.links > maxLinks) return 0;
    const { tree, inodes } = this;
    const target = inodes.targetOf(tree.dataOf(link));
    if (target.length > maxTarget) return 0;
    let node = target[0] === 0x2f ? tree.root : tree.parentOf(link);
    for (let start = 0; start < target.length && node !== 0;) {
      let slash = target.indexOf(0x2f, start);
      if (slash < 0) slash = target.length;
      const length = slash - start;
      const isDot = length === 1 && target[start] === 0x2e;
      const isUp = length === 2 && target[start] === 0x2e && target[start + 1] === 0x2e;
      if (isUp) node = node === tree.root ? node : tree.parentOf(node);
      else if (length > 0 && !isDot) node = this.#enter(node, target, start, slash, making, followed);
      start = slash + 1;
    }
    return node;
  }

  /** A directory under that name: the one that is there, or a new one. */
  #makeDirectory(parent: number, path: Uint8Array, start: number, end: number): number {
    const { tree } = this;
    const old = tree.child(parent, path, start, end);
    if (old !== 0 && tree.isDirectory(old)) return old;
    this.#forgetParent();
    const kind = tree.kindOf(old);
    const node = old === 0 ? tree.add(parent, path, start, end) : tree.replace(old);
    tree.set(node, nodeKinds.directory, 0);
    if (old !== 0 && kind !== nodeKinds.gone) tree.setOpacity(node, opacities.anew);
    return node;
  }
}

function linkToNothing(path: Uint8Array, target: Uint8Array): OciError {
  return new OciError(
    'INVALID_ARCHIVE',
    `The hard link ${quoted(decodeText(path))} leads to ${quoted(decodeText(target))}, which is not in the image`,
    { hint: 'No container can be made of this image; build it again' },
  );
}
