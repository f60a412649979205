import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { distance, suggestionsFor } from './suggest.ts';

const names = ['append', 'auth', 'copy', 'delete', 'digest', 'ls', 'manifest', 'registry'];

test.each([
  ['rm', ['ls']],
  ['del', ['delete']],
  ['list', ['ls']],
  ['LS', ['ls']],
  ['digset', ['digest']],
  ['a', ['append', 'auth', 'ls']],
  ['frobnicate', []],
])('%s may mean %j', (typed, expected) => {
  expect(suggestionsFor(typed, names)).toEqual(expected);
});

test('the distance counts edits, is symmetric and never more than the longer word', () => {
  expect(distance('kitten', 'sitting')).toBe(3);
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (one, other) => {
      expect(distance(one, other)).toBe(distance(other, one));
      expect(distance(one, other)).toBeLessThanOrEqual(Math.max(one.length, other.length));
      expect(distance(one, other) === 0).toBe(one === other);
    }),
  );
});
