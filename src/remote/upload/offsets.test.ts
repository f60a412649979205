import { describe, expect, it } from 'vitest';
import { offsetAfterPiece, offsetsAfterBreak } from './offsets.ts';

describe('where an upload goes on after a break', () => {
  const sent = 1000;
  it.each([
    ['nothing that can be read', undefined, 400, false, [400]],
    ['what was believed', 400, 400, false, [400]],
    ['more, because a part of the last piece arrived', 700, 400, false, [700, 699]],
    ['one more, which may be a wrong count', 401, 400, false, [400, 401]],
    ['all that was sent', 1000, 400, false, [1000, 999]],
    ['one more than was sent', 1001, 400, false, [1000, 400]],
    ['more than was ever sent', 5000, 400, false, [400]],
    ['less, because it lost something', 200, 400, false, [200, 400]],
    ['less, but its word was wrong before', 200, 400, true, [400, 200]],
    ['0-0 at the start, which is one byte or none', 1, 0, false, [0, 1]],
    ['0-0 later', 1, 400, false, [0, 400]],
    ['0-0 later, but its word was wrong before', 1, 400, true, [400, 0]],
    ['0--1 at the start', 0, 0, false, [0, 1]],
  ])('when the registry states %s', (_, stated, believed, distrusted, expected) => {
    expect(offsetsAfterBreak({ stated, believed, sent, distrusted })).toEqual(expected);
  });
});

describe('how much of an accepted piece is there', () => {
  const piece = { start: 400, end: 1000 };
  it.each([
    ['all, when it says so', 1000, 1000],
    ['all, when it says nothing', undefined, 1000],
    ['all, when it counts one too many', 1001, 1000],
    ['all, when it counts one too few', 999, 1000],
    ['all, when it claims what it cannot have', 9000, 1000],
    ['a part, when it says so', 700, 700],
    ['nobody knows, when its word does not move', 400, 'stuck'],
    ['nobody knows, when its word goes back', 100, 'stuck'],
    ['nobody knows, when it says 0-0', 1, 'stuck'],
  ])('%s', (_, stated, expected) => {
    expect(offsetAfterPiece(piece, stated)).toBe(expected);
  });

  it('is all of a first piece of one byte, for which 0-0 is right', () => {
    expect(offsetAfterPiece({ start: 0, end: 1 }, 1)).toBe(1);
  });
});
