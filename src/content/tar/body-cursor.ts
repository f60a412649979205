import { type OciError, quoted } from '../../errors.ts';
import type { ChunkCursor } from './chunk-cursor.ts';
import { paddingOf, type TarHeader } from './entry.ts';
import type { HeaderParser } from './header-parser.ts';

/** Where a reader is in the body of its current entry and the padding behind it. */
export class BodyCursor {
  readonly #cursor: ChunkCursor;
  readonly #parser: HeaderParser;
  readonly #signal: AbortSignal | undefined;
  #current: TarHeader | undefined;
  /** Bytes of the body and of its padding that are still in the source. */
  #rest = 0;
  #padding = 0;

  constructor(cursor: ChunkCursor, parser: HeaderParser, signal: AbortSignal | undefined) {
    this.#cursor = cursor;
    this.#parser = parser;
    this.#signal = signal;
  }

  enter(header: TarHeader): void {
    this.#current = header;
    this.#rest = header.size;
    this.#padding = paddingOf(header.size);
  }

  isIn(header: TarHeader): boolean {
    return this.#current === header;
  }

  /** Goes over what was not read, if that is here already. */
  leaveHere(): boolean {
    if (this.#takeRest() === undefined) return false;
    this.#current = undefined;
    return true;
  }

  /** Goes over what was not read. */
  async leave(): Promise<void> {
    while (this.#rest + this.#padding > 0) await this.#pass();
    this.#current = undefined;
  }

  /** Body and padding, if nothing was read of them and they are here already. */
  wholeHere(header: TarHeader): Uint8Array | undefined {
    return this.isIn(header) && this.#rest === header.size ? this.#takeRest() : undefined;
  }

  async *body(header: TarHeader): AsyncGenerator<Uint8Array, void> {
    if (!this.isIn(header)) throw new TypeError('The body of a tar entry is read before the next entry is asked for');
    while (this.isIn(header) && this.#rest > 0) {
      const chunk = await this.#chunk(this.#rest);
      this.#rest -= chunk.byteLength;
      yield chunk;
    }
  }

  async *withPadding(header: TarHeader): AsyncGenerator<Uint8Array, void> {
    if (!this.isIn(header)) throw new TypeError('A tar entry is read before the next entry is asked for');
    while (this.isIn(header) && this.#rest + this.#padding > 0) yield await this.#pass();
  }

  #takeRest(): Uint8Array | undefined {
    const length = this.#rest + this.#padding;
    const here = this.#cursor.view(length);
    if (here === undefined) return undefined;
    this.#rest = 0;
    this.#padding = 0;
    this.#parser.passBody(length);
    return here;
  }

  async #pass(): Promise<Uint8Array> {
    const chunk = await this.#chunk(this.#rest + this.#padding);
    const ofBody = Math.min(this.#rest, chunk.byteLength);
    this.#rest -= ofBody;
    this.#padding -= chunk.byteLength - ofBody;
    return chunk;
  }

  async #chunk(max: number): Promise<Uint8Array> {
    this.#signal?.throwIfAborted();
    const chunk = await this.#cursor.chunk(max);
    if (chunk === undefined) throw this.#cut();
    this.#parser.passBody(chunk.byteLength);
    return chunk;
  }

  #cut(): OciError {
    return this.#parser.cut(`the entry ${quoted(this.#current?.name ?? '')}`, this.#rest + this.#padding);
  }
}
