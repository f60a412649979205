import { assert, asyncProperty, stringMatching, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matching } from './matching.ts';

describe('the entries of a list that begin so', () => {
  it('come from the first two pages of a list that is not sorted', async () => {
    const { list, asked } = listOf(['b2', 'a1', 'c1', 'b1', 'b3', 'b4']);
    expect(await found(list, 'b')).toEqual(['b2', 'b1']);
    expect(asked).toEqual([undefined]);
  });

  it('come from where they are, however long the list before them is', async () => {
    const { list, asked } = listOf(['a1', 'a2', 'a3', 'b1', 'b2', 'c1']);
    expect(await found(list, 'b')).toEqual(['b1', 'b2']);
    expect(asked).toEqual([undefined, 'b']);
  });

  it('are all of the first two pages when nothing is typed', async () => {
    expect(await found(listOf(['a', 'b', 'c', 'd', 'e']).list, '')).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are none of an empty list', async () => {
    expect(await found(listOf([]).list, 'a')).toEqual([]);
  });

  it('are found in every sorted list, as many of them as a page holds', async () => {
    const tags = uniqueArray(stringMatching(/^[ab]{1,4}$/), { maxLength: 12 });
    await assert(
      asyncProperty(tags, stringMatching(/^[ab]{1,3}$/), async (entries, start) => {
        const all = entries.toSorted();
        const fitting = all.filter((entry) => entry.startsWith(start));
        const result = await found(listOf(all).list, start);
        expect(result).toEqual(fitting.filter((entry) => result.includes(entry)));
        // The very word that is typed is no help to whoever typed it.
        expect(result.length).toBeGreaterThanOrEqual(Math.min(2, fitting.filter((entry) => entry !== start).length));
      }),
    );
  });
});

/** Two on a page. */
function listOf(entries: readonly string[]) {
  const asked: (string | undefined)[] = [];
  async function* list(last: string | undefined): AsyncGenerator<readonly string[], void> {
    asked.push(last);
    const rest = last === undefined ? entries : entries.filter((entry) => entry > last);
    for (let at = 0; at < rest.length; at += 2) yield rest.slice(at, at + 2);
  }
  return { list, asked };
}

async function found(list: (last: string | undefined) => AsyncIterable<readonly string[]>, start: string) {
  const entries: string[] = [];
  for await (const entry of matching(list, start)) entries.push(entry);
  return entries;
}
