import { ByteLog, ByteLogReader } from './byte-log.ts';

/** What is no directory, and so may have several names: which entry of which layer has its content. 16 bytes each. */
export class Inodes {
  #layer = new Uint32Array(1024);
  #ordinal = new Uint32Array(1024);
  /** Place of a symbolic link's target. */
  #target = new Uint32Array(1024);
  /** The node that the name of that entry names, when no link leads elsewhere. */
  #home = new Uint32Array(1024);
  readonly #targets = new ByteLog();
  #end = 1;

  constructor() {
    // Place 0 means that it is no link.
    this.#targets.number(0);
  }

  /** One more than the highest number; 0 is none. */
  get end(): number {
    return this.#end;
  }

  add(layer: number, ordinal: number, target: Uint8Array | undefined): number {
    if (this.#end === this.#layer.length) {
      this.#layer = grown(this.#layer);
      this.#ordinal = grown(this.#ordinal);
      this.#target = grown(this.#target);
      this.#home = grown(this.#home);
    }
    const inode = this.#end++;
    this.#layer[inode] = layer;
    this.#ordinal[inode] = ordinal;
    if (target !== undefined) {
      this.#target[inode] = this.#targets.length;
      this.#targets.text(target);
    }
    return inode;
  }

  layerOf(inode: number): number {
    return this.#layer[inode] as number;
  }

  ordinalOf(inode: number): number {
    return this.#ordinal[inode] as number;
  }

  setHome(inode: number, node: number): void {
    this.#home[inode] = node;
  }

  /** 0 when the entry's own name leads elsewhere. */
  homeOf(inode: number): number {
    return this.#home[inode] as number;
  }

  isSymlink(inode: number): boolean {
    return this.#target[inode] !== 0;
  }

  targetOf(inode: number): Uint8Array {
    return new ByteLogReader(this.#targets, this.#target[inode]).text();
  }
}

function grown(column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * column.length);
  larger.set(column);
  return larger;
}
