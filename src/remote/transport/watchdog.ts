/** A time limit that is set anew for each thing that is waited for. */
export class Watchdog {
  readonly #onTimeout: (what: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #milliseconds = 0;
  #what = '';

  constructor(onTimeout: (what: string) => void) {
    this.#onTimeout = onTimeout;
  }

  /** Gives `what`, words for the message, this many milliseconds from now. */
  start(milliseconds: number, what: string): void {
    this.#what = what;
    if (this.#timer !== undefined && this.#milliseconds === milliseconds) {
      this.#timer.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#milliseconds = milliseconds;
    this.#timer = setTimeout(() => this.#onTimeout(this.#what), milliseconds).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
