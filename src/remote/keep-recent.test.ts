import { expect, it } from 'vitest';
import { keepRecent } from './keep-recent.ts';

it('drops the entry that was set longest ago, and setting one again makes it new', () => {
  const map = new Map<string, number>();
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['c', 4],
  ] as const) {
    keepRecent(map, key, value, 2);
  }
  expect([...map]).toEqual([
    ['a', 3],
    ['c', 4],
  ]);
});
