import { type ByteSource, chunksOf } from '../bytes.ts';

/** A place in a stream of chunks, from which views are taken without copying. */
export class ChunkCursor {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #current: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(source: ByteSource) {
    const chunks = chunksOf(source);
    this.#chunks = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** Exactly `count` bytes as a copy of their own, when they are already here; a view would keep its whole chunk alive. */
  take(count: number): Uint8Array | undefined {
    if (this.#current.byteLength - this.#at < count) return undefined;
    const start = this.#at;
    this.#at += count;
    // Of the memory that small buffers share: there are millions of headers, and each would be a piece of memory of its own.
    return Buffer.from(this.#current.subarray(start, this.#at));
  }

  /** Exactly `count` bytes as a view, when they are already here. */
  view(count: number): Uint8Array | undefined {
    const start = this.#at;
    if (this.#current.byteLength - start < count) return undefined;
    this.#at += count;
    return this.#current.subarray(start, this.#at);
  }

  /** `count` bytes as a copy of their own, fewer only at the end. */
  async gather(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = count; missing > 0;) {
      const chunk = await this.chunk(missing);
      if (chunk === undefined) break;
      // At once: a source may use its memory again when the next chunk is asked for.
      parts.push(Buffer.from(chunk));
      missing -= chunk.byteLength;
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  }

  /** The next bytes, at least one and at most `max`, as a view; `undefined` at the end. */
  async chunk(max: number): Promise<Uint8Array | undefined> {
    while (this.#at === this.#current.byteLength) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#current = value;
      this.#at = 0;
    }
    const start = this.#at;
    this.#at = Math.min(this.#current.byteLength, start + max);
    if (start === 0 && this.#at === this.#current.byteLength) return this.#current;
    return this.#current.subarray(start, this.#at);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
