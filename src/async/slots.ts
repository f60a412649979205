export interface SlotsOptions {
  /** Tasks at the same time. */
  readonly slots: number;
  /** Milliseconds a holder may stand still while others wait, before its place is given to one of them. @default 1000 */
  readonly patience?: number | undefined;
}

/**
 * Places for tasks of which some may stand still for reasons of their own: a download whose consumer stopped reading, an upload
 * whose source has nothing yet. Such a task says that it is idle, and when others wait its place is lent to the next of them;
 * so tasks that wait for each other, and callers that forget a stream, cannot block a host for good. It goes on whenever it
 * can, without asking again.
 */
export class Slots {
  readonly #most: number;
  readonly #patience: number;
  readonly #held = new Set<Slot>();
  readonly #waiting = new Set<(slot: Slot) => void>();
  #capacity: number;
  #lent = 0;
  #successes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @throws {RangeError} when `slots` is not a positive whole number */
  constructor({ slots, patience = 1000 }: SlotsOptions) {
    if (!Number.isInteger(slots) || slots < 1) throw new RangeError(`At least one slot is needed, not ${slots}`);
    this.#most = slots;
    this.#capacity = slots;
    this.#patience = patience;
  }

  /** Waits for a place; first come, first served. Rejects with the signal's reason when aborted. */
  async enter(signal?: AbortSignal): Promise<Slot> {
    signal?.throwIfAborted();
    return this.tryEnter() ?? this.#wait(signal);
  }

  /** A place if one is free and nobody waits for it. */
  tryEnter(): Slot | undefined {
    return this.#waiting.size === 0 && this.#hasRoom ? this.#take() : undefined;
  }

  /** Halves the places: the other side cannot keep up. */
  shrink(): void {
    this.#capacity = Math.max(1, Math.floor(this.#capacity / 2));
    this.#successes = 0;
  }

  /** Gives a place back, bit by bit, after a shrink. */
  succeed(): void {
    if (this.#capacity === this.#most || ++this.#successes < this.#capacity * successesPerSlot) return;
    this.#successes = 0;
    this.#capacity++;
    this.#admit();
  }

  get #hasRoom(): boolean {
    return this.#held.size - this.#lent < this.#capacity;
  }

  #take(): Slot {
    const slot = new Slot((one) => this.#release(one));
    this.#held.add(slot);
    return slot;
  }

  #release(slot: Slot): void {
    if (!this.#held.delete(slot)) return;
    if (slot.lent) this.#lent--;
    this.#admit();
  }

  #wait(signal: AbortSignal | undefined): Promise<Slot> {
    return new Promise<Slot>((resolve, reject) => {
      const admit = (slot: Slot): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(slot);
      };
      const giveUp = (): void => {
        this.#waiting.delete(admit);
        this.#rest();
        reject(signal?.reason as Error);
      };
      this.#waiting.add(admit);
      this.#timer ??= setInterval(() => this.#lend(), this.#patience / 2);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  #admit(): void {
    for (const next of this.#waiting) {
      if (!this.#hasRoom) break;
      this.#waiting.delete(next);
      next(this.#take());
    }
    this.#rest();
  }

  #lend(): void {
    const now = performance.now();
    for (const slot of this.#held) {
      if (slot.lent || slot.idleSince === undefined || now - slot.idleSince < this.#patience) continue;
      slot.lent = true;
      this.#lent++;
    }
    this.#admit();
  }

  #rest(): void {
    if (this.#waiting.size > 0 || this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** A place in {@link Slots}. */
export class Slot {
  readonly #onRelease: (slot: Slot) => void;
  /** Since when nothing moves, by the monotonic clock; `undefined` while something does. */
  idleSince: number | undefined;
  lent = false;

  constructor(onRelease: (slot: Slot) => void) {
    this.#onRelease = onRelease;
  }

  idle(): void {
    this.idleSince ??= performance.now();
  }

  busy(): void {
    this.idleSince = undefined;
  }

  /** May be called more than once. */
  release(): void {
    this.#onRelease(this);
  }
}

/** Successes per place before another one is tried. */
const successesPerSlot = 4;
