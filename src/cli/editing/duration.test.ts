import { expect, it } from 'vitest';
import { parseDuration } from './duration.ts';

it.each([
  ['0', 0],
  ['30s', 30e9],
  ['1m30s', 90e9],
  ['1.5h', 5400e9],
  ['500ms', 5e8],
  ['2h45m0.5s', 9900.5e9],
  ['7us', 7000],
  ['3ns', 3],
])('reads the duration %s', (text, nanoseconds) => {
  expect(parseDuration(text)).toBe(nanoseconds);
});

it.each(['', '30', 's', '1 s', '-1s', '1s ', '1d', '1.s', '1s2'])('refuses %j, which is no duration', (text) => {
  expect(() => parseDuration(text)).toThrow(`${JSON.stringify(text)} is no duration: write a number and a unit`);
});

it('refuses durations that a number cannot hold exactly', () => {
  expect(() => parseDuration('3000h')).toThrow('"3000h" is longer than 104 days');
});
