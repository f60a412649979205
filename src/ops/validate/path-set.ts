import { randomInt } from 'node:crypto';
import { posix } from 'node:path';

/** How many paths all sets together may hold. */
export interface PathBudget {
  left: number;
}

/**
 * Paths that were seen. It holds 64 bits of each, so that two of a million are taken for one once in 10^7 times, and memory is
 * at most 16 bytes a path: layers of millions of files are nothing unusual.
 */
export class PathSet {
  readonly #budget: PathBudget;
  // Nobody can make up paths that are taken for one.
  readonly #seeds = [randomInt(2 ** 32), randomInt(2 ** 32)] as const;
  #slots = new Uint32Array(2 * 1024);
  #size = 0;
  #isComplete = true;

  constructor(budget: PathBudget) {
    this.#budget = budget;
  }

  /** Whether all paths that were given are held; what did not fit is still compared with those that did. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** @returns whether it is new */
  add(path: string): boolean {
    let [a, b] = this.#seeds;
    for (let i = 0; i < path.length; i++) {
      const unit = path.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x85ebca6b);
      b ^= b >>> 15;
    }
    a = mixed(a ^ path.length);
    b = mixed(b);
    // Two zeros are an empty slot.
    if (a === 0 && b === 0) b = 1;
    const at = slotOf(this.#slots, a, b);
    if (this.#slots[at] !== 0 || this.#slots[at + 1] !== 0) return false;
    if (this.#budget.left <= 0) {
      this.#isComplete = false;
      return true;
    }
    this.#slots[at] = a;
    this.#slots[at + 1] = b;
    this.#budget.left--;
    this.#size++;
    if (this.#size * 4 > this.#slots.length) this.#grow();
    return true;
  }

  /** Gives the place back to others. */
  release(): void {
    this.#budget.left += this.#size;
    this.#size = 0;
    this.#slots = new Uint32Array(2);
  }

  #grow(): void {
    const old = this.#slots;
    const grown = new Uint32Array(2 * old.length);
    for (let i = 0; i < old.length; i += 2) {
      const [a = 0, b = 0] = [old[i], old[i + 1]];
      if (a === 0 && b === 0) continue;
      const at = slotOf(grown, a, b);
      grown[at] = a;
      grown[at + 1] = b;
    }
    this.#slots = grown;
  }
}

/** The same for `a`, `./a`, `/a` and `a/`, which are one file when they are unpacked. */
export function plainPath(name: string): string {
  const path = /^\/|(?:^|\/)(?:\.{1,2}(?:\/|$)|\/)/.test(name) ? posix.normalize(name) : name;
  const start = path.startsWith('/') ? 1 : 0;
  return path.slice(start, path.endsWith('/') ? Math.max(start, path.length - 1) : path.length);
}

/** Where the pair is, or where it would go. At most half of the slots are taken. */
function slotOf(slots: Uint32Array, a: number, b: number): number {
  const mask = slots.length - 1;
  for (let at = (a << 1) & mask; ; at = (at + 2) & mask) {
    if (slots[at] === a && slots[at + 1] === b) return at;
    if (slots[at] === 0 && slots[at + 1] === 0) return at;
  }
}

function mixed(hash: number): number {
  let mixing = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  mixing = Math.imul(mixing ^ (mixing >>> 15), 0x846ca68b);
  return (mixing ^ (mixing >>> 16)) >>> 0;
}
