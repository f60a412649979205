import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import type { ByteStream } from './bytes.ts';
import { readFileStream } from './file.ts';

/** Content that is still being made. What is there can be read, as often as wanted; the rest comes, or never does. */
export interface GrowingContent {
  /** What it has become; `undefined` until it is complete. */
  readonly result: { readonly digest: Digest; readonly size: number } | undefined;
  /** Aborts when it will never be complete. */
  readonly failed: AbortSignal;
  /** Waits until so many bytes are there, no more will come, or nobody waits any longer. @returns how many there are */
  reach(size: number, options?: CallOptions): Promise<number>;
  /** Bytes that are there, `end` exclusive. They are not verified: their digest is not known yet. */
  read(start: number, end: number, options?: CallOptions): Promise<ByteStream>;
}

/** A file that is read while it is written. Its writer tells of each step. */
export class GrowingFile implements GrowingContent {
  readonly #path: string;
  readonly #failure = new AbortController();
  readonly #waiting = new Map<() => void, number>();
  #size = 0;
  #result: GrowingContent['result'];

  constructor(path: string) {
    this.#path = path;
  }

  get result(): GrowingContent['result'] {
    return this.#result;
  }

  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  async reach(size: number, { signal }: CallOptions = {}): Promise<number> {
    if (this.#size >= size || this.#hasEnded || signal?.aborted === true) return this.#size;
    let resume = (): void => {};
    const reached = new Promise<void>((resolve) => (resume = resolve));
    this.#waiting.set(resume, size);
    signal?.addEventListener('abort', resume, { once: true });
    await reached;
    signal?.removeEventListener('abort', resume);
    this.#waiting.delete(resume);
    return this.#size;
  }

  read(start: number, end: number, { signal }: CallOptions = {}): Promise<ByteStream> {
    return readFileStream(this.#path, { start, end: Math.min(end, this.#size), signal });
  }

  /** So many bytes can be read. */
  grow(size: number): void {
    this.#size = size;
    this.#resume();
  }

  complete(result: NonNullable<GrowingContent['result']>): void {
    this.#size = result.size;
    this.#result = result;
    this.#resume();
  }

  fail(reason: unknown): void {
    this.#failure.abort(reason);
    this.#resume();
  }

  get #hasEnded(): boolean {
    return this.#result !== undefined || this.failed.aborted;
  }

  #resume(): void {
    for (const [resume, size] of this.#waiting) if (this.#size >= size || this.#hasEnded) resume();
  }
}
