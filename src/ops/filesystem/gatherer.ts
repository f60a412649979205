/** Chunks below this are put together: most files in an image are smaller than a page of memory is worth a step. */
const smallSize = 16 * 1024;
const gatheredSize = 256 * 1024;

const nothing: readonly Uint8Array[] = [];

/** Puts small chunks together where they come into being: each step of a generator costs more than copying a small file. */
export class Gatherer {
  #gathered = Buffer.allocUnsafeSlow(gatheredSize);
  #length = 0;

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
    const full = this.#gathered.subarray(0, this.#length);
    this.#gathered = Buffer.allocUnsafeSlow(gatheredSize);
    this.#length = 0;
    return [full];
  }
}
