import type { ProgressEvent } from '../../store/progress.ts';
import type { ProgressDisplay } from './display.ts';
import { frameOf, summaryOf } from './frame.ts';
import type { LiveOutput } from './live-output.ts';
import { Tracker } from './tracker.ts';

export interface BarsOptions {
  readonly output: LiveOutput;
  /** Milliseconds of a steady clock. @default performance.now */
  readonly clock?: (() => number) | undefined;
}

/** Bars on a terminal, drawn ten times a second; at the end a line that stays says what was moved. */
export class Bars implements ProgressDisplay {
  readonly #output: LiveOutput;
  readonly #clock: () => number;
  #tracker: Tracker | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ output, clock = () => performance.now() }: BarsOptions) {
    this.#output = output;
    this.#clock = clock;
  }

  event(event: ProgressEvent): void {
    if (this.#tracker === undefined) {
      this.#tracker = new Tracker(this.#clock);
      // It must not keep the process alive.
      this.#timer = setInterval(() => this.draw(), frameInterval).unref();
    }
    this.#tracker.add(event);
  }

  /** Puts the state of things on the screen. */
  draw(): void {
    if (this.#tracker === undefined || this.#tracker.totals.blobs === 0) return;
    this.#tracker.measure();
    this.#output.show(frameOf(this.#tracker, this.#output.size, this.#clock()));
  }

  end(): void {
    clearInterval(this.#timer);
    this.#output.show([]);
    const summary = this.#tracker && summaryOf(this.#tracker, this.#clock());
    this.#tracker = undefined;
    if (summary !== undefined) this.#output.print(`${summary}\n`);
  }
}

const frameInterval = 100;
