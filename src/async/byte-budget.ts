/**
 * Memory that several tasks share: each takes bytes before it fills them, and gives them back. A request for more than there is
 * counts as one for everything.
 */
export class ByteBudget {
  readonly #total: number;
  #free: number;
  readonly #waiting = new Set<{ readonly bytes: number; admit(): void }>();

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

  /** Waits for as many bytes; first come, first served. Rejects with the signal's reason when aborted. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.tryTake(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      const request = {
        bytes: this.#atMost(bytes),
        admit: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#waiting.delete(request);
        this.#admit();
        reject(signal?.reason as Error);
      };
      this.#waiting.add(request);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Takes them if they are there and nobody waits for any. */
  tryTake(bytes: number): boolean {
    const wanted = this.#atMost(bytes);
    if (this.#waiting.size > 0 || wanted > this.#free) return false;
    this.#free -= wanted;
    return true;
  }

  /** Gives back what one call took. */
  give(bytes: number): void {
    this.#free += this.#atMost(bytes);
    this.#admit();
  }

  #admit(): void {
    for (const request of this.#waiting) {
      if (request.bytes > this.#free) return;
      this.#waiting.delete(request);
      this.#free -= request.bytes;
      request.admit();
    }
  }

  #atMost(bytes: number): number {
    return Math.min(bytes, this.#total);
  }
}
