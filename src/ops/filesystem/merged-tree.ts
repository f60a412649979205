import { decodeText } from '../../content/tar/text.ts';
import { OciError } from '../../errors.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';

/** What is at a place: nothing any more, something that is there, or (where lower layers are not known) what hides them. */
export const nodeKinds = { gone: 0, directory: 1, symlink: 2, other: 3, hidden: 4 } as const;

/** Number of the first node; 0 is no node. A parent's number is below those of its children. */
export const firstNode = 1;

/** Why a directory hides what lower layers have in it: a mark says so, or it took the place of something else. */
export const opacities = { none: 0, marked: 1, anew: 2 } as const;

/**
 * Names of a file system in about 40 bytes each: columns of numbers instead of objects. A place that becomes a directory
 * anew gets a new number, so that nothing that lay in the old one is found again: a tree is removed by marking one node.
 */
export class MergedTree {
  readonly #maxNodes: number;
  #parent = new Uint32Array(1024);
  /** Place in {@link #names}. */
  #name = new Uint32Array(1024);
  /** Next node with the same hash. */
  #next = new Uint32Array(1024);
  #data = new Uint32Array(1024);
  #kind = new Uint8Array(1024);
  #opaque = new Uint8Array(1024);
  #buckets = new Uint32Array(1024);
  readonly #names = new ByteLog();
  #end: number = firstNode + 1;
  #root: number = firstNode;
  // Whoever makes an image shall not know which names collide.
  readonly #seed = Math.trunc(Math.random() * 0x7fff_ffff);

  constructor(maxNodes: number) {
    this.#maxNodes = maxNodes;
    this.#kind[firstNode] = nodeKinds.directory;
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
    return this.#kind[node] as number;
  }

  parentOf(node: number): number {
    return this.#parent[node] as number;
  }

  /** For directories the place of their attributes, 0 when no entry gave any; for everything else the inode. */
  dataOf(node: number): number {
    return this.#data[node] as number;
  }

  nameOf(node: number): Uint8Array {
    return new ByteLogReader(this.#names, this.#name[node]).text();
  }

  isDirectory(node: number): boolean {
    return this.#kind[node] === nodeKinds.directory;
  }

  opacityOf(node: number): number {
    return this.#opaque[node] as number;
  }

  set(node: number, kind: number, data: number): void {
    this.#kind[node] = kind;
    this.#data[node] = data;
  }

  setOpacity(node: number, opacity: number): void {
    this.#opaque[node] = opacity;
  }

  /** The node of that name, also one that is gone; 0 when there never was one. */
  child(parent: number, path: Uint8Array, start: number, end: number): number {
    const bucket = this.#hash(parent, path, start, end) & (this.#buckets.length - 1);
    for (let node = this.#buckets[bucket] as number; node !== 0; node = this.#next[node] as number) {
      if (this.#parent[node] === parent && this.#hasName(node, path, start, end)) return node;
    }
    return 0;
  }

  /** A new node under a name that is not taken. @throws {OciError} `LIMIT_EXCEEDED` */
  add(parent: number, path: Uint8Array, start: number, end: number): number {
    const name = this.#names.length;
    this.#names.text(path, start, end);
    const node = this.#allocate(parent, name);
    this.#enlist(node, this.#hash(parent, path, start, end));
    return node;
  }

  /** A new node in the place of another, which nothing leads to any more. @throws {OciError} `LIMIT_EXCEEDED` */
  replace(old: number): number {
    this.#kind[old] = nodeKinds.gone;
    const name = this.#name[old] as number;
    const parent = this.#parent[old] as number;
    const fresh = this.#allocate(parent, name);
    if (old === this.#root) {
      this.#root = fresh;
      return fresh;
    }
    const text = this.nameOf(old);
    const bucket = this.#hash(parent, text, 0, text.length) & (this.#buckets.length - 1);
    if (this.#buckets[bucket] === old) this.#buckets[bucket] = fresh;
    else {
      let before = this.#buckets[bucket] as number;
      while (this.#next[before] !== old) before = this.#next[before] as number;
      this.#next[before] = fresh;
    }
    this.#next[fresh] = this.#next[old] as number;
    return fresh;
  }

  /** The path from the root, as text. */
  pathOf(node: number): string {
    const parts: string[] = [];
    for (let at = node; at !== this.#root; at = this.#parent[at] as number) parts.push(decodeText(this.nameOf(at)));
    return parts.reverse().join('/');
  }

  #allocate(parent: number, name: number): number {
    if (this.#end - 2 >= this.#maxNodes) {
      throw new OciError('LIMIT_EXCEEDED', `The file system has more than ${this.#maxNodes} entries`, {
        hint: 'Raise maxEntries when the image is to be trusted',
      });
    }
    if (this.#end === this.#parent.length) this.#grow();
    const node = this.#end++;
    this.#parent[node] = parent;
    this.#name[node] = name;
    return node;
  }

  #grow(): void {
    this.#parent = grown(this.#parent);
    this.#name = grown(this.#name);
    this.#next = grown(this.#next);
    this.#data = grown(this.#data);
    this.#kind = bytesGrown(this.#kind);
    this.#opaque = bytesGrown(this.#opaque);
    const old = this.#buckets;
    this.#buckets = new Uint32Array(2 * old.length);
    for (const first of old) {
      let next = 0;
      for (let node = first; node !== 0; node = next) {
        next = this.#next[node] as number;
        const text = this.nameOf(node);
        this.#enlist(node, this.#hash(this.#parent[node] as number, text, 0, text.length));
      }
    }
  }

  #enlist(node: number, hash: number): void {
    const bucket = hash & (this.#buckets.length - 1);
    this.#next[node] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = node;
  }

  /** FNV-1a, with its bits mixed once more. */
  #hash(parent: number, path: Uint8Array, start: number, end: number): number {
    let hash = Math.imul(this.#seed ^ parent, 0x01000193);
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (path[at] as number), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }

  #hasName(node: number, path: Uint8Array, start: number, end: number): boolean {
    const reader = new ByteLogReader(this.#names, this.#name[node]);
    if (reader.number() !== end - start) return false;
    const { bytes } = this.#names;
    for (let at = start, of = reader.at; at < end; at++, of++) if (bytes[of] !== path[at]) return false;
    return true;
  }
}

function grown(column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * column.length);
  larger.set(column);
  return larger;
}

function bytesGrown(column: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * column.length);
  larger.set(column);
  return larger;
}
