/** When calls take longer than this on average, in milliseconds, they are better made by other threads. */
const longCall = 1.5;
/** How many calls are averaged: one alone may have waited for the processor. */
const sampleSize = 64;
/** How many calls go elsewhere then. */
const breather = 1024;

/**
 * Decides whether the file system is asked right here. On a local disk an answer comes sooner than another thread takes up the
 * question (half the time for many small files); on a slow one nothing else could go on meanwhile.
 */
export class DiskPace {
  readonly #now: () => number;
  #elsewhere = 0;
  #calls = 0;
  #time = 0;

  /** @param now the time in milliseconds, from anywhere */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What a blocking call gives, or `undefined` when the disk is too slow for that at the moment. */
  here<T>(call: () => T): T | undefined {
    if (this.#elsewhere > 0) {
      this.#elsewhere--;
      return undefined;
    }
    const start = this.#now();
    try {
      return call();
    } finally {
      this.#note(this.#now() - start);
    }
  }

  #note(milliseconds: number): void {
    this.#time += milliseconds;
    if (++this.#calls < sampleSize) return;
    if (this.#time > sampleSize * longCall) this.#elsewhere = breather;
    this.#calls = 0;
    this.#time = 0;
  }
}
