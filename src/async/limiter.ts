/** Runs at most `slots` tasks at once, in the order they came. A task still waiting for its turn gives up when its signal aborts. */
export class Limiter {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** @throws {RangeError} when `slots` is not a positive whole number */
  constructor(slots: number) {
    if (!Number.isInteger(slots) || slots < 1) throw new RangeError(`A limiter needs at least one slot, not ${slots}`);
    this.#free = slots;
  }

  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const admit = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(admit);
        reject(signal?.reason as Error);
      };
      this.#waiting.add(admit);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
