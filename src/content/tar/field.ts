import { blockSize } from './entry.ts';

/** Places of the fields in a header block: start and end. POSIX pax, "ustar Interchange Format". */
export const fields = {
  name: [0, 100],
  mode: [100, 108],
  uid: [108, 116],
  gid: [116, 124],
  size: [124, 136],
  mtime: [136, 148],
  checksum: [148, 156],
  typeflag: [156, 157],
  linkname: [157, 257],
  magic: [257, 263],
  version: [263, 265],
  uname: [265, 297],
  gname: [297, 329],
  devmajor: [329, 337],
  devminor: [337, 345],
  prefix: [345, 500],
} as const;

export type Field = readonly [start: number, end: number];

/** Bytes up to the first NUL. */
export function textField(block: Uint8Array, [start, end]: Field): Uint8Array {
  let at = start;
  while (at < end && block[at] !== 0) at++;
  return block.subarray(start, at);
}

/**
 * A number in octal digits or, with the high bit of the first byte set, in GNU's base 256.
 *
 * @returns `undefined` when it is neither or does not fit in 53 bits
 */
export function numberField(block: Uint8Array, field: Field): number | undefined {
  return ((block[field[0]] ?? 0) & 0x80) === 0 ? octal(block, field) : base256(block, field);
}

/** Sum of all bytes with the checksum field taken as spaces, and the same with signed bytes, which old tools wrote. */
export function checksums(block: Uint8Array): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 8 * 0x20;
  let high = 0;
  const [start, end] = fields.checksum;
  for (let i = 0; i < start; i++) {
    const byte = block[i] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  for (let i = end; i < blockSize; i++) {
    const byte = block[i] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  return { unsigned, signed: unsigned - 256 * high };
}

function octal(block: Uint8Array, [start, end]: Field): number | undefined {
  let from = start;
  let to = end;
  while (from < to && isBlank(block[from])) from++;
  while (to > from && isBlank(block[to - 1])) to--;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = (block[i] as number) - 0x30;
    // Some writers end the digits with a NUL and leave what was behind it.
    if (block[i] === 0) break;
    if (digit < 0 || digit > 7) return undefined;
    value = value * 8 + digit;
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

/** Two's complement over all bits after the marker bit. */
function base256(block: Uint8Array, [start, end]: Field): number | undefined {
  const first = block[start] as number;
  const negative = (first & 0x40) !== 0;
  const invert = negative ? 0xff : 0;
  let value = (first ^ invert) & 0x7f;
  for (let i = start + 1; i < end; i++) {
    value = value * 256 + ((block[i] as number) ^ invert);
    if (!Number.isSafeInteger(value)) return undefined;
  }
  return negative ? -value - 1 : value;
}
