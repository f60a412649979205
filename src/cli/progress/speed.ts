/** Bytes per second over the last seconds, so that a rate neither jumps nor remembers for ever. */
export class Speed {
  /** Oldest first. */
  readonly #samples: { readonly at: number; readonly total: number }[] = [];

  /**
   * @param at milliseconds of a steady clock
   * @param total bytes since the beginning
   */
  sample(at: number, total: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < sampleInterval) return;
    this.#samples.push({ at, total });
    while (this.#samples.length > maxSamples) this.#samples.shift();
  }

  /** 0 while nothing can be said. */
  get bytesPerSecond(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at === first.at) return 0;
    return Math.max(0, ((last.total - first.total) / (last.at - first.at)) * 1000);
  }
}

const sampleInterval = 200;
/** Four seconds. */
const maxSamples = 21;
