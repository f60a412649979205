import type { ByteBudget } from '../../async/byte-budget.ts';
import { type LinkedAbort, linkedAbort } from '../../async/linked-abort.ts';
import type { ByteRange } from '../../wire/content-range.ts';
import type { BlobSource } from './blob-source.ts';
import type { Pace } from './pace.ts';
import { resumingBody, type ResumingOptions } from './resuming-body.ts';

export interface PartsOptions extends ResumingOptions {
  readonly pace: Pace;
  readonly budget: ByteBudget;
  /** Bytes of one part. */
  readonly partSize: number;
}

/** Whether there is memory for at least two parts now. */
export function haveRoom({ budget, partSize }: PartsOptions): boolean {
  return budget.free >= 2 * partSize;
}

/**
 * The bytes of a range in their order, fetched in parts over several connections. It may end before the range does: when the
 * pace came back to one connection, when there is no memory for a part, or when a part failed for good.
 *
 * A part is asked for only when there is memory for all of it, so that it always comes to its end whatever the consumer does:
 * nothing here can wait for each other.
 */
export async function* inParts(
  source: BlobSource,
  range: ByteRange,
  options: PartsOptions,
): AsyncGenerator<Uint8Array, void> {
  const window = new PartWindow(source, range, options);
  try {
    for (let part = window.first(); part !== undefined; part = window.next()) {
      for (let chunk = await part.take(); chunk !== undefined; chunk = await part.take()) yield chunk;
      if (part.failed) {
        options.signal.throwIfAborted();
        options.pace.giveUp();
        return;
      }
    }
  } finally {
    await window.close();
  }
}

/** The parts that are under way or wait for their turn. */
class PartWindow {
  readonly #source: BlobSource;
  readonly #options: PartsOptions;
  readonly #end: number;
  readonly #life: LinkedAbort;
  readonly #parts: Part[] = [];
  readonly #fetching = new Set<Promise<void>>();
  #start: number;

  constructor(source: BlobSource, { start, end }: ByteRange, options: PartsOptions) {
    this.#source = source;
    this.#options = options;
    this.#start = start;
    this.#end = end;
    this.#life = linkedAbort(options.signal);
  }

  first(): Part | undefined {
    this.#fill();
    return this.#parts[0];
  }

  /** The part after the one that was read. */
  next(): Part | undefined {
    this.#release(this.#parts.shift());
    return this.first();
  }

  /** Ends what is under way, and waits for that. */
  async close(): Promise<void> {
    this.#start = this.#end;
    this.#life.abort(new Error('Nobody reads this part any more'));
    await Promise.all(this.#fetching);
    this.#life.unlink();
    for (const part of this.#parts.splice(0)) this.#release(part);
  }

  #release(part: Part | undefined): void {
    if (part !== undefined) this.#options.budget.give(part.size);
  }

  #fill(): void {
    const { pace, budget, partSize } = this.#options;
    // One more than connections, so that a slow first part does not leave them idle at once.
    while (
      pace.connections > 1 &&
      this.#start < this.#end &&
      this.#fetching.size < pace.connections &&
      this.#parts.length <= pace.connections
    ) {
      const size = Math.min(partSize, this.#end - this.#start);
      if (!budget.tryTake(size)) return;
      this.#fetch(this.#start, size);
      this.#start += size;
    }
  }

  #fetch(start: number, size: number): void {
    const { pace } = this.#options;
    const part = new Part(size);
    const chunks = resumingBody(this.#source, { start, end: start + size }, undefined, {
      ...this.#options,
      signal: this.#life.signal,
      onlyPart: true,
      onFutile: () => pace.retreat(),
    });
    this.#parts.push(part);
    const fetching = part.fill(chunks, (bytes) => {
      if (pace.arrived(bytes)) this.#fill();
    });
    this.#fetching.add(fetching);
    void fetching.then(() => {
      this.#fetching.delete(fetching);
      this.#fill();
    });
  }
}

/** One part, filled by its connection and emptied by the consumer. */
class Part {
  readonly size: number;
  readonly #chunks: Uint8Array[] = [];
  #isOver = false;
  #failed = false;
  #wake: (() => void) | undefined;

  constructor(size: number) {
    this.size = size;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Never rejects. */
  async fill(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): Promise<void> {
    try {
      for await (const chunk of chunks) {
        this.#chunks.push(chunk);
        this.#wake?.();
        onBytes(chunk.byteLength);
      }
    } catch {
      // Whatever it was, the consumer goes on over one connection, which meets it again if it lasts.
      this.#failed = true;
    }
    this.#isOver = true;
    this.#wake?.();
  }

  /** The next chunk as soon as it is there, `undefined` at the end. */
  async take(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined || this.#isOver) return chunk;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
