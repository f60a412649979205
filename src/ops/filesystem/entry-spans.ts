import { blockSize, paddingOf, type TarHeader, type TarHeaderPart } from '../../content/tar/entry.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';
import { cleanName } from './layer-log.ts';
import type { PagedMemory } from './paged-memory.ts';

export interface EntrySpan {
  /** Of all headers, the body and its padding, in bytes. */
  readonly length: number;
  /** Whether its bytes are right wherever it keeps its name. */
  readonly isPlain: boolean;
}

/** Where the entries of a tar are, in two bytes for most of them: what stays as it is can be copied without reading it again. */
export class EntrySpans {
  readonly #log: ByteLog;
  #count = 0;
  #plain = 0;
  #hasGlobals = false;

  constructor(memory: PagedMemory) {
    this.#log = new ByteLog(memory);
  }

  /** Whether each entry stands for itself, and most can be copied. */
  get areUseful(): boolean {
    return !this.#hasGlobals && 2 * this.#plain >= this.#count;
  }

  add({ name, type, size, sparse }: TarHeader, parts: readonly TarHeaderPart[]): void {
    let length = size + paddingOf(size);
    for (const { kind, bytes } of parts) {
      length += bytes.byteLength;
      this.#hasGlobals ||= kind === 'pax-global';
    }
    const isPlain = sparse === undefined && (type === 'directory' || cleanName(name) === name);
    this.#log.number((2 * length) / blockSize + (isPlain ? 1 : 0));
    this.#count++;
    if (isPlain) this.#plain++;
  }

  /** In the order of the archive. */
  *all(): Generator<EntrySpan, void> {
    const reader = new ByteLogReader(this.#log);
    for (let i = 0; i < this.#count; i++) {
      const value = reader.number();
      const isPlain = value % 2 === 1;
      yield { length: ((value - (isPlain ? 1 : 0)) / 2) * blockSize, isPlain };
    }
  }
}
