/**
 * The entries of a list that begin with `start`, out of at most two pages: the first, and where that ends before `start`
 * begins the page that follows `start`, which registries find by its name in a list that is sorted. Long lists take many requests,
 * for which nobody waits who presses a key.
 */
export async function* matching(
  list: (last: string | undefined) => AsyncIterable<readonly string[]>,
  start: string,
): AsyncGenerator<string, void> {
  const pages = list(undefined)[Symbol.asyncIterator]();
  const first = await nextPage(pages);
  yield* beginningWith(first, start);
  if (first.length === 0) return;
  const isBefore = start !== '' && isSorted(first) && (first.at(-1) ?? '') < start;
  yield* beginningWith(await nextPage(isBefore ? list(start)[Symbol.asyncIterator]() : pages), start);
}

async function nextPage(pages: AsyncIterator<readonly string[]>): Promise<readonly string[]> {
  const { done, value } = await pages.next();
  return done === true ? [] : value;
}

function beginningWith(entries: readonly string[], start: string): readonly string[] {
  return entries.filter((entry) => entry.startsWith(start));
}

function isSorted(entries: readonly string[]): boolean {
  return entries.every((entry, index) => index === 0 || (entries[index - 1] ?? '') <= entry);
}
