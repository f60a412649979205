import type { Tries } from '../transport/retry.ts';

/** Sessions, and offsets, that may come to nothing before an upload gets further. */
const maxRestarts = 5;
/** Bytes that count as getting further: a registry whose count creeps would make an upload endless. */
const leastProgress = 64 * 1024;
/** Of a small blob any so many-th part counts. */
const leastShare = 64;

/** How often an upload is gone on with: without end as long as it gets further, else a few times. */
export class UploadPatience {
  readonly #tries: Tries;
  readonly #enough: number;
  #restarts = 0;
  #best = 0;
  /** How far it was when restarts and tries were last counted from zero. */
  #countedFrom = 0;

  /** @param size bytes of the blob */
  constructor(tries: Tries, size: number) {
    this.#tries = tries;
    this.#enough = Math.min(leastProgress, size / leastShare);
  }

  /** The furthest that any session got, in bytes. */
  get best(): number {
    return this.#best;
  }

  /** Whether nothing was begun anew since it last got further. */
  get isFresh(): boolean {
    return this.#restarts === 0;
  }

  reached(offset: number): void {
    if (offset <= this.#best) return;
    this.#best = offset;
    if (offset - this.#countedFrom < this.#enough) return;
    this.#countedFrom = offset;
    this.#restarts = 0;
    this.#tries.advance();
  }

  /** @throws the failure when it was begun anew often enough */
  restart(failure: unknown): void {
    if (++this.#restarts > maxRestarts) throw failure;
  }

  /** Waits before another try. @throws the failure when there were tries enough; the signal's reason when aborted */
  async pause(failure: unknown): Promise<void> {
    await this.#tries.pause(failure);
  }
}
