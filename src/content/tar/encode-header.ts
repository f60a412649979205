import { OciError, quoted } from '../../errors.ts';
import { blockSize, paddingOf, type TarEntryType, type TarHeader, type TarTime } from './entry.ts';
import { checksums, type Field, fields } from './field.ts';
import { maxExtensionSize } from './header-parser.ts';
import { formatPaxRecords, formatPaxTime, parsePaxTime } from './pax.ts';

/** What a header is made from; everything left out is zero or empty. */
export interface TarFields {
  readonly name: string;
  /** @default 'file', or 'directory' when the name ends in a slash */
  readonly type?: Exclude<TarEntryType, 'unknown'> | undefined;
  readonly linkname?: string | undefined;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly uname?: string | undefined;
  readonly gname?: string | undefined;
  /** Bytes of the body. */
  readonly size?: number | undefined;
  readonly mtime?: TarTime | undefined;
  readonly devmajor?: number | undefined;
  readonly devminor?: number | undefined;
  /** Further records, e.g. `SCHILY.xattr.*`; keys that the fields above stand for are left to them. */
  readonly pax?: ReadonlyMap<string, string> | undefined;
}

export interface EncodeTarHeaderOptions {
  /**
   * `'auto'` rounds times to whole seconds, as Go's writer does when no format was chosen; `'pax'` keeps their fraction, `'all'`
   * as well the times of access and change that `pax` has, as Go's writer does when that format was chosen.
   *
   * @default 'auto'
   */
  readonly times?: 'auto' | 'pax' | 'all' | undefined;
}

/**
 * The header blocks of an entry, byte for byte as Go's archive/tar writes them: ustar when everything fits, else a PAX
 * header before. crane-library reference, section 12.5.
 *
 * @throws {OciError} `UNSUPPORTED` when neither format can hold a value
 */
export function encodeTarHeader(entry: TarFields, options: EncodeTarHeaderOptions = {}): Uint8Array {
  const full = complete(entry, options.times ?? 'auto');
  checkName(full);
  const { records, fitsUstar } = paxRecordsFor(full, options.times ?? 'auto');
  if (fitsUstar) {
    const split = splitName(full.name);
    return entryBlock({ ...full, name: split?.name ?? full.name }, split?.prefix ?? '');
  }
  const block = entryBlock({ ...full, name: toAscii(full.name), linkname: toAscii(full.linkname) }, '');
  return records.size === 0 ? block : Buffer.concat([paxHeader(full.name, records), block]);
}

/** The blocks of a header whose records hold for all entries that follow, as Go's archive/tar writes them. */
export function encodeGlobalHeader(name: string, records: ReadonlyMap<string, string>): Uint8Array {
  return extension(name, 'g', records);
}

/** The fields of a header that was read, to write it changed. */
export function tarFieldsOf(header: TarHeader): TarFields {
  const { name, type, linkname, mode, uid, gid, uname, gname, size, mtime, devmajor, devminor, pax } = header;
  if (type === 'unknown')
    throw new OciError('UNSUPPORTED', `The entry ${quoted(name)} has the unknown type ${quoted(header.typeflag)}`);
  return { name, type, linkname, mode, uid, gid, uname, gname, size, mtime, devmajor, devminor, pax };
}

type Times = Exclude<EncodeTarHeaderOptions['times'], undefined>;

type Complete = { readonly [K in keyof TarFields]-?: Exclude<TarFields[K], undefined> };

function complete(entry: TarFields, times: Times): Complete {
  const mtime = entry.mtime ?? { seconds: 0, nanoseconds: 0 };
  return {
    name: entry.name,
    type: entry.type ?? (entry.name.endsWith('/') ? 'directory' : 'file'),
    linkname: entry.linkname ?? '',
    mode: entry.mode ?? 0,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    uname: entry.uname ?? '',
    gname: entry.gname ?? '',
    size: entry.size ?? 0,
    mtime: times === 'auto' ? rounded(mtime) : mtime,
    devmajor: entry.devmajor ?? 0,
    devminor: entry.devminor ?? 0,
    pax: entry.pax ?? new Map(),
  };
}

function rounded({ seconds, nanoseconds }: TarTime): TarTime {
  return { seconds: nanoseconds >= 500_000_000 ? seconds + 1 : seconds, nanoseconds: 0 };
}

function checkName({ name, type, linkname }: Complete): void {
  const wrong = name.includes('\0') || linkname.includes('\0');
  const slashed = name.endsWith('/') && type !== 'directory' && type !== 'symlink' && type !== 'hardlink';
  if (!wrong && !slashed) return;
  throw new OciError(
    'UNSUPPORTED',
    `The entry ${quoted(name)} cannot be written to a tar archive: ${wrong ? 'its name or link has a NUL' : 'only a directory ends in a slash'}`,
  );
}

/** Which values ustar cannot hold, as records. Once one cannot, a long name that could be split is recorded as well. */
function paxRecordsFor(
  full: Complete,
  times: Times,
): { readonly records: ReadonlyMap<string, string>; readonly fitsUstar: boolean } {
  const records = new Map<string, string>();
  let fitsUstar = true;
  for (const [key, value, [start, end]] of texts(full)) {
    const given = full.pax.get(key);
    if (given === value) records.set(key, value);
    if (isAscii(value) && value.length <= end - start) continue;
    records.set(key, value);
    if (key !== 'path' || splitName(value) === undefined) fitsUstar = false;
  }
  for (const [key, value, field] of numbers(full)) {
    if (key !== '' && full.pax.get(key) === String(value)) records.set(key, String(value));
    if (fitsOctal(value, field)) continue;
    if (key === '')
      throw new OciError('UNSUPPORTED', `The entry ${quoted(full.name)} has a value no tar header holds: ${value}`);
    records.set(key, String(value));
    fitsUstar = false;
  }
  const time = formatPaxTime(full.mtime);
  if (!fitsOctal(full.mtime.seconds, fields.mtime) || full.mtime.nanoseconds !== 0) {
    records.set('mtime', time);
    fitsUstar = false;
  } else if (full.pax.get('mtime') === time) records.set('mtime', time);
  for (const key of times === 'all' ? ['atime', 'ctime'] : []) {
    const other = parsePaxTime(full.pax.get(key) ?? '');
    if (other !== undefined) records.set(key, formatPaxTime(other));
  }
  for (const [key, value] of full.pax) {
    if (records.has(key) || recordsOfFields.has(key) || key.startsWith('GNU.sparse.')) continue;
    records.set(key, value);
  }
  return { records, fitsUstar: fitsUstar && full.pax.size === 0 };
}

/** Records that the fields of an entry stand for. */
export const recordsOfFields: ReadonlySet<string> = new Set([
  'path',
  'linkpath',
  'size',
  'uid',
  'gid',
  'uname',
  'gname',
  'mtime',
  'atime',
  'ctime',
]);

function texts({ name, linkname, uname, gname }: Complete): readonly (readonly [string, string, Field])[] {
  return [
    ['path', name, fields.name],
    ['linkpath', linkname, fields.linkname],
    ['uname', uname, fields.uname],
    ['gname', gname, fields.gname],
  ];
}

function numbers(full: Complete): readonly (readonly [string, number, Field])[] {
  return [
    ['', full.mode, fields.mode],
    ['uid', full.uid, fields.uid],
    ['gid', full.gid, fields.gid],
    ['size', full.size, fields.size],
    ['', full.devmajor, fields.devmajor],
    ['', full.devminor, fields.devminor],
  ];
}

/** Go's split of a long name: the longest prefix that leaves a name. */
function splitName(name: string): { readonly prefix: string; readonly name: string } | undefined {
  if (name.length <= 100 || !isAscii(name)) return undefined;
  let length = name.length;
  if (length > 156) length = 156;
  else if (name.endsWith('/')) length--;
  const slash = name.lastIndexOf('/', length - 1);
  const rest = name.length - slash - 1;
  if (slash <= 0 || rest > 100 || rest === 0 || slash > 155) return undefined;
  return { prefix: name.slice(0, slash), name: name.slice(slash + 1) };
}

function paxHeader(realName: string, records: ReadonlyMap<string, string>): Uint8Array {
  const slash = realName.lastIndexOf('/') + 1;
  const path = joinPath(realName.slice(0, slash), 'PaxHeaders.0', realName.slice(slash));
  return extension(path, 'x', records, realName);
}

function extension(
  path: string,
  typeflag: 'x' | 'g',
  records: ReadonlyMap<string, string>,
  entry: string = path,
): Uint8Array {
  const data = formatPaxRecords(records);
  if (data.length > maxExtensionSize) {
    throw new OciError(
      'UNSUPPORTED',
      `The PAX records of the entry ${quoted(entry)} are longer than ${maxExtensionSize} bytes`,
    );
  }
  const name = toAscii(path).slice(0, 100).replace(/\/+$/, '');
  const block = headerBlock({ name, typeflag, size: data.length });
  return Buffer.concat([block, data, Buffer.alloc(paddingOf(data.length))]);
}

/** Go's path.Join: empty parts, `.`, `..` and doubled slashes are resolved. */
function joinPath(...parts: readonly string[]): string {
  const whole = parts.filter((part) => part !== '').join('/');
  const rooted = whole.startsWith('/');
  const kept: string[] = [];
  for (const part of whole.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!rooted) kept.push(part);
  }
  return (rooted ? '/' : '') + kept.join('/');
}

function entryBlock(full: Complete, prefix: string): Uint8Array {
  const block = emptyBlock();
  putText(block, fields.linkname, full.linkname);
  putText(block, fields.uname, toAscii(full.uname));
  putText(block, fields.gname, toAscii(full.gname));
  putText(block, fields.prefix, prefix);
  for (const [, value, field] of numbers(full)) putOctal(block, field, value);
  putOctal(block, fields.mtime, full.mtime.seconds);
  return finish(block, full.name, typeflags[full.type]);
}

function headerBlock({ name, typeflag, size }: { name: string; typeflag: string; size: number }): Uint8Array {
  const block = emptyBlock();
  for (const field of [fields.mode, fields.uid, fields.gid, fields.mtime]) putOctal(block, field, 0);
  putOctal(block, fields.size, size);
  return finish(block, name, typeflag);
}

/** Of the memory that small buffers share: for millions of headers that is faster and leaves less garbage. */
function emptyBlock(): Buffer {
  return Buffer.allocUnsafe(blockSize).fill(0);
}

function finish(block: Buffer, name: string, typeflag: string): Uint8Array {
  putText(block, fields.name, name);
  putText(block, fields.typeflag, typeflag);
  block.write('ustar\x0000', fields.magic[0], 'latin1');
  const [start] = fields.checksum;
  putOctal(block, [start, start + 7], checksums(block).unsigned);
  block[start + 7] = 0x20;
  return block;
}

const typeflags: Readonly<Record<Exclude<TarEntryType, 'unknown'>, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

function putText(block: Buffer, [start, end]: Field, text: string): void {
  const length = end - start;
  block.write(text.slice(0, length), start, 'latin1');
  // Readers that ignore PAX take a name cut behind a slash for a directory's; Go's writer cuts before the slash.
  if (text.length > length && text[length - 1] === '/') {
    block[start + text.slice(0, length - 1).replace(/\/+$/, '').length] = 0;
  }
}

function putOctal(block: Buffer, field: Field, value: number): void {
  const digits = fitsOctal(value, field) ? value.toString(8) : '0';
  putText(block, field, digits.padStart(field[1] - field[0] - 1, '0'));
}

function fitsOctal(value: number, [start, end]: Field): boolean {
  return value >= 0 && value < 8 ** (end - start - 1);
}

function isAscii(text: string): boolean {
  return !notAscii.test(text);
}

function toAscii(text: string): string {
  return isAscii(text) ? text : text.replaceAll(notAsciiAnywhere, '');
}

// Go counts NUL as not ASCII here.
const notAscii = /[\0\x80-\u{10ffff}]/u;
const notAsciiAnywhere = /[\0\x80-\u{10ffff}]/gu;
