/** Chunks below this are put together: most files in an image are smaller than a page of memory is worth a step. */
const smallSize = 16 * 1024;
const gatheredSize = 256 * 1024;

const nothing: readonly Uint8Array[] = [];

/** Puts small chunks together where they come into being: each step of a generator costs more than copying a small file. */
export class Gatherer {
  readonly #reuses: boolean;
  #gathered = Buffer.allocUnsafeSlow(gatheredSize);
  #spare: Buffer<ArrayBuffer> | undefined;
  #length = 0;

  /** @param reuses whether what was handed on is used no longer when the next but one is */
  constructor(reuses: boolean) {
    this.#reuses = reuses;
  }

  /** @returns what is to be handed on now, most of the time nothing */
  add(chunk: Uint8Array): readonly Uint8Array[] {
    const isSmall = chunk.byteLength < smallSize;
    const before = isSmall && this.#length + chunk.byteLength <= gatheredSize ? nothing : this.flush();
    if (!isSmall) return [...before, chunk];
    this.#gathered.set(chunk, this.#length);
    this.#length += chunk.byteLength;
    return before;
  }

  /** The small chunks that were kept back. */
  flush(): readonly Uint8Array[] {
    if (this.#length === 0) return nothing;
    const gathered = this.#gathered;
    const full = gathered.subarray(0, this.#length);
    this.#gathered = this.#spare ?? Buffer.allocUnsafeSlow(gatheredSize);
    if (this.#reuses) this.#spare = gathered;
    this.#length = 0;
    return [full];
  }
}
