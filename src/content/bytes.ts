import { OciError } from '../errors.ts';

/**
 * Bytes on their way, as every function that opens a resource returns them. Whoever gets one reads it to its end or
 * cancels it. A web `ReadableStream<Uint8Array>` is one; ours are lighter (docs/streams.md has the measurement).
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** A file with just the bytes of the stream that nobody writes to any more: it can be linked to instead of read. */
  readonly file?: string | undefined;
  /** Releases what feeds the stream, also when nothing was read. */
  cancel(reason?: unknown): Promise<void>;
}

/** Anything bytes can be read from. Functions accept this and return a {@link ByteStream}. */
export type ByteSource = Uint8Array | AsyncIterable<Uint8Array>;

/** A step between a source and a consumer. */
export type ByteTransform = (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array, void>;

/** For `for await`: a generator around every source would cost a promise per chunk. */
export function chunksOf(source: ByteSource): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return source instanceof Uint8Array ? [source] : source;
}

/** A stream of bytes that are already here. */
export function streamOf(bytes: Uint8Array | Iterable<Uint8Array>): ByteStream {
  return {
    async *[Symbol.asyncIterator]() {
      if (bytes instanceof Uint8Array) yield bytes;
      else yield* bytes;
    },
    cancel: async () => {},
  };
}

/**
 * Runs `transform` over an opened stream. Cancelling the result releases `source` even if nothing was read: `return()` on
 * a generator that has not started would not reach it.
 */
export function pipe(source: ByteStream, transform: ByteTransform): ByteStream {
  const chunks = transform(source);
  return {
    [Symbol.asyncIterator]: () => chunks,
    async cancel(reason) {
      await source.cancel(reason);
      // Not awaited: a source that hangs may never let go of the read that is under way.
      chunks.return().catch(() => {});
    },
  };
}

/** The chunks without the first `start` bytes. */
export async function* after(chunks: AsyncIterable<Uint8Array>, start: number): AsyncGenerator<Uint8Array, void> {
  let skip = start;
  for await (const chunk of chunks) {
    if (skip >= chunk.byteLength) skip -= chunk.byteLength;
    else {
      yield skip === 0 ? chunk : chunk.subarray(skip);
      skip = 0;
    }
  }
}

/** The start of a stream, whose rest is not read. */
export function upTo(stream: ByteStream, length: number): ByteStream {
  return pipe(stream, async function* head(chunks) {
    let left = length;
    for await (const chunk of chunks) {
      if (left > 0) yield chunk.byteLength <= left ? chunk : chunk.subarray(0, left);
      left -= chunk.byteLength;
      if (left <= 0) break;
    }
  });
}

/** Gives a stream the web's form, as the body of a `Response` or for other libraries. */
export function toReadableStream(stream: ByteStream): ReadableStream<Uint8Array> {
  if (stream instanceof ReadableStream) return stream as ReadableStream<Uint8Array>;
  const chunks = stream[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => stream.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Ends whatever was handed in without being read. */
export async function discard(source: ByteSource): Promise<void> {
  if (isByteStream(source)) await source.cancel();
}

export function isByteStream(source: ByteSource): source is ByteStream {
  return 'cancel' in source && typeof source.cancel === 'function';
}

/**
 * All bytes, for metadata only: `limit` keeps a hostile server from filling the memory.
 *
 * @throws {OciError} `LIMIT_EXCEEDED` as soon as more than `limit` bytes arrive
 */
export async function collect(source: ByteSource, limit: number, what = 'Content'): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunksOf(source)) {
    total += chunk.byteLength;
    if (total > limit) throw new OciError('LIMIT_EXCEEDED', `${what} is larger than the limit of ${limit} bytes`);
    parts.push(chunk);
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, total);
}
