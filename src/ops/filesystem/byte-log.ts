import { OciError } from '../../errors.ts';

/** Entries of real images take 20 to 60 bytes, but a name may have a million: six thousand of them would fill 4 GiB. */
const usualLength = 512 * 1024 * 1024;

/** Bytes that are only appended, and read again by their place: what would be millions of small objects otherwise. */
export class ByteLog {
  readonly #maxLength: number;
  #bytes: Uint8Array = new Uint8Array(256);
  #length = 0;

  /** @param maxLength in bytes, below 2^32: offsets are kept in 32 bits */
  constructor(maxLength: number = usualLength) {
    this.#maxLength = maxLength;
  }

  get length(): number {
    return this.#length;
  }

  /** What has been written, as a view that is good until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** A whole number from 0 to 2^53, seven bits to a byte. */
  number(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
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
    // Names are short: a loop is faster than a view and a call.
    for (let at = start; at < end; at++) this.#bytes[this.#length++] = bytes[at] as number;
  }

  #reserve(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#bytes.length) return;
    if (wanted > this.#maxLength) throw tooLong(this.#maxLength);
    const grown = new Uint8Array(Math.min(this.#maxLength, Math.max(wanted, 2 * this.#bytes.length)));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function tooLong(maxLength: number): OciError {
  return new OciError('LIMIT_EXCEEDED', `The names in the layers take more than ${maxLength} bytes of memory`, {
    hint: 'No real image has such names; find out who made it',
  });
}

/** Reads what a {@link ByteLog} holds. */
export class ByteLogReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(log: ByteLog, at: number = 0) {
    this.#bytes = log.bytes;
    this.at = at;
  }

  number(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.#bytes[this.at++] as number;
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

  /** A view. */
  text(): Uint8Array {
    const length = this.number();
    const start = this.at;
    this.at += length;
    return this.#bytes.subarray(start, this.at);
  }
}
