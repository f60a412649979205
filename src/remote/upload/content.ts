import { type ByteStream, streamOf } from '../../content/bytes.ts';
import { VerifiedStream } from '../../content/verify.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { ReopenableContent } from '../../store/capabilities.ts';

/** What an upload reads. */
export interface UploadContent extends ReopenableContent {
  /** Whether it can be opened there. @default everywhere */
  canOpen?(start: number): boolean;
}

/** Bytes in hand. */
export function contentOf(bytes: Uint8Array, expected: Descriptor): UploadContent {
  return {
    open: async (start) => (start === 0 ? new VerifiedStream(bytes, expected) : streamOf(bytes.subarray(start))),
  };
}

/** A stream that can be read once. Its latest bytes are kept, so that a part that was lost can be sent again. */
export class RecentContent implements UploadContent {
  readonly #chunks: AsyncIterator<Uint8Array, unknown>;
  readonly #expected: Descriptor;
  readonly #window: number;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #end = 0;

  /** @param window how many bytes are kept */
  constructor(source: VerifiedStream, expected: Descriptor, window: number) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#expected = expected;
    this.#window = window;
  }

  canOpen(start: number): boolean {
    return start <= this.#end && start >= this.#end - this.#keptBytes;
  }

  async open(start: number): Promise<ByteStream> {
    if (!this.canOpen(start)) throw new OciError('OUT_OF_RANGE', `Byte ${start} of the content is no longer there`);
    // Whoever gave the stream ends it.
    const stream = { [Symbol.asyncIterator]: () => this.#from(start), cancel: async () => {} };
    return VerifiedStream.proven(stream, this.#expected);
  }

  async *#from(start: number): AsyncGenerator<Uint8Array, void> {
    let offset = this.#end - this.#keptBytes;
    for (const chunk of this.#kept) {
      const skip = Math.max(start - offset, 0);
      offset += chunk.byteLength;
      if (skip < chunk.byteLength) yield skip === 0 ? chunk : chunk.subarray(skip);
    }
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return;
      this.#keep(value);
      yield value;
    }
  }

  #keep(chunk: Uint8Array): void {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.byteLength;
    this.#end += chunk.byteLength;
    for (let first = this.#kept[0]; first !== undefined; first = this.#kept[0]) {
      if (this.#keptBytes - first.byteLength < this.#window) break;
      this.#kept.shift();
      this.#keptBytes -= first.byteLength;
    }
  }
}
