import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { isManifestType } from '../../oci/media-type.ts';
import type { ProgressEvent, SkipReason } from '../../store/progress.ts';
import { Speed } from './speed.ts';

export type TransferState = 'waiting' | 'moving' | 'committing' | 'retrying' | 'done' | SkipReason;

/** One blob, as far as it has come. */
export interface Transfer {
  readonly target: Descriptor;
  state: TransferState;
  /** What is there, of the blob's size. */
  bytes: number;
  /** Milliseconds of the tracker's clock. */
  startedAt: number | undefined;
  finishedAt: number;
  /** When the next try begins. */
  retryAt: number;
  readonly speed: Speed;
}

/** All blobs together. */
export interface TransferTotals {
  blobs: number;
  /** Moved or skipped. */
  settled: number;
  /** Of blobs that are not skipped. */
  size: number;
  bytes: number;
  readonly skipped: Record<SkipReason, number>;
  /** What went over the line, with what was sent again. */
  moved: number;
  startedAt: number;
}

/** Keeps what events say about blobs. Manifests are small and many, so they are left out. An event takes constant time. */
export class Tracker {
  readonly totals: TransferTotals;
  readonly speed: Speed = new Speed();
  readonly #now: () => number;
  readonly #all = new Map<Digest, Transfer>();
  readonly #active = new Set<Transfer>();

  /** @param now milliseconds of a steady clock */
  constructor(now: () => number) {
    this.#now = now;
    this.speed.sample(now(), 0);
    this.totals = {
      blobs: 0,
      settled: 0,
      size: 0,
      bytes: 0,
      skipped: { exists: 0, mounted: 0, nondistributable: 0 },
      moved: 0,
      startedAt: now(),
    };
  }

  /** Those that move, or are about to move again, in the order in which they began. */
  get active(): ReadonlySet<Transfer> {
    return this.#active;
  }

  /** In the order in which they came; settled ones only while there are few. */
  get all(): Iterable<Transfer> {
    return this.#all.values();
  }

  /** How many of all are remembered. */
  get remembered(): number {
    return this.#all.size;
  }

  /** @returns the transfer the event is about */
  add(event: ProgressEvent): Transfer | undefined {
    if (event.type === 'warning' || isManifestType(event.target.mediaType)) return undefined;
    // Content that was there, or came, and is sent nevertheless counts once more.
    const transfer = this.#transferOf(event.target, event.type === 'queued' || event.type === 'start');
    switch (event.type) {
      case 'queued':
        break;
      case 'chunk':
        if (transfer.state === 'retrying') transfer.state = 'moving';
        this.#advance(transfer, transfer.bytes + event.bytes);
        this.totals.moved += event.bytes;
        break;
      case 'start':
        transfer.state = 'moving';
        transfer.startedAt ??= this.#now();
        this.#active.add(transfer);
        this.#advance(transfer, event.offset);
        transfer.speed.sample(this.#now(), event.offset);
        break;
      case 'retry':
        transfer.state = 'retrying';
        transfer.retryAt = this.#now() + event.delayMs;
        this.#active.add(transfer);
        break;
      case 'commit':
        transfer.state = 'committing';
        break;
      case 'finish':
        this.#advance(transfer, transfer.target.size);
        this.#settle(transfer, 'done');
        break;
      case 'skip':
        this.#advance(transfer, 0);
        this.totals.size -= transfer.target.size;
        this.totals.skipped[event.reason] += 1;
        this.#settle(transfer, event.reason);
        break;
      default:
        return event satisfies never;
    }
    return transfer;
  }

  /** Takes a sample of all rates. */
  measure(): void {
    const now = this.#now();
    this.speed.sample(now, this.totals.moved);
    for (const transfer of this.#active) transfer.speed.sample(now, transfer.bytes);
  }

  #transferOf(target: Descriptor, isNew: boolean): Transfer {
    const known = this.#all.get(target.digest);
    if (known !== undefined && !(isNew && isSettled(known))) return known;
    const transfer: Transfer = {
      target,
      state: 'waiting',
      bytes: 0,
      startedAt: undefined,
      finishedAt: 0,
      retryAt: 0,
      speed: new Speed(),
    };
    this.#all.set(target.digest, transfer);
    this.totals.blobs += 1;
    this.totals.size += target.size;
    return transfer;
  }

  #advance(transfer: Transfer, bytes: number): void {
    this.totals.bytes += bytes - transfer.bytes;
    transfer.bytes = bytes;
  }

  #settle(transfer: Transfer, state: TransferState): void {
    transfer.state = state;
    transfer.finishedAt = this.#now();
    this.totals.settled += 1;
    this.#active.delete(transfer);
    if (this.#all.size > maxRemembered) this.#all.delete(transfer.target.digest);
  }
}

/** More do not fit on a screen. */
const maxRemembered = 100;

export function isSettled({ state }: Transfer): boolean {
  return state === 'done' || state in isSkip;
}

const isSkip: Readonly<Record<SkipReason, true>> = { exists: true, mounted: true, nondistributable: true };
