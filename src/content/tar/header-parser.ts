import { messageOf, OciError, quoted } from '../../errors.ts';
import { blockSize, paddingOf, type TarHeader, type TarHeaderPart } from './entry.ts';
import { decodeHeader, hasValidChecksum, type HeaderExtensions, isZeroBlock, rawSizeOf, typeflagOf } from './header.ts';
import { parsePaxRecords } from './pax.ts';
import { isSparseExtended } from './sparse-map.ts';
import { decodeText } from './text.ts';

/** Largest data of one extension header, in bytes; Go's reader has the same bound. */
export const maxExtensionSize: number = 1024 * 1024;

/** Largest sum of the headers of one entry, in bytes: a chain of extension headers must not fill the memory. */
export const maxHeaderSize: number = 4 * maxExtensionSize;

/** Most global records: each entry that follows has them all, and real archives have one or two. */
const maxGlobalRecords = 1000;

export interface ParsedHeader {
  /** Absent at the end of the archive. */
  readonly header: TarHeader | undefined;
  /** All blocks read, extensions included; at the end what was read of the trailer. */
  readonly parts: readonly TarHeaderPart[];
  readonly trailer: readonly Uint8Array[];
}

/** Asks for a number of bytes and is given them, fewer only at the end of the archive. */
type Steps<T> = Generator<number, T, Uint8Array>;

/**
 * Reads headers without knowing where bytes come from: {@link next} yields how many it wants. Bytes that it is given are
 * kept, so they must not be overwritten. Between two headers the driver passes the body over with {@link passBody}.
 */
export class HeaderParser {
  /** Where the next wanted byte is in the archive. */
  offset = 0;
  readonly #globals = new Map<string, string>();
  #started = false;
  #last = '';

  *next(): Steps<ParsedHeader> {
    const start = this.offset;
    const parts: TarHeaderPart[] = [];
    // There are millions of entries, and most of them have none.
    let local: Map<string, string> | undefined;
    let longName: string | undefined;
    let longLink: string | undefined;
    for (;;) {
      const block = this.#block(yield blockSize);
      if (block === undefined || isZeroBlock(block)) return yield* this.#end(block, parts);
      this.#check(block);
      const flag = typeflagOf(block);
      const kind = extensionKinds[flag];
      if (kind === undefined) {
        const pax = merge(this.#globals, local);
        const sparseBlocks = flag === 'S' ? yield* this.#sparseBlocks(block, start) : nothing;
        parts.push({
          kind: 'entry',
          bytes: sparseBlocks.length === 0 ? block : Buffer.concat([block, ...sparseBlocks]),
        });
        const header = this.#decode(block, { pax, longName, longLink, sparseBlocks });
        this.#last = header.name;
        return { header, parts, trailer: nothing };
      }
      const { data, padded } = yield* this.#extension(block, start);
      parts.push({ kind, bytes: Buffer.concat([block, padded]) });
      if (kind === 'gnu-long-name') longName = textOf(data);
      else if (kind === 'gnu-long-link') longLink = textOf(data);
      else this.#addRecords(kind === 'pax' ? (local ??= new Map()) : this.#globals, data);
    }
  }

  /** Tells that the driver has gone over a body and its padding. */
  passBody(bytes: number): void {
    this.offset += bytes;
  }

  /** What is wrong, where. */
  fault(reason: string, cause?: unknown): OciError {
    const after = this.#last === '' ? '' : `, after the entry ${quoted(this.#last)}`;
    return new OciError('INVALID_ARCHIVE', `The tar archive is malformed at byte ${this.offset}${after}: ${reason}`, {
      cause,
    });
  }

  /** The archive ends inside something. */
  cut(what: string, missing: number): OciError {
    return new OciError('INVALID_ARCHIVE', `The tar archive is cut short at byte ${this.offset}, in ${what}`, {
      hint: `At least ${missing} more bytes are missing; fetch or write the archive again`,
    });
  }

  #block(block: Uint8Array): Uint8Array | undefined {
    if (block.length === 0) return undefined;
    if (block.length < blockSize) {
      if (!this.#started) throw notTar(block);
      this.offset += block.length;
      const after = this.#last === '' ? 'its first header' : `a header after the entry ${quoted(this.#last)}`;
      throw this.cut(after, blockSize - block.length);
    }
    this.offset += blockSize;
    return block;
  }

  /** Two zero blocks end an archive; so does the end of the file, which Go's and GNU's readers take as well. */
  *#end(first: Uint8Array | undefined, parts: readonly TarHeaderPart[]): Steps<ParsedHeader> {
    const last = parts.at(-1)?.kind;
    if (last !== undefined && last !== 'pax-global') throw this.fault('an extension header has no entry after it');
    if (first === undefined) return { header: undefined, parts, trailer: [] };
    const second = yield blockSize;
    this.offset += second.length;
    if (second.length === blockSize && !isZeroBlock(second)) {
      this.offset -= 2 * blockSize;
      throw this.fault('a single block of zeros stands between entries');
    }
    return { header: undefined, parts, trailer: [first, second] };
  }

  #check(block: Uint8Array): void {
    if (hasValidChecksum(block)) {
      this.#started = true;
      return;
    }
    if (!this.#started) throw notTar(block);
    this.offset -= blockSize;
    throw this.fault('the checksum of the header is wrong');
  }

  *#extension(block: Uint8Array, start: number): Steps<{ readonly data: Uint8Array; readonly padded: Uint8Array }> {
    const size = this.#located(() => rawSizeOf(block));
    if (size > maxExtensionSize) {
      throw this.fault(`an extension header has ${size} bytes, the limit is ${maxExtensionSize}`);
    }
    const wanted = size + paddingOf(size);
    const padded = yield wanted;
    this.offset += padded.length;
    if (padded.length < wanted) throw this.cut('an extension header', wanted - padded.length);
    this.#bound(start);
    return { data: padded.subarray(0, size), padded };
  }

  *#sparseBlocks(header: Uint8Array, start: number): Steps<readonly Uint8Array[]> {
    const blocks: Uint8Array[] = [];
    for (let more = isSparseExtended(header, true); more;) {
      const block = yield blockSize;
      this.offset += block.length;
      if (block.length < blockSize) throw this.cut('a map of a sparse file', blockSize - block.length);
      this.#bound(start);
      blocks.push(block);
      more = isSparseExtended(block, false);
    }
    return blocks;
  }

  #bound(start: number): void {
    if (this.offset - start > maxHeaderSize) {
      throw this.fault(`the headers of one entry have more than ${maxHeaderSize} bytes`);
    }
  }

  #decode(block: Uint8Array, extensions: HeaderExtensions): TarHeader {
    return this.#located(() => decodeHeader(block, extensions));
  }

  #addRecords(records: Map<string, string>, data: Uint8Array): void {
    for (const [key, value] of this.#located(() => parsePaxRecords(data))) records.set(key, value);
    if (this.#globals.size > maxGlobalRecords) {
      throw this.fault(`there are more than ${maxGlobalRecords} global PAX records`);
    }
  }

  #located<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw this.fault(messageOf(cause), cause);
    }
  }
}

const extensionKinds: Readonly<Record<string, Exclude<TarHeaderPart['kind'], 'entry'> | undefined>> = {
  x: 'pax',
  // Solaris wrote its own letter for the same thing.
  X: 'pax',
  g: 'pax-global',
  L: 'gnu-long-name',
  K: 'gnu-long-link',
};

/** Local records win over global ones; an empty value takes a record away. POSIX pax, "pax Extended Header". */
function merge(
  globals: ReadonlyMap<string, string>,
  local: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> {
  if (globals.size === 0 && local === undefined) return noRecords;
  const merged = new Map([...globals, ...(local ?? noRecords)]);
  for (const [key, value] of merged) if (value === '') merged.delete(key);
  return merged;
}

const noRecords: ReadonlyMap<string, string> = new Map();
const nothing: readonly Uint8Array[] = [];

function textOf(data: Uint8Array): string {
  const end = data.indexOf(0);
  return decodeText(end < 0 ? data : data.subarray(0, end));
}

function notTar(block: Uint8Array): OciError {
  const seen = Buffer.from(block.subarray(0, 16)).toString('hex');
  return new OciError('INVALID_ARCHIVE', `The data is not a tar archive: it starts with the bytes ${seen}`, {
    hint: hints.find(([magic]) => seen.startsWith(magic))?.[1],
  });
}

const hints: readonly (readonly [magic: string, hint: string])[] = [
  ['1f8b', 'It is gzip-compressed where a plain tar is expected'],
  ['28b52ffd', 'It is zstd-compressed where a plain tar is expected'],
  ['425a68', 'It is bzip2-compressed; decompress it first'],
  ['fd377a585a00', 'It is xz-compressed; decompress it first'],
  ['504b0304', 'It is a zip archive; unpack it first'],
];
