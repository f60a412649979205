import { OciError, quoted } from '../../errors.ts';
import type { TarTime } from './entry.ts';
import { decodeText, encodeText } from './text.ts';

/**
 * Reads the records of a PAX extended header: `LENGTH KEY=VALUE\n` each, the length counting all of it. An empty value is
 * kept: it takes a global record back. POSIX pax, "pax Extended Header".
 *
 * @throws {OciError} `INVALID_ARCHIVE`
 */
export function parsePaxRecords(data: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  const sparse: string[] = [];
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const length = recordLength(data, at, space);
    const end = at + length;
    // Without a length the end would be the start, and the reading go on for ever.
    if (length === 0 || end <= space + 1 || end > data.length || data[end - 1] !== 0x0a) throw malformed(data, at);
    const equals = data.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end - 1 || equals === space + 1) throw malformed(data, at);
    const key = decodeText(data.subarray(space + 1, equals));
    const value = decodeText(data.subarray(equals + 1, end - 1));
    if (key.includes('\0') || (names.has(key) && value.includes('\0'))) throw malformed(data, at);
    // Version 0.0 of GNU's sparse format repeats these two keys, against POSIX; later versions write one list.
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') sparse.push(value);
    else records.set(key, value);
    at = end;
  }
  if (sparse.length > 0) records.set('GNU.sparse.map', sparse.join(','));
  return records;
}

/** What some readers would cut at a NUL byte and others not, so that they see different files. Go refuses it as well. */
const names: ReadonlySet<string> = new Set(['path', 'linkpath', 'uname', 'gname']);

/** Writes records as Go's archive/tar does: sorted by the bytes of their keys. */
export function formatPaxRecords(records: ReadonlyMap<string, string>): Uint8Array {
  const encoded = Array.from(records, ([key, value]) => ({ key: encodeText(key), value: encodeText(value) }));
  encoded.sort((a, b) => Buffer.compare(a.key, b.key));
  return Buffer.concat(encoded.map(({ key, value }) => formatRecord(key, value)));
}

/**
 * Reads a PAX time: decimal seconds with a fraction of any length, of which nine digits count.
 *
 * @returns `undefined` when it is malformed
 */
export function parsePaxTime(text: string): TarTime | undefined {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (!Number.isSafeInteger(seconds)) return undefined;
  if (match[1] === '') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

export function formatPaxTime({ seconds, nanoseconds }: TarTime): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = String(negative ? 1e9 - nanoseconds : nanoseconds).padStart(9, '0');
  return `${negative ? '-' : ''}${whole}.${fraction.replace(/0+$/, '')}`;
}

function recordLength(data: Uint8Array, start: number, space: number): number {
  if (space <= start || space - start > 8) return 0;
  let length = 0;
  for (let i = start; i < space; i++) {
    const digit = (data[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    length = length * 10 + digit;
  }
  return length;
}

function formatRecord(key: Uint8Array, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} `), key, Buffer.from('='), value, Buffer.from('\n')]);
}

function malformed(data: Uint8Array, at: number): OciError {
  const shown = decodeText(data.subarray(at, at + 60));
  return new OciError('INVALID_ARCHIVE', `a PAX record is malformed at byte ${at} of its header: ${quoted(shown)}`);
}
