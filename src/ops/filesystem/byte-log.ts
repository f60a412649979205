import { OciError } from '../../errors.ts';
import { type PagedMemory, Pages, pageSize } from './paged-memory.ts';

/** Entries of real images take 20 to 60 bytes, but a name may have a million: six thousand of them would fill 4 GiB. */
const usualLength = 512 * 1024 * 1024;

const shift = Math.log2(pageSize);
const mask = pageSize - 1;

/** Bytes that are only appended, and read again by their place: what would be millions of small objects otherwise. */
export class ByteLog {
  readonly #pages: Pages;
  readonly #maxLength: number;
  #length = 0;

  /** @param maxLength in bytes, below 2^32: offsets are kept in 32 bits */
  constructor(memory: PagedMemory, maxLength: number = usualLength) {
    this.#pages = new Pages(memory);
    this.#maxLength = maxLength;
  }

  get length(): number {
    return this.#length;
  }

  byteAt(at: number): number {
    return this.#pages.forReading(at >>> shift).bytes[at & mask] as number;
  }

  /** A whole number from 0 to 2^53, seven bits to a byte. */
  number(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#add((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#add(rest);
  }

  /** A number that may be negative: its sign, then its amount. */
  signed(value: number): void {
    this.number(value < 0 ? 1 : 0);
    this.number(Math.abs(value));
  }

  /** Bytes with their length before them. */
  text(bytes: Uint8Array, start: number = 0, end: number = bytes.length): void {
    this.number(end - start);
    this.#reserve(end - start);
    for (let at = start; at < end;) {
      const frame = this.#pages.forWriting(this.#length >>> shift).bytes;
      const place = this.#length & mask;
      const count = Math.min(end - at, pageSize - place);
      // Names are short: a loop is faster than a view and a call.
      for (let i = 0; i < count; i++) frame[place + i] = bytes[at + i] as number;
      at += count;
      this.#length += count;
    }
  }

  /** Copies bytes to a place in `target`. */
  copy(start: number, end: number, target: Uint8Array, targetStart: number): void {
    for (let at = start, to = targetStart; at < end;) {
      const frame = this.#pages.forReading(at >>> shift).bytes;
      const place = at & mask;
      const count = Math.min(end - at, pageSize - place);
      for (let i = 0; i < count; i++) target[to + i] = frame[place + i] as number;
      at += count;
      to += count;
    }
  }

  /** Whether the bytes from a place on are those. */
  has(start: number, bytes: Uint8Array, from: number, to: number): boolean {
    for (let at = start, of = from; of < to;) {
      const frame = this.#pages.forReading(at >>> shift).bytes;
      const place = at & mask;
      const count = Math.min(to - of, pageSize - place);
      for (let i = 0; i < count; i++) if (frame[place + i] !== bytes[of + i]) return false;
      at += count;
      of += count;
    }
    return true;
  }

  /** Gives its room back; then it is empty. */
  clear(): void {
    this.#pages.clear();
    this.#length = 0;
  }

  #add(byte: number): void {
    this.#pages.forWriting(this.#length >>> shift).bytes[this.#length & mask] = byte;
    this.#length++;
  }

  #reserve(count: number): void {
    if (this.#length + count > this.#maxLength) throw tooLong(this.#maxLength);
  }
}

function tooLong(maxLength: number): OciError {
  return new OciError('LIMIT_EXCEEDED', `The names in the layers take more than ${maxLength} bytes`, {
    hint: 'No real image has such names; find out who made it',
  });
}

/** Reads what a {@link ByteLog} holds. */
export class ByteLogReader {
  readonly #log: ByteLog;
  at: number;

  constructor(log: ByteLog, at: number = 0) {
    this.#log = log;
    this.at = at;
  }

  number(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.#log.byteAt(this.at++);
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
  }

  signed(): number {
    const negative = this.number() === 1;
    const amount = this.number();
    return negative ? -amount : amount;
  }

  /** A copy. */
  text(): Uint8Array {
    const text = new Uint8Array(this.number());
    this.textInto(text, text.length, 0);
    return text;
  }

  /** Copies the next `length` bytes, which a number before them told. */
  textInto(target: Uint8Array, length: number, start: number): void {
    this.#log.copy(this.at, this.at + length, target, start);
    this.at += length;
  }
}
