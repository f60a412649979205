import { Turns } from '../../async/turns.ts';
import { decodeText } from '../../content/tar/text.ts';
import { OciError, quoted } from '../../errors.ts';
import type { CallOptions } from '../../options.ts';
import { DirectoryAttributes } from './attributes.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';
import { Inodes } from './inodes.ts';
import { LayerLog, type LoggedEntry } from './layer-log.ts';
import { MergedTree, nodeKinds, opacities } from './merged-tree.ts';
import type { PagedMemory } from './paged-memory.ts';

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

/** What is kept of the links of a layer while it is applied. */
interface LinksOfLayer {
  /** For each what its target was before the layer, in their order. */
  readonly before: ByteLogReader;
  readonly forward: ByteLog;
}

export interface MergeOptions {
  /** Where all that grows with the entries is kept. */
  readonly memory: PagedMemory;
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
  readonly inodes: Inodes;
  readonly attributes: DirectoryAttributes;
  readonly keepsWhiteouts: boolean;
  readonly #memory: PagedMemory;
  /** What hard links to layers that are not merged lead to. */
  readonly #outside: ByteLog;
  /** The directory of the last entry, for the next one that lies in it too. */
  #lastParent = 0;
  #lastSlash = -1;
  /** Whether links lead to it. */
  #lastFollowed = false;

  constructor({ memory, maxEntries, keepsWhiteouts }: MergeOptions) {
    this.tree = new MergedTree(maxEntries, memory);
    this.inodes = new Inodes(memory);
    this.attributes = new DirectoryAttributes(memory);
    this.keepsWhiteouts = keepsWhiteouts;
    this.#memory = memory;
    this.#outside = new ByteLog(memory);
  }

  /** To note the entries of a layer in. */
  newLog(): LayerLog {
    return new LayerLog(this.#memory, this.attributes);
  }

  /** What hard links lead to that lies in layers which are not merged. */
  *outside(): Generator<Uint8Array, void> {
    const reader = new ByteLogReader(this.#outside);
    while (reader.at < this.#outside.length) yield reader.text();
  }

  /**
   * Applies one layer over those before. Its whiteouts come first, wherever they stand in it.
   *
   * @throws {OciError} `INVALID_ARCHIVE`, `LIMIT_EXCEEDED`, `FILE_SYSTEM`
   */
  async apply(log: LayerLog, layer: number, { signal }: CallOptions = {}): Promise<void> {
    const turns = new Turns(signal);
    // A hard link may lead to what the same layer removes.
    const before = await this.#targetsBefore(log, turns);
    const links = { before: new ByteLogReader(before), forward: new ByteLog(this.#memory) };
    for (const path of log.opaques()) {
      this.#hideContent(path);
      if (turns.isOver()) await turns.next();
    }
    for (const path of log.whiteouts()) {
      this.#hide(path);
      if (turns.isOver()) await turns.next();
    }
    this.#forgetParent();
    const privates = new ByteLog(this.#memory);
    for (const entry of log.entries()) {
      const node = entry.kind === 'hardlink' ? this.#link(entry, layer, links) : this.#place(entry, layer);
      if (entry.isPrivate && node !== 0) privates.number(node);
      if (turns.isOver()) await turns.next();
    }
    before.clear();
    await this.#resolve(links.forward, turns);
    const hidden = new ByteLogReader(privates);
    while (hidden.at < privates.length) this.tree.set(hidden.number(), nodeKinds.gone, 0);
    privates.clear();
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

  async #targetsBefore(log: LayerLog, turns: Turns): Promise<ByteLog> {
    const inodes = new ByteLog(this.#memory);
    if (!log.hasHardLinks) return inodes;
    for (const { kind, target } of log.entries()) {
      if (kind === 'hardlink') inodes.number(this.#inodeAt(target));
      if (turns.isOver()) await turns.next();
    }
    return inodes;
  }

  #inodeAt(path: Uint8Array): number {
    const node = this.find(path);
    if (node === 0 || this.tree.isDirectory(node)) return 0;
    const inode = this.tree.dataOf(node);
    return this.inodes.isWaiting(inode) ? 0 : inode;
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
    const inode = kind === 'symlink' ? this.inodes.addSymlink(layer, ordinal, target) : this.inodes.add(layer, ordinal);
    const node = this.#placeInode(path, shared, inode);
    if (!this.#lastFollowed) this.inodes.setHome(inode, node);
    return node;
  }

  #placeDirectory(path: Uint8Array, shared: number, layer: number, ordinal: number, attributes: number): number {
    const inode = this.inodes.addDirectory(layer, ordinal, attributes);
    const slash = path.lastIndexOf(0x2f);
    const node =
      path.length === 0
        ? this.tree.root
        : this.#makeDirectory(this.#parentFor(path, slash, shared), path, slash + 1, path.length);
    this.tree.set(node, nodeKinds.directory, inode);
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

  #link({ path, shared, target, ordinal }: LoggedEntry, layer: number, { before, forward }: LinksOfLayer): number {
    const now = this.#inodeAt(target);
    const then = before.number();
    const known = now === 0 ? then : now;
    if (known !== 0) return this.#placeInode(path, shared, known);
    const inode = this.inodes.add(layer, ordinal);
    // A link that comes first leads to what layers below have, which are not seen here.
    if (this.keepsWhiteouts) this.#outside.text(target);
    else {
      this.inodes.setWaiting(inode, true);
      writeLink(forward, { path, target, inode });
    }
    return this.#placeInode(path, shared, inode);
  }

  /** Later entries may have made what links lead to, and may have taken the places of the links themselves. */
  async #resolve(forward: ByteLog, turns: Turns): Promise<void> {
    let links = forward;
    for (let round = 0; round < maxForwardLinks && links.length > 0; round++) {
      const unsettled = new ByteLog(this.#memory);
      for (const link of linksIn(links)) {
        if (!this.#settle(link)) writeLink(unsettled, link);
        if (turns.isOver()) await turns.next();
      }
      links.clear();
      links = unsettled;
    }
    for (const { path, target } of linksIn(links)) throw linkToNothing(path, target);
  }

  #settle({ path, target, inode }: ForwardLink): boolean {
    const found = this.#inodeAt(target);
    if (found === 0) return false;
    this.inodes.setWaiting(inode, false);
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
    const inode = tree.dataOf(link);
    if (inodes.targetLengthOf(inode) > maxTarget) return 0;
    const target = inodes.targetOf(inode);
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

function writeLink(log: ByteLog, { path, target, inode }: ForwardLink): void {
  log.text(path);
  log.text(target);
  log.number(inode);
}

function* linksIn(log: ByteLog): Generator<ForwardLink, void> {
  const reader = new ByteLogReader(log);
  while (reader.at < log.length) yield { path: reader.text(), target: reader.text(), inode: reader.number() };
}

function linkToNothing(path: Uint8Array, target: Uint8Array): OciError {
  return new OciError(
    'INVALID_ARCHIVE',
    `The hard link ${quoted(decodeText(path))} leads to ${quoted(decodeText(target))}, which is not in the image`,
    { hint: 'No container can be made of this image; build it again' },
  );
}
