import { ByteLog, ByteLogReader } from './byte-log.ts';
import { PagedWords } from './paged-array.ts';
import type { PagedMemory } from './paged-memory.ts';

/** Numbers for each. */
const width = 4;
const layerAt = 0;
const ordinalAt = 1;
/** Of a symbolic link's target, or of a directory's attributes. */
const placeAt = 2;
/** The node that the name of that entry names, when no link leads elsewhere. */
const homeAt = 3;

const waiting = 0xffff_ffff;

/** What names stand for: which entry of which layer has it. What is no directory may have several names. 16 bytes each. */
export class Inodes {
  readonly #numbers: PagedWords;
  readonly #targets: ByteLog;
  #end = 1;

  constructor(memory: PagedMemory) {
    this.#numbers = new PagedWords(memory);
    this.#targets = new ByteLog(memory);
    // Place 0 means that it is no link.
    this.#targets.number(0);
  }

  /** A number from 1 on; 0 is none. */
  add(layer: number, ordinal: number): number {
    const inode = this.#end++;
    this.#set(inode, layerAt, layer);
    this.#set(inode, ordinalAt, ordinal);
    return inode;
  }

  addSymlink(layer: number, ordinal: number, target: Uint8Array): number {
    const inode = this.add(layer, ordinal);
    this.#set(inode, placeAt, this.#targets.length);
    this.#targets.text(target);
    return inode;
  }

  addDirectory(layer: number, ordinal: number, attributes: number): number {
    const inode = this.add(layer, ordinal);
    this.#set(inode, placeAt, attributes);
    return inode;
  }

  layerOf(inode: number): number {
    return this.#get(inode, layerAt);
  }

  ordinalOf(inode: number): number {
    return this.#get(inode, ordinalAt);
  }

  setHome(inode: number, node: number): void {
    this.#set(inode, homeAt, node);
  }

  /** 0 when the entry's own name leads elsewhere. */
  homeOf(inode: number): number {
    return this.#get(inode, homeAt);
  }

  /** Whether it stands in the place of a hard link whose target was not there yet. */
  isWaiting(inode: number): boolean {
    return this.#get(inode, placeAt) === waiting;
  }

  setWaiting(inode: number, isWaiting: boolean): void {
    this.#set(inode, placeAt, isWaiting ? waiting : 0);
  }

  /** Of what is no directory. */
  isSymlink(inode: number): boolean {
    const place = this.#get(inode, placeAt);
    return place !== 0 && place !== waiting;
  }

  targetLengthOf(symlink: number): number {
    return new ByteLogReader(this.#targets, this.#get(symlink, placeAt)).number();
  }

  /** A copy. */
  targetOf(symlink: number): Uint8Array {
    return new ByteLogReader(this.#targets, this.#get(symlink, placeAt)).text();
  }

  /** The place of a directory's attributes. */
  attributesOf(inode: number): number {
    return this.#get(inode, placeAt);
  }

  #get(inode: number, field: number): number {
    return this.#numbers.get(inode * width + field);
  }

  #set(inode: number, field: number, value: number): void {
    this.#numbers.set(inode * width + field, value);
  }
}
