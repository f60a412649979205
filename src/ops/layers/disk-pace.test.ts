import { expect, it } from 'vitest';
import { DiskPace } from './disk-pace.ts';

let time = 0;
const now = (): number => time;

it('calls are made here while they are quick, and one that is slow changes nothing', () => {
  const pace = new DiskPace(now);
  for (let i = 0; i < 1000; i++) expect(pace.here(() => took(0.1))).toBe('made');
  expect(pace.here(() => took(50))).toBe('made');
  for (let i = 0; i < 200; i++) expect(pace.here(() => took(0.1))).toBe('made');
});

it('calls go elsewhere for a while when they are slow, and are tried again then', () => {
  const pace = new DiskPace(now);
  for (let i = 0; i < 64; i++) expect(pace.here(() => took(3))).toBe('made');
  const missed = Array.from({ length: 1024 }, () => pace.here(() => took(3)));
  expect(new Set(missed)).toEqual(new Set([undefined]));
  expect(pace.here(() => took(3))).toBe('made');
});

it('failures pass', () => {
  const fail = (): never => {
    throw new RangeError('gone');
  };
  expect(() => new DiskPace().here(fail)).toThrow(RangeError);
});

function took(milliseconds: number): string {
  time += milliseconds;
  return 'made';
}
