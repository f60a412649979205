/** How long a computation may keep everything else waiting, in milliseconds. */
const turnLength = 25;

/** Steps between two looks at the clock, which take longer than many a step. */
const stepsBetween = 512;

/**
 * Divides a long computation, so that it can be cancelled, and others get on meanwhile. After each step:
 * `if (turns.isOver()) await turns.next()`, which costs short computations nothing.
 */
export class Turns {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #began: number = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Counts a step. */
  isOver(): boolean {
    return ++this.#steps % stepsBetween === 0 && performance.now() - this.#began > turnLength;
  }

  /** Waits until others had their turn. @throws the reason of the signal */
  async next(): Promise<void> {
    this.#signal?.throwIfAborted();
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#began = performance.now();
  }
}
