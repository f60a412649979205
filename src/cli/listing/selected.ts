import type { Selection } from './flags.ts';

/** The part of a list that was asked for, page by page. No page is read behind the last one that is needed. */
export async function* selected<T>(
  pages: AsyncIterable<readonly T[]>,
  nameOf: (entry: T) => string,
  { keeps, limit }: Pick<Selection, 'keeps' | 'limit'>,
): AsyncGenerator<readonly T[], void> {
  let left = limit;
  for await (const page of pages) {
    const kept = page.filter((entry) => keeps(nameOf(entry))).slice(0, left);
    left -= kept.length;
    if (kept.length > 0) yield kept;
    if (left <= 0) return;
  }
}

/** All of a list at once, for what has to be ordered. */
export async function collected<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) for (const entry of page) all.push(entry);
  return all;
}
