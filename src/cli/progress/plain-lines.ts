import type { ProgressEvent } from '../../store/progress.ts';
import type { Log } from '../log.ts';
import type { ProgressDisplay } from './display.ts';
import { skipWords, summaryOf, totalLine } from './frame.ts';
import { Tracker, type Transfer } from './tracker.ts';
import { kindOf, sizeText, durationText } from './words.ts';

export interface PlainLinesOptions {
  readonly log: Pick<Log, 'note'>;
  /** Milliseconds of a steady clock. @default performance.now */
  readonly clock?: (() => number) | undefined;
}

/** A line for each blob that begins, ends, is skipped or tried again, and every few seconds one for all. */
export class PlainLines implements ProgressDisplay {
  readonly #log: Pick<Log, 'note'>;
  readonly #clock: () => number;
  #tracker: Tracker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #told = '';

  constructor({ log, clock = () => performance.now() }: PlainLinesOptions) {
    this.#log = log;
    this.#clock = clock;
  }

  event(event: ProgressEvent): void {
    if (this.#tracker === undefined) {
      this.#tracker = new Tracker(this.#clock);
      this.#timer = setInterval(() => this.tell(), totalInterval).unref();
    }
    const transfer = this.#tracker.add(event);
    if (transfer === undefined) return;
    const words = wordsFor(event, transfer);
    if (words !== undefined) this.#log.note(`${kindOf(transfer.target)} ${transfer.target.digest}: ${words}`);
  }

  /** The line for all, when there is news. */
  tell(): void {
    if (this.#tracker === undefined || this.#tracker.totals.blobs === 0) return;
    this.#tracker.measure();
    const line = totalLine(this.#tracker);
    if (line !== this.#told) this.#log.note(line);
    this.#told = line;
  }

  end(): void {
    clearInterval(this.#timer);
    const summary = this.#tracker && summaryOf(this.#tracker, this.#clock());
    this.#tracker = undefined;
    if (summary !== undefined) this.#log.note(summary);
  }
}

const totalInterval = 3000;

function wordsFor(event: ProgressEvent, { target, finishedAt, startedAt = finishedAt }: Transfer): string | undefined {
  switch (event.type) {
    case 'start':
      return event.offset === 0
        ? `started, ${sizeText(target.size)}`
        : `goes on at ${sizeText(event.offset)} of ${sizeText(target.size)}`;
    case 'finish':
      return `finished, ${sizeText(target.size)} in ${((finishedAt - startedAt) / 1000).toFixed(1)}s`;
    case 'skip':
      return skipWords[event.reason];
    case 'retry':
      return `try ${event.attempt} failed, the next one in ${durationText(event.delayMs)}: ${event.message}`;
    default:
      return undefined;
  }
}
