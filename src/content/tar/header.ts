import { OciError, quoted } from '../../errors.ts';
import { blockSize, type TarEntryType, type TarFormat, type TarHeader, type TarTime } from './entry.ts';
import { checksums, type Field, fields, numberField, textField } from './field.ts';
import { parsePaxTime } from './pax.ts';
import { oldGnuSparse, paxSparse } from './sparse-map.ts';
import { decodeText } from './text.ts';

/** What extension headers said before the header that they belong to. */
export interface HeaderExtensions {
  /** Global and local records together, the empty ones taken out. */
  readonly pax: ReadonlyMap<string, string>;
  readonly longName?: string | undefined;
  readonly longLink?: string | undefined;
  /** Blocks that follow an old GNU sparse header and hold more of its map. */
  readonly sparseBlocks?: readonly Uint8Array[] | undefined;
}

/** Whether a block's checksum is right, in either reading of its bytes. */
export function hasValidChecksum(block: Uint8Array): boolean {
  const stated = numberField(block, fields.checksum);
  const { unsigned, signed } = checksums(block);
  return stated === unsigned || stated === signed;
}

export function isZeroBlock(block: Uint8Array): boolean {
  if (block[0] !== 0 || block.length !== blockSize) return false;
  return block.every((byte) => byte === 0);
}

/** The type byte as a character. */
export function typeflagOf(block: Uint8Array): string {
  return String.fromCharCode(block[fields.typeflag[0]] ?? 0);
}

/** The size field alone, without extensions: how long an extension header's own data is. */
export function rawSizeOf(block: Uint8Array): number {
  return readNumber(block, fields.size, 'size');
}

/**
 * Decodes the header that describes an entry.
 *
 * @throws {OciError} `INVALID_ARCHIVE` when a number is none; the message is a clause to be put after what was read
 */
export function decodeHeader(block: Uint8Array, extensions: HeaderExtensions): TarHeader {
  const { pax } = extensions;
  const format = formatOf(block, pax);
  const sparseName = pax.get('GNU.sparse.name');
  const name = extensions.longName ?? sparseName ?? pax.get('path') ?? nameOf(block, format);
  const flag = typeflagOf(block);
  const typeflag = flag === '\0' ? (name.endsWith('/') ? '5' : '0') : flag;
  const type = types[typeflag] ?? 'unknown';
  const extended = format !== 'v7';
  const stored = paxNumber(pax, 'size') ?? rawSizeOf(block);
  return {
    name,
    type,
    typeflag,
    linkname: extensions.longLink ?? pax.get('linkpath') ?? textOf(block, fields.linkname),
    mode: readNumber(block, fields.mode, 'mode'),
    uid: paxNumber(pax, 'uid') ?? readNumber(block, fields.uid, 'uid'),
    gid: paxNumber(pax, 'gid') ?? readNumber(block, fields.gid, 'gid'),
    uname: pax.get('uname') ?? (extended ? textOf(block, fields.uname) : ''),
    gname: pax.get('gname') ?? (extended ? textOf(block, fields.gname) : ''),
    // Links and the like have no body whatever their size field says, as GNU tar and Go read them.
    size: bodiless.has(type) ? 0 : stored,
    mtime: timeOf(block, pax),
    devmajor: extended ? readNumber(block, fields.devmajor, 'devmajor') : 0,
    devminor: extended ? readNumber(block, fields.devminor, 'devminor') : 0,
    pax,
    sparse: typeflag === 'S' ? oldGnuSparse(block, extensions.sparseBlocks ?? []) : paxSparse(pax),
    format,
  };
}

const types: Readonly<Record<string, TarEntryType | undefined>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
};

const bodiless: ReadonlySet<TarEntryType> = new Set([
  'hardlink',
  'symlink',
  'character-device',
  'block-device',
  'directory',
  'fifo',
]);

function formatOf(block: Uint8Array, pax: ReadonlyMap<string, string>): TarFormat {
  if (!startsWith(block, ustarMagic)) return 'v7';
  if (startsWith(block, gnuMagic)) return 'gnu';
  return pax.size > 0 ? 'pax' : 'ustar';
}

const ustarMagic = Buffer.from('ustar');
/** It goes on into the field of the version. */
const gnuMagic = Buffer.from('ustar  \0');

function startsWith(block: Uint8Array, magic: Uint8Array): boolean {
  for (let i = 0; i < magic.length; i++) if (block[fields.magic[0] + i] !== magic[i]) return false;
  return true;
}

function nameOf(block: Uint8Array, format: TarFormat): string {
  const name = textOf(block, fields.name);
  // GNU's header has times where POSIX has the prefix.
  if (format === 'gnu' || format === 'v7') return name;
  const prefix = textOf(block, isStar(block) ? starPrefix : fields.prefix);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Most fields are empty, and there are millions of them: views are made for the others only. */
function textOf(block: Uint8Array, field: Field): string {
  return block[field[0]] === 0 ? '' : decodeText(textField(block, field));
}

/** Schily's star marks its header at the end and keeps times behind a shorter prefix. */
function isStar(block: Uint8Array): boolean {
  return block[508] === 0x74 && block[509] === 0x61 && block[510] === 0x72 && block[511] === 0;
}

const starPrefix: Field = [fields.prefix[0], fields.prefix[0] + 131];

function timeOf(block: Uint8Array, pax: ReadonlyMap<string, string>): TarTime {
  const text = pax.get('mtime');
  if (text === undefined) return { seconds: readNumber(block, fields.mtime, 'mtime', true), nanoseconds: 0 };
  const time = parsePaxTime(text);
  if (time === undefined) throw new OciError('INVALID_ARCHIVE', `the PAX record mtime=${quoted(text)} is no time`);
  return time;
}

function readNumber(block: Uint8Array, field: Field, name: string, mayBeNegative = false): number {
  const value = numberField(block, field);
  if (value !== undefined && (value >= 0 || mayBeNegative || (name !== 'size' && value >= -0x8000_0000))) return value;
  const shown = decodeText(block.subarray(...field));
  throw new OciError('INVALID_ARCHIVE', `the field ${name} is no number of its range: ${quoted(shown)}`);
}

function paxNumber(pax: ReadonlyMap<string, string>, key: string): number | undefined {
  const text = pax.get(key);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new OciError('INVALID_ARCHIVE', `the PAX record ${key}=${quoted(text)} is no number of its range`);
}
