import { printableLine } from '../printable.ts';

/** How much of long texts and lists is shown. */
export interface TextLimits {
  /** Longest line, in characters. */
  readonly width: number;
  /** Most lines of a list. */
  readonly entries: number;
}

/** Lines of 120 characters hold a digest with what belongs to it. */
export const usualLimits: TextLimits = { width: 120, entries: 100 };

export const noLimits: TextLimits = { width: Infinity, entries: Infinity };

/** A text from outside on one line that is not too long. */
export function clipped(text: string, width: number): string {
  // Escapes make it longer: what can be seen of it is in the first part.
  const line = printableLine(text.slice(0, width + 1)).replaceAll('\t', ' ');
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1)).replace(/\p{Surrogate}$/u, '')}…`;
}

/** `Label:  value` one below the other; those without a value are left out. */
export function fields(
  rows: readonly (readonly [label: string, value: string | undefined])[],
  { width }: TextLimits,
): readonly string[] {
  return rows.flatMap(([label, value]) =>
    value === undefined ? [] : [`${`${label}:`.padEnd(labelWidth)}${clipped(value, width - labelWidth)}`],
  );
}

const labelWidth = 13;

/** A heading with lines below it and a free line above; nothing where there are none. */
export function section(heading: string, lines: readonly string[], limits: TextLimits): readonly string[] {
  if (lines.length === 0) return [];
  const shown = lines.slice(0, limits.entries).map((line) => `  ${clipped(line, limits.width - 2)}`);
  const more = lines.length - shown.length;
  return [
    '',
    `${clipped(heading, limits.width - 1)}:`,
    ...shown,
    ...(more > 0 ? [`  … ${more} more, all with --no-trunc or --json`] : []),
  ];
}

/**
 * Columns that are as wide as what is in them; those with nothing in them are left out. `right` names those whose texts stand at
 * their right end.
 */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): readonly string[] {
  const shown = rows.map((row) => row.map((cell, i) => clipped(cell, i < row.length - 1 ? maxColumn : Infinity)));
  const widths: number[] = [];
  for (const row of shown) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const placed = (cell: string, i: number): string =>
    right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0);
  return shown.map((row) =>
    row
      .flatMap((cell, i) => {
        if (widths[i] === 0) return [];
        return [i === row.length - 1 ? cell : placed(cell, i)];
      })
      .join('  ')
      .trimEnd(),
  );
}

/** One long text must not make all lines long. A SHA-512 digest fits. */
const maxColumn = 140;
