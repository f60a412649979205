import { PagedWords } from './paged-array.ts';
import type { PagedMemory } from './paged-memory.ts';

/** A table has the logarithm of its size, how many are in it, and then for each place a node and its hash. */
const countAt = 1;
const headSize = 2;
const slotSize = 2;
const smallest = 1;

/**
 * The nodes of each directory in a table of its own, by the hashes of their names: what an archive has in one place is then in
 * one place here, and pages that are not there are seldom looked for. A place is where the hash's first bits say, or the next
 * one that is free, so that a table which is made larger is read and written from its start to its end. 0 is no table.
 */
export class ChildTables {
  readonly #words: PagedWords;
  #end = 1;
  /** Tables that are not used any more, by size; each has the place of the next in its first word. */
  readonly #free: number[] = [];

  constructor(memory: PagedMemory) {
    this.#words = new PagedWords(memory);
  }

  /** The place of the first node of that hash, 0 when there is none. */
  first(table: number, hash: number): number {
    if (table === 0) return 0;
    const bits = this.#words.get(table);
    return this.#find(table, bits, hash >>> (32 - bits), hash);
  }

  /** The place of the next one. */
  next(table: number, place: number, hash: number): number {
    const bits = this.#words.get(table);
    const slot = (place - table - headSize) / slotSize;
    return this.#find(table, bits, (slot + 1) & (2 ** bits - 1), hash);
  }

  nodeAt(place: number): number {
    return this.#words.get(place);
  }

  /** Another node of the same name. */
  setNode(place: number, node: number): void {
    this.#words.set(place, node);
  }

  /** @returns the table, which may be another one now */
  add(table: number, hash: number, node: number): number {
    if (table === 0) return this.add(this.#allocate(smallest), hash, node);
    const bits = this.#words.get(table);
    const count = this.#words.get(table + countAt) + 1;
    // Three quarters, and always one that is free, which ends a search.
    if (count > 0.75 * 2 ** bits) return this.add(this.#enlarged(table, bits), hash, node);
    this.#words.set(table + countAt, count);
    this.#put(table, bits, hash, node);
    return table;
  }

  free(table: number): void {
    if (table === 0) return;
    const bits = this.#words.get(table);
    this.#words.set(table, this.#free[bits] ?? 0);
    this.#free[bits] = table;
  }

  #find(table: number, bits: number, start: number, hash: number): number {
    const mask = 2 ** bits - 1;
    for (let slot = start; ; slot = (slot + 1) & mask) {
      const place = table + headSize + slot * slotSize;
      if (this.#words.get(place) === 0) return 0;
      if (this.#words.get(place + 1) === hash) return place;
    }
  }

  #put(table: number, bits: number, hash: number, node: number): void {
    const mask = 2 ** bits - 1;
    let slot = hash >>> (32 - bits);
    while (this.#words.get(table + headSize + slot * slotSize) !== 0) slot = (slot + 1) & mask;
    const place = table + headSize + slot * slotSize;
    this.#words.set(place, node);
    this.#words.set(place + 1, hash);
  }

  #enlarged(table: number, bits: number): number {
    const larger = this.#allocate(bits + 1);
    for (let slot = 0; slot < 2 ** bits; slot++) {
      const place = table + headSize + slot * slotSize;
      const node = this.#words.get(place);
      if (node !== 0) this.#put(larger, bits + 1, this.#words.get(place + 1), node);
    }
    this.#words.set(larger + countAt, this.#words.get(table + countAt));
    this.free(table);
    return larger;
  }

  #allocate(bits: number): number {
    const size = headSize + slotSize * 2 ** bits;
    const used = this.#free[bits] ?? 0;
    const table = used === 0 ? this.#end : used;
    if (used === 0) this.#end += size;
    else {
      this.#free[bits] = this.#words.get(used);
      for (let i = 0; i < size; i++) this.#words.set(used + i, 0);
    }
    this.#words.set(table, bits);
    return table;
  }
}
