import type { ProgressEvent } from '../../store/progress.ts';
import type { Log } from '../log.ts';
import type { ProgressDisplay } from './display.ts';
import { Tracker, type Transfer } from './tracker.ts';

export interface JsonLinesOptions {
  readonly log: Pick<Log, 'record'>;
  /** Milliseconds of a steady clock. @default performance.now */
  readonly clock?: (() => number) | undefined;
}

/** Every event as a JSON object on a line of its own; chunks are put together. docs/progress.md lists the members. */
export class JsonLines implements ProgressDisplay {
  readonly #log: Pick<Log, 'record'>;
  readonly #clock: () => number;
  #tracker: Tracker | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes that were told last, by those that moved then. */
  #told = new Map<Transfer, number>();

  constructor({ log, clock = () => performance.now() }: JsonLinesOptions) {
    this.#log = log;
    this.#clock = clock;
  }

  event(event: ProgressEvent): void {
    if (this.#tracker === undefined) {
      this.#tracker = new Tracker(this.#clock);
      this.#timer = setInterval(() => this.tell(), tellInterval).unref();
    }
    const transfer = this.#tracker.add(event);
    if (event.type === 'chunk') return;
    if (event.type === 'warning') return this.#log.record(event);
    const { type, target, ...rest } = event;
    this.#log.record({ type, ...namesOf(target), ...(transfer && { bytes: transfer.bytes }), ...rest });
  }

  /** How far those have come that move, and all together. */
  tell(): void {
    if (this.#tracker === undefined) return;
    this.#tracker.measure();
    const told = new Map<Transfer, number>();
    for (const transfer of this.#tracker.active) {
      const { target, bytes, speed } = transfer;
      told.set(transfer, bytes);
      if (this.#told.get(transfer) === bytes) continue;
      this.#log.record({ type: 'progress', ...namesOf(target), bytes, bytesPerSecond: whole(speed.bytesPerSecond) });
    }
    this.#told = told;
    if (told.size > 0) this.#log.record({ type: 'total', ...this.#totals(this.#tracker) });
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#tracker !== undefined) this.#log.record({ type: 'end', ...this.#totals(this.#tracker) });
    this.#tracker = undefined;
    this.#told.clear();
  }

  #totals({ totals, speed }: Tracker): object {
    const { blobs, settled, size, bytes, moved, skipped } = totals;
    const bytesPerSecond = whole(speed.bytesPerSecond);
    return { blobs, settled, skipped: { ...skipped }, size, bytes, moved, bytesPerSecond };
  }
}

const tellInterval = 500;

function namesOf({ digest, mediaType, size }: Transfer['target']): object {
  return { digest, mediaType, size };
}

function whole(value: number): number {
  return Math.round(value);
}
