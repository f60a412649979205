/**
 * Memory that several tasks share: each takes bytes before it fills them, and gives them back. A request for more than there is
 * counts as one for everything.
 */
export class ByteBudget {
  readonly #total: number;
  #free: number;

  /** @throws {RangeError} when `total` is not a positive whole number */
  constructor(total: number) {
    if (!Number.isSafeInteger(total) || total < 1)
      throw new RangeError(`A budget needs at least one byte, not ${total}`);
    this.#total = total;
    this.#free = total;
  }

  /** Bytes nobody has taken. */
  get free(): number {
    return this.#free;
  }

  /** Takes bytes if they are there. */
  tryTake(bytes: number): boolean {
    const wanted = this.#atMost(bytes);
    if (wanted > this.#free) return false;
    this.#free -= wanted;
    return true;
  }

  /** Gives back what one call took. */
  give(bytes: number): void {
    this.#free += this.#atMost(bytes);
  }

  #atMost(bytes: number): number {
    return Math.min(bytes, this.#total);
  }
}
