import type { CallOptions } from '../../options.ts';
import { type ByteSource, type ByteStream, discard } from '../bytes.ts';
import { BodyCursor } from './body-cursor.ts';
import { ChunkCursor } from './chunk-cursor.ts';
import type { TarHeader, TarHeaderPart } from './entry.ts';
import { HeaderParser } from './header-parser.ts';

/** An entry whose body is still in the stream it is read from. It ends when the next one is asked for. */
export interface TarEntry {
  readonly header: TarHeader;
  /** The header blocks byte for byte, extension headers first. */
  readonly parts: readonly TarHeaderPart[];
  /** Where the first of the header blocks is in the archive, in bytes. */
  readonly offset: number;
  /** The stored bytes, views of what the source gave. Once only; left unread it is skipped. */
  readonly body: ByteStream;
  /** Header blocks, body and padding, byte for byte: to pass an entry through untouched. In place of {@link body}. */
  raw(): AsyncGenerator<Uint8Array, void>;
  /**
   * Body and padding at once, a view, when they are here already: most files are small, and a step of a generator costs more
   * than they do. Then nothing of them is left.
   *
   * @returns `undefined` when they have to be waited for, or were read
   */
  restHere(): Uint8Array | undefined;
}

export interface TarReaderOptions extends CallOptions {
  /** Leave what stands after the last entry to {@link TarReader.trailer}. @default it is read and dropped */
  readonly keepTrailer?: boolean | undefined;
  /**
   * Headers are views of the chunks, which nobody may overwrite: for who keeps none of them, since each would keep a whole chunk.
   *
   * @default they are copies
   */
  readonly viewsHeaders?: boolean | undefined;
}

/**
 * Reads a tar archive as a stream: v7, ustar, PAX and GNU headers. Entries come in order and their bodies are read in
 * order; what is not read of a body is skipped. `source` is read to its last byte, so that verification upstream completes.
 */
export class TarReader implements AsyncIterable<TarEntry> {
  readonly #source: ByteSource;
  readonly #cursor: ChunkCursor;
  readonly #parser = new HeaderParser();
  readonly #signal: AbortSignal | undefined;
  readonly #body: BodyCursor;
  readonly #keepTrailer: boolean;
  readonly #viewsHeaders: boolean;
  #trailer: readonly Uint8Array[] | undefined;
  #entries: AsyncGenerator<TarEntry, void> | undefined;

  constructor(source: ByteSource, options: TarReaderOptions = {}) {
    this.#source = source;
    this.#cursor = new ChunkCursor(source);
    this.#signal = options.signal;
    this.#body = new BodyCursor(this.#cursor, this.#parser, options.signal);
    this.#keepTrailer = options.keepTrailer ?? false;
    this.#viewsHeaders = options.viewsHeaders ?? false;
  }

  /** @throws {OciError} while iterating `INVALID_ARCHIVE`, naming the offset and the entry */
  [Symbol.asyncIterator](): AsyncGenerator<TarEntry, void> {
    this.#entries ??= this.#read();
    return this.#entries;
  }

  /**
   * What stands after the last entry: zero blocks and whatever pads the file, global headers that no entry follows before
   * them. To be read after all entries, by who asked for it with `keepTrailer`; it reads the source to its end.
   */
  async *trailer(): AsyncGenerator<Uint8Array, void> {
    if (this.#trailer === undefined) throw new TypeError('The trailer of a tar archive is read after all its entries');
    for (const block of this.#trailer) if (block.length > 0) yield block;
    this.#trailer = [];
    for (;;) {
      const chunk = await this.#cursor.chunk(Number.MAX_SAFE_INTEGER);
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  /** Releases the source. */
  async cancel(): Promise<void> {
    await this.#cursor.close();
    await discard(this.#source);
  }

  async *#read(): AsyncGenerator<TarEntry, void> {
    let complete = false;
    try {
      for (;;) {
        if (!this.#body.leaveHere()) await this.#body.leave();
        this.#signal?.throwIfAborted();
        const offset = this.#parser.offset;
        const steps = this.#parser.next();
        let step = steps.next();
        while (step.done !== true) {
          // Not another function: there are millions of headers, and most are here already.
          const here = this.#viewsHeaders ? this.#cursor.view(step.value) : this.#cursor.take(step.value);
          step = steps.next(here ?? (await this.#cursor.gather(step.value)));
        }
        const { header, parts, trailer } = step.value;
        if (header === undefined) {
          this.#trailer = [...parts.map((part) => part.bytes), ...trailer];
          if (!this.#keepTrailer) for await (const _ of this.trailer());
          complete = true;
          return;
        }
        this.#body.enter(header);
        yield new Entry(header, parts, offset, this.#body);
      }
    } finally {
      // The trailer is still to come when all went well; else nobody will read on.
      if (!complete) await this.cancel();
    }
  }
}

/** There are millions of them, and few are looked into: what reads a body is made when it is asked for. */
class Entry implements TarEntry {
  readonly header: TarHeader;
  readonly parts: readonly TarHeaderPart[];
  readonly offset: number;
  readonly #at: BodyCursor;
  #chunks: AsyncGenerator<Uint8Array, void> | undefined;

  constructor(header: TarHeader, parts: readonly TarHeaderPart[], offset: number, at: BodyCursor) {
    this.header = header;
    this.parts = parts;
    this.offset = offset;
    this.#at = at;
  }

  get body(): ByteStream {
    return {
      [Symbol.asyncIterator]: () => (this.#chunks ??= this.#at.body(this.header)),
      cancel: async () => {
        if (this.#at.isIn(this.header)) await this.#at.leave();
      },
    };
  }

  async *raw(): AsyncGenerator<Uint8Array, void> {
    for (const { bytes } of this.parts) yield bytes;
    yield* this.#at.withPadding(this.header);
  }

  restHere(): Uint8Array | undefined {
    return this.#at.wholeHere(this.header);
  }
}
