import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PathSet, plainPath } from './path-set.ts';

describe('PathSet', () => {
  it('is a set of strings', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'b', 'ab', 'ba'))), (paths) => {
        const seen = new Set<string>();
        const set = new PathSet({ left: 1000 });
        for (const path of paths) {
          expect(set.add(path)).toBe(!seen.has(path));
          seen.add(path);
        }
        expect(set.isComplete).toBe(true);
      }),
    );
  });

  it('keeps many similar paths apart', () => {
    const set = new PathSet({ left: 1_000_000 });
    const paths = Array.from({ length: 200_000 }, (_, i) => `usr/lib/node_modules/package-${i % 500}/file-${i}.js`);
    expect(paths.filter((path) => !set.add(path))).toEqual([]);
    expect(paths.filter((path) => set.add(path))).toEqual([]);
  });

  it('says when it is full, goes on comparing, and gives back what it had', () => {
    const budget = { left: 3 };
    const [one, other] = [new PathSet(budget), new PathSet(budget)];
    expect(['a', 'b', 'c', 'd', 'd', 'a'].map((path) => one.add(path))).toEqual([true, true, true, true, true, false]);
    expect(one.isComplete).toBe(false);
    expect(other.add('a')).toBe(true);
    expect(other.isComplete).toBe(false);
    one.release();
    expect(budget.left).toBe(3);
    expect([other.add('b'), other.add('b')]).toEqual([true, false]);
  });
});

it('a path is the same however it is spelt', () => {
  const spellings = ['a/b', './a/b', 'a/b/', './/a/b//', 'a//b', 'a/./b', 'a/c/../b', 'a/b/.', '/a/b', '//a/b'];
  expect(spellings.map(plainPath)).toEqual(spellings.map(() => 'a/b'));
  expect(['.a', 'a..b', '..a/b', '.wh.x', 'a/...', '', '/', './'].map(plainPath)).toEqual([
    '.a',
    'a..b',
    '..a/b',
    '.wh.x',
    'a/...',
    '',
    '',
    '.',
  ]);
});
