/** When more connections are tried, and whether they are kept. */
export interface PaceOptions {
  /** Connections at most. */
  readonly most: number;
  /** Bytes per second of one connection that are not worth improving: the processor is the limit then, not the line. */
  readonly fastEnough: number;
  /** Milliseconds over which is measured. */
  readonly period: number;
  readonly now: () => number;
}

/** So much more has to come over twice the connections. */
const worthwhile = 1.2;

/**
 * Finds the number of connections for one blob by trying: twice as many for as long as that brings more in the same time, and
 * back when it does not.
 */
export class Pace {
  readonly #options: PaceOptions;
  #connections = 1;
  #settled = false;
  /** Bytes per millisecond before the last change. */
  #before = 0;
  #since: number;
  #bytes = 0;
  #busy = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#since = options.now();
    this.#settled = options.most <= 1;
  }

  get connections(): number {
    return this.#connections;
  }

  /**
   * Counts what arrived.
   *
   * @param busy milliseconds of the time before in which nobody asked for bytes
   * @returns whether the number of connections is another now
   */
  arrived(bytes: number, busy = 0): boolean {
    if (this.#settled) return false;
    const now = this.#options.now();
    // New connections are slow at first.
    if (now < this.#since) return false;
    this.#bytes += bytes;
    this.#busy += busy;
    const time = now - this.#since;
    if (time < this.#options.period) return false;
    const rate = this.#bytes / time;
    const isSourceSlow = this.#busy * 2 < time;
    this.#measureFrom(now);
    return this.#connections === 1 ? isSourceSlow && this.#begin(rate) : this.#compare(rate);
  }

  /** No more connections: one of them broke. */
  retreat(): void {
    this.#connections = Math.max(1, Math.floor(this.#connections / 2));
    this.#settled = true;
  }

  /** One connection, for good. */
  giveUp(): void {
    this.#connections = 1;
    this.#settled = true;
  }

  /** One connection, until the next measurement. */
  postpone(): void {
    this.#connections = 1;
    this.#settled = false;
    this.#measureFrom(this.#options.now());
  }

  #begin(rate: number): boolean {
    if (rate * 1000 >= this.#options.fastEnough) return false;
    this.#grow(rate);
    return true;
  }

  #compare(rate: number): boolean {
    if (rate < this.#before * worthwhile) {
      this.retreat();
      return true;
    }
    if (this.#connections === this.#options.most) {
      this.#settled = true;
      return false;
    }
    this.#grow(rate);
    return true;
  }

  #grow(rate: number): void {
    this.#before = rate;
    this.#connections = Math.min(2 * this.#connections, this.#options.most);
    this.#measureFrom(this.#options.now() + this.#options.period / 2);
  }

  #measureFrom(time: number): void {
    this.#since = time;
    this.#bytes = 0;
    this.#busy = 0;
  }
}
