import { Limiter } from '../async/limiter.ts';

/** Questions whether content is there cost no bytes, so more of them go out at once than transfers do. */
const questionsPerTransfer = 4;
const defaultConcurrency = 4;
/** Moving less than this takes round trips more than bandwidth, and no memory to speak of. */
const smallSize = 4 * 1024 * 1024;

/** How much of a copy goes on at once. A slot is held while something moves, never while waiting for other slots. */
export class CopySlots {
  readonly #large: Limiter;
  readonly #small: Limiter;
  readonly #questions: Limiter;
  /** Manifests that may wait in memory for their children at the same time, for one parent. */
  readonly waiting: number;
  readonly #signal: AbortSignal;
  /** What is under way, and may no longer be wanted when something fails. */
  readonly #open = new Set<Promise<unknown>>();

  /** @param concurrency holds for content of every size when it is given */
  constructor(concurrency: number | undefined, signal: AbortSignal) {
    const transfers = concurrency ?? defaultConcurrency;
    this.waiting = transfers * questionsPerTransfer;
    this.#signal = signal;
    this.#large = new Limiter(transfers);
    this.#small = concurrency === undefined ? new Limiter(this.waiting) : this.#large;
    this.#questions = new Limiter(this.waiting);
  }

  /** @param size of what moves */
  async transfer<T>(size: number, task: () => Promise<T>): Promise<T> {
    return this.#run(size < smallSize ? this.#small : this.#large, task);
  }

  async ask<T>(question: () => Promise<T>): Promise<T> {
    return this.#run(this.#questions, question);
  }

  /** Waits until nothing is under way any more. */
  async settle(): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
  }

  async #run<T>(limiter: Limiter, task: () => Promise<T>): Promise<T> {
    const running = limiter.run(task, this.#signal);
    this.#open.add(running);
    try {
      return await running;
    } finally {
      this.#open.delete(running);
    }
  }
}
