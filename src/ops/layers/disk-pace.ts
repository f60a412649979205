/** Calls that take longer than this, in milliseconds, are better made by other threads. */
const longCall = 4;
const breather = 256;

/**
 * Decides whether the file system is asked right here. On a local disk an answer comes sooner than another thread takes up the
 * question (four times as many small files per second); on a slow one nothing else could go on meanwhile.
 */
export class DiskPace {
  #elsewhere = 0;

  /** What a blocking call gives, or `undefined` when the disk is too slow for that at the moment. */
  here<T>(call: () => T): T | undefined {
    if (this.#elsewhere > 0) {
      this.#elsewhere--;
      return undefined;
    }
    const start = performance.now();
    try {
      return call();
    } finally {
      if (performance.now() - start > longCall) this.#elsewhere = breather;
    }
  }
}
