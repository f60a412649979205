import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatChunkRange,
  formatContentRange,
  formatUploadRange,
  parseChunkRange,
  parseContentRange,
  parseUploadRange,
  resolveRange,
} from './content-range.ts';

const range = fc
  .tuple(fc.maxSafeNat(), fc.integer({ min: 1, max: 2 ** 40 }))
  .map(([start, length]) => ({ start, end: start + length }))
  .filter(({ end }) => Number.isSafeInteger(end));

describe('the range of a chunk', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(range, (value) => {
        expect(parseChunkRange(formatChunkRange(value))).toEqual(value);
      }),
    );
  });

  it('is read in the form of HTTP too', () => {
    expect(parseChunkRange('bytes 0-9/10')).toEqual({ start: 0, end: 10 });
    expect(parseChunkRange('bytes=5-9')).toEqual({ start: 5, end: 10 });
    expect(parseChunkRange('bytes 5-9/*')).toEqual({ start: 5, end: 10 });
  });

  it.each(['', '-', '5', '5-', '-5', '9-5', '0-99999999999999999', '0x1-5', '1-2,4-5', '0--1'])('refuses %j', (text) =>
    expect(parseChunkRange(text)).toBeUndefined(),
  );
});

describe('the range of an upload', () => {
  it('reads back every count but 0, which looks like 1', () => {
    const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(count, (received) => {
        expect(parseUploadRange(formatUploadRange(received))).toBe(received);
      }),
    );
    expect(formatUploadRange(0)).toBe('0-0');
  });

  it('is read as registries write it', () => {
    expect(parseUploadRange('bytes=0-1023')).toBe(1024);
    expect(parseUploadRange('0--1')).toBe(0);
    expect(parseUploadRange('1-5')).toBeUndefined();
    expect(parseUploadRange('0-')).toBeUndefined();
  });
});

describe('the range of an answer', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(range, fc.nat(), (value, more) => {
        fc.pre(Number.isSafeInteger(value.end + more));
        expect(parseContentRange(formatContentRange(value, value.end + more))).toEqual({
          ...value,
          size: value.end + more,
        });
      }),
    );
  });

  it('may keep the size to itself, but not contradict it', () => {
    expect(parseContentRange('bytes 5-9/*')).toEqual({ start: 5, end: 10, size: undefined });
    expect(parseContentRange('bytes 5-9/9')).toBeUndefined();
    expect(parseContentRange('items 5-9/10')).toBeUndefined();
  });
});

describe('resolveRange', () => {
  it.each([
    ['bytes=0-9', { start: 0, end: 10 }],
    ['bytes=90-', { start: 90, end: 100 }],
    ['bytes=-10', { start: 90, end: 100 }],
    ['bytes=-1000', { start: 0, end: 100 }],
    ['bytes=90-1000', { start: 90, end: 100 }],
    ['BYTES = 99-99', { start: 99, end: 100 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=9-5', 'unsatisfiable'],
    ['bytes=-', 'unsatisfiable'],
    ['bytes=x-y', 'unsatisfiable'],
    ['items=0-9', undefined],
    ['bytes=0-1,5-6', undefined],
    ['nonsense', undefined],
  ] as const)('of 100 bytes reads %j', (text, expected) => expect(resolveRange(text, 100)).toEqual(expected));

  it('stays within the content', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.option(fc.nat(2000)), fc.option(fc.nat(2000)), (size, first, last) => {
        const resolved = resolveRange(`bytes=${first ?? ''}-${last ?? ''}`, size);
        if (resolved === undefined || resolved === 'unsatisfiable') return;
        expect(resolved.start).toBeGreaterThanOrEqual(0);
        expect(resolved.start).toBeLessThan(resolved.end);
        expect(resolved.end).toBeLessThanOrEqual(size);
      }),
    );
  });
});
