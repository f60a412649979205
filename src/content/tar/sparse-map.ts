import { OciError, quoted } from '../../errors.ts';
import type { TarSparse, TarSparseRange } from './entry.ts';
import { type Field, numberField } from './field.ts';

/** The map of an old GNU sparse header (type `S`) and the blocks that follow it. GNU tar manual, "Storing Sparse Files". */
export function oldGnuSparse(header: Uint8Array, more: readonly Uint8Array[]): TarSparse {
  const map = [...ranges(header, 386, 4), ...more.flatMap((block) => ranges(block, 0, 21))];
  return { realSize: number(header, [483, 495]), map };
}

/** Whether another block of the map follows: after the header, or after a block of the map. */
export function isSparseExtended(block: Uint8Array, isHeader: boolean): boolean {
  return block[isHeader ? 482 : 504] !== 0;
}

/** What PAX records say of a sparse file, versions 0.0, 0.1 and 1.0; `undefined` when they say nothing. */
export function paxSparse(pax: ReadonlyMap<string, string>): TarSparse | undefined {
  const realSize = pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size');
  if (realSize === undefined) return undefined;
  if (pax.get('GNU.sparse.major') === '1') return { realSize: decimal(realSize) };
  const text = pax.get('GNU.sparse.map') ?? '';
  return { realSize: decimal(realSize), map: pairs(text === '' ? [] : text.split(',').map((part) => decimal(part))) };
}

/** Offsets and lengths in turn. */
export function pairs(numbers: readonly number[]): readonly TarSparseRange[] {
  if (numbers.length % 2 !== 0) throw new OciError('INVALID_ARCHIVE', 'the sparse map ends after an offset');
  const map: TarSparseRange[] = [];
  for (let i = 0; i < numbers.length; i += 2) map.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 });
  return map;
}

export function decimal(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new OciError('INVALID_ARCHIVE', `the sparse map has ${quoted(text)} where a number belongs`);
  }
  return value;
}

function ranges(block: Uint8Array, start: number, count: number): readonly TarSparseRange[] {
  const map: TarSparseRange[] = [];
  for (let at = start; at < start + 24 * count && block[at] !== 0; at += 24) {
    map.push({ offset: number(block, [at, at + 12]), length: number(block, [at + 12, at + 24]) });
  }
  return map;
}

function number(block: Uint8Array, field: Field): number {
  const value = numberField(block, field);
  if (value === undefined || value < 0) throw new OciError('INVALID_ARCHIVE', 'the sparse map has a malformed number');
  return value;
}
