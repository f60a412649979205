import { decodeText } from '../../content/tar/text.ts';
import { OciError } from '../../errors.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';
import { ChildTables } from './child-tables.ts';
import { PagedWords } from './paged-array.ts';
import type { PagedMemory } from './paged-memory.ts';

/** What is at a place: nothing any more, something that is there, or (where lower layers are not known) what hides them. */
export const nodeKinds = { gone: 0, directory: 1, symlink: 2, other: 3, hidden: 4 } as const;

/** Number of the first node; 0 is no node. A parent's number is below those of its children. */
export const firstNode = 1;

/** Why a directory hides what lower layers have in it: a mark says so, or it took the place of something else. */
export const opacities = { none: 0, marked: 1, anew: 2 } as const;

/** Numbers for each node. */
const width = 5;
const parentAt = 0;
/** Place in the names. */
const nameAt = 1;
const dataAt = 2;
/** Of a directory: what lies in it. */
const tableAt = 3;
/** And whether it is opaque, times this. */
const kindAt = 4;
const opacityUnit = 8;

/**
 * Names of a file system in about 60 bytes each: numbers instead of objects, most of which may lie in a file. A place that becomes
 * a directory anew gets a new number, so that nothing that lay in the old one is found again: a tree is removed by marking one node.
 */
export class MergedTree {
  readonly #maxNodes: number;
  readonly #numbers: PagedWords;
  readonly #names: ByteLog;
  readonly #tables: ChildTables;
  #end: number = firstNode + 1;
  #root: number = firstNode;
  // Whoever makes an image shall not know which names collide.
  readonly #seed = Math.trunc(Math.random() * 0x7fff_ffff);

  constructor(maxNodes: number, memory: PagedMemory) {
    this.#maxNodes = maxNodes;
    this.#numbers = new PagedWords(memory);
    this.#names = new ByteLog(memory);
    this.#tables = new ChildTables(memory);
    this.set(firstNode, nodeKinds.directory, 0);
    this.#names.text(new Uint8Array(0));
  }

  /** One more than the highest number. */
  get end(): number {
    return this.#end;
  }

  get root(): number {
    return this.#root;
  }

  kindOf(node: number): number {
    return this.#get(node, kindAt) % opacityUnit;
  }

  parentOf(node: number): number {
    return this.#get(node, parentAt);
  }

  /** The inode; of directories 0 when no entry gave any. */
  dataOf(node: number): number {
    return this.#get(node, dataAt);
  }

  /** A copy. */
  nameOf(node: number): Uint8Array {
    return new ByteLogReader(this.#names, this.#get(node, nameAt)).text();
  }

  isDirectory(node: number): boolean {
    return this.kindOf(node) === nodeKinds.directory;
  }

  opacityOf(node: number): number {
    return Math.floor(this.#get(node, kindAt) / opacityUnit);
  }

  set(node: number, kind: number, data: number): void {
    this.#set(node, kindAt, kind + opacityUnit * this.opacityOf(node));
    this.#set(node, dataAt, data);
  }

  setOpacity(node: number, opacity: number): void {
    this.#set(node, kindAt, this.kindOf(node) + opacityUnit * opacity);
  }

  /** The node of that name, also one that is gone; 0 when there never was one. */
  child(parent: number, path: Uint8Array, start: number, end: number): number {
    const table = this.#get(parent, tableAt);
    if (table === 0) return 0;
    const hash = this.#hash(path, start, end);
    for (let at = this.#tables.first(table, hash); at !== 0; at = this.#tables.next(table, at, hash)) {
      const node = this.#tables.nodeAt(at);
      if (this.#hasName(node, path, start, end)) return node;
    }
    return 0;
  }

  /** A new node under a name that is not taken. @throws {OciError} `LIMIT_EXCEEDED` */
  add(parent: number, path: Uint8Array, start: number, end: number): number {
    const name = this.#names.length;
    this.#names.text(path, start, end);
    const node = this.#allocate(parent, name);
    const table = this.#get(parent, tableAt);
    const after = this.#tables.add(table, this.#hash(path, start, end), node);
    if (after !== table) this.#set(parent, tableAt, after);
    return node;
  }

  /** A new node in the place of another, which nothing leads to any more. @throws {OciError} `LIMIT_EXCEEDED` */
  replace(old: number): number {
    const parent = this.parentOf(old);
    const fresh = this.#allocate(parent, this.#get(old, nameAt));
    this.set(old, nodeKinds.gone, this.dataOf(old));
    this.#tables.free(this.#get(old, tableAt));
    this.#set(old, tableAt, 0);
    if (old === this.#root) {
      this.#root = fresh;
      return fresh;
    }
    const name = this.nameOf(old);
    const table = this.#get(parent, tableAt);
    const hash = this.#hash(name, 0, name.length);
    let at = this.#tables.first(table, hash);
    while (at !== 0 && this.#tables.nodeAt(at) !== old) at = this.#tables.next(table, at, hash);
    this.#tables.setNode(at, fresh);
    return fresh;
  }

  /** The path from the root, as text. */
  pathOf(node: number): string {
    const parts: string[] = [];
    for (let at = node; at !== this.#root; at = this.parentOf(at)) parts.push(decodeText(this.nameOf(at)));
    return parts.reverse().join('/');
  }

  #allocate(parent: number, name: number): number {
    if (this.#end - 2 >= this.#maxNodes) {
      throw new OciError('LIMIT_EXCEEDED', `The file system has more than ${this.#maxNodes} entries`, {
        hint: 'Raise maxEntries when the image is to be trusted',
      });
    }
    const node = this.#end++;
    this.#set(node, parentAt, parent);
    this.#set(node, nameAt, name);
    return node;
  }

  #get(node: number, field: number): number {
    return this.#numbers.get(node * width + field);
  }

  #set(node: number, field: number, value: number): void {
    this.#numbers.set(node * width + field, value);
  }

  /** FNV-1a, with its bits mixed once more. */
  #hash(path: Uint8Array, start: number, end: number): number {
    let hash = Math.imul(this.#seed, 0x01000193);
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (path[at] as number), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  #hasName(node: number, path: Uint8Array, start: number, end: number): boolean {
    const reader = new ByteLogReader(this.#names, this.#get(node, nameAt));
    return reader.number() === end - start && this.#names.has(reader.at, path, start, end);
  }
}
