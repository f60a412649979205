import { type PagedMemory, Pages, pageSize } from './paged-memory.ts';

const wordsInPage = pageSize / 4;
const wordShift = Math.log2(wordsInPage);
const byteShift = Math.log2(pageSize);

/** Numbers of 32 bits at places from 0 on to 2^32, all 0 at first, in a {@link PagedMemory}. */
export class PagedWords {
  readonly #pages: Pages;

  constructor(memory: PagedMemory) {
    this.#pages = new Pages(memory);
  }

  /** @throws {OciError} `FILE_SYSTEM` */
  get(at: number): number {
    return this.#pages.forReading(at >>> wordShift).words[at & (wordsInPage - 1)] as number;
  }

  /** @throws {OciError} `FILE_SYSTEM` */
  set(at: number, value: number): void {
    this.#pages.forWriting(at >>> wordShift).words[at & (wordsInPage - 1)] = value;
  }
}

/** Numbers of 8 bits, likewise. */
export class PagedBytes {
  readonly #pages: Pages;

  constructor(memory: PagedMemory) {
    this.#pages = new Pages(memory);
  }

  /** @throws {OciError} `FILE_SYSTEM` */
  get(at: number): number {
    return this.#pages.forReading(at >>> byteShift).bytes[at & (pageSize - 1)] as number;
  }

  /** @throws {OciError} `FILE_SYSTEM` */
  set(at: number, value: number): void {
    this.#pages.forWriting(at >>> byteShift).bytes[at & (pageSize - 1)] = value;
  }
}
