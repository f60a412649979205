/** Those of `names` that may have been meant by `typed`: at most two edits away or longer by the end, case set aside. */
export function suggestionsFor(typed: string, names: readonly string[]): readonly string[] {
  const wanted = typed.toLowerCase();
  return names.filter((name) => {
    const known = name.toLowerCase();
    return known.startsWith(wanted) || (Math.abs(known.length - wanted.length) <= 2 && distance(wanted, known) <= 2);
  });
}

/** Levenshtein's: insertions, deletions and replacements of one character. */
export function distance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < from.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const replaced = (above[j] ?? 0) + (from[i] === to[j] ? 0 : 1);
      row.push(Math.min(replaced, (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
    }
    above = row;
  }
  return above[to.length] ?? 0;
}
