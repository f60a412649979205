import { after, type ByteStream, pipe } from '../content/bytes.ts';
import { VerifiedStream } from '../content/verify.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { canFetchRange, type ReopenableContent } from '../store/capabilities.ts';
import type { TransferOptions } from '../store/progress.ts';
import type { ContentSource } from '../store/store.ts';
import { openContent } from './read.ts';

/** A blob of the source on its way to the sink: it counts what passes and knows whether it was the source that failed. */
export class SourceBlob implements ReopenableContent {
  readonly #source: ContentSource;
  readonly #target: Descriptor;
  readonly #options: TransferOptions;
  #current: ByteStream | undefined;
  #failed = false;

  constructor(source: ContentSource, target: Descriptor, options: TransferOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
  }

  /** Whether opening or reading failed, as against writing. */
  get failed(): boolean {
    return this.#failed || (this.#current instanceof VerifiedStream && this.#current.failed);
  }

  async open(start: number): Promise<ByteStream> {
    await this.cancel();
    this.#failed = false;
    this.#options.onProgress?.({ type: 'start', target: this.#target, offset: start });
    try {
      this.#current = start === 0 ? await this.#openWhole() : await this.#openFrom(start);
      return this.#current;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  /** Releases what was opened last. */
  async cancel(): Promise<void> {
    await this.#current?.cancel();
  }

  async #openWhole(): Promise<ByteStream> {
    const opened = await openContent(this.#source, this.#target, this.#options);
    return VerifiedStream.of(opened, this.#target).onBytes((bytes) => this.#count(bytes));
  }

  async #openFrom(start: number): Promise<ByteStream> {
    const { size, data } = this.#target;
    const rest =
      data === undefined && canFetchRange(this.#source)
        ? await this.#source.fetchRange(this.#target, start, size, { signal: this.#options.signal })
        : pipe(await openContent(this.#source, this.#target, this.#options), (chunks) => after(chunks, start));
    return pipe(rest, (chunks) => this.#counted(chunks));
  }

  async *#counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const iterator = chunks[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await this.#next(iterator);
      if (done === true) return;
      this.#count(value.byteLength);
      yield value;
    }
  }

  async #next(iterator: AsyncIterator<Uint8Array, void>): Promise<IteratorResult<Uint8Array, void>> {
    try {
      return await iterator.next();
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  #count(bytes: number): void {
    this.#options.onProgress?.({ type: 'chunk', target: this.#target, bytes });
  }
}
