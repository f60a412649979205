import { SwapFile } from './swap-file.ts';

/** Bits of a place within a page. Larger pages cost more where places are read in no order, smaller ones where they are. */
const pageBits = 14;
export const pageSize: number = 2 ** pageBits;

/** Memory is asked for in pieces of this size, in bytes. */
const slabSize = 1024 * 1024;

/** Enough for a hundred thousand entries, while all else takes 100 to 130 MB of the 150 that we allow ourselves. */
const usualSize = 12 * 1024 * 1024;

/** Memory for one page, and which page is in it. */
export interface Frame {
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly words: Uint32Array;
  owner: Pages | undefined;
  page: number;
  /** Since the last time a frame was looked for. */
  isUsed: boolean;
  /** Since the page was read. */
  isChanged: boolean;
}

export interface PagedMemoryOptions {
  /** In bytes. @default 12 MiB */
  readonly size?: number | undefined;
  /** Where the file is made. It has to exist. @default the system's directory for temporary files */
  readonly directory?: string | undefined;
}

/**
 * Memory of a fixed size for any number of {@link Pages}. Those for which there is no room lie in a temporary file, which is
 * made when the first one goes there. What is used again and again stays: the second-chance algorithm.
 */
export class PagedMemory implements Disposable {
  readonly swap: SwapFile;
  readonly #maxFrames: number;
  readonly #frames: Frame[] = [];
  readonly #free: Frame[] = [];
  #hand = 0;

  constructor({ size = usualSize, directory }: PagedMemoryOptions = {}) {
    this.#maxFrames = Math.max(2, Math.floor(size / pageSize));
    this.swap = new SwapFile(directory, pageSize);
  }

  /** A frame that is free from now on; what is in it is anything. @throws {OciError} `FILE_SYSTEM` */
  take(): Frame {
    if (this.#free.length === 0 && this.#frames.length < this.#maxFrames) this.#enlarge();
    return this.#free.pop() ?? this.#evict();
  }

  giveBack(frame: Frame): void {
    frame.owner = undefined;
    this.#free.push(frame);
  }

  /** Gives the file back. Nothing in this memory can be used any more. */
  [Symbol.dispose](): void {
    this.swap[Symbol.dispose]();
  }

  #enlarge(): void {
    const count = Math.min(slabSize / pageSize, this.#maxFrames - this.#frames.length);
    const slab = new ArrayBuffer(count * pageSize);
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(slab, i * pageSize, pageSize);
      const words = new Uint32Array(slab, i * pageSize, pageSize / 4);
      const frame = { bytes, words, owner: undefined, page: 0, isUsed: false, isChanged: false };
      this.#frames.push(frame);
      this.#free.push(frame);
    }
  }

  #evict(): Frame {
    for (;;) {
      const frame = this.#frames[this.#hand] as Frame;
      this.#hand = (this.#hand + 1) % this.#frames.length;
      if (frame.isUsed) frame.isUsed = false;
      else {
        frame.owner?.evict(frame);
        return frame;
      }
    }
  }
}

/**
 * Pages from 0 on, all zeros at first. A frame that was asked for is good until the next one is asked for, of whichever pages
 * of the same memory.
 */
export class Pages {
  readonly #memory: PagedMemory;
  readonly #frames: (Frame | undefined)[] = [];
  /** Places in the file; -1 for pages that never were there. */
  readonly #places: number[] = [];

  constructor(memory: PagedMemory) {
    this.#memory = memory;
  }

  /** A page that is only read. @throws {OciError} `FILE_SYSTEM` */
  forReading(page: number): Frame {
    const frame = this.#frames[page] ?? this.#load(page);
    frame.isUsed = true;
    return frame;
  }

  /** @throws {OciError} `FILE_SYSTEM` */
  forWriting(page: number): Frame {
    const frame = this.#frames[page] ?? this.#loadForWriting(page);
    frame.isUsed = true;
    frame.isChanged = true;
    return frame;
  }

  /** For the memory. @throws {OciError} `FILE_SYSTEM` */
  evict({ bytes, page, isChanged }: Frame): void {
    if (isChanged) {
      if (this.#places[page] === -1) this.#places[page] = this.#memory.swap.allocate();
      this.#memory.swap.write(this.#places[page] as number, bytes);
    }
    this.#frames[page] = undefined;
  }

  /** Gives everything back: all zeros again. */
  clear(): void {
    for (const frame of this.#frames) if (frame !== undefined) this.#memory.giveBack(frame);
    for (const place of this.#places) if (place !== -1) this.#memory.swap.free(place);
    this.#frames.length = 0;
    this.#places.length = 0;
  }

  /** Pages that were never written take no room. */
  #load(page: number): Frame {
    return (this.#places[page] ?? -1) === -1 ? zeros : this.#loadForWriting(page);
  }

  #loadForWriting(page: number): Frame {
    while (this.#frames.length <= page) {
      this.#frames.push(undefined);
      this.#places.push(-1);
    }
    const frame = this.#memory.take();
    const place = this.#places[page] as number;
    if (place === -1) frame.words.fill(0);
    else this.#memory.swap.read(place, frame.bytes);
    frame.owner = this;
    frame.page = page;
    frame.isChanged = false;
    this.#frames[page] = frame;
    return frame;
  }
}

const zeros: Frame = {
  bytes: new Uint8Array(pageSize),
  words: new Uint32Array(pageSize / 4),
  owner: undefined,
  page: 0,
  isUsed: false,
  isChanged: false,
};
