import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ResponseHeaders } from './exchange.ts';
import { parseRetryAfter, rateLimitOf, rateLimitText, waitInWords, waitText } from './rate-limit.ts';

const now = Date.UTC(2024, 0, 1);

function headersOf(values: Readonly<Record<string, string>>): ResponseHeaders {
  return { get: (name) => values[name], getAll: () => [], entries: () => Object.entries(values) };
}

describe('a wait', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    [' 1.5 ', 1500],
    ['Mon, 01 Jan 2024 00:01:00 GMT', 60_000],
    ['Sun, 31 Dec 2023 00:00:00 GMT', 0],
    ['1704067230', 30_000],
    ['1704067100', 0],
    ['880.092µs', 0.880092],
    ['1m30s', 90_000],
    ['', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['5 parsecs', undefined],
    ['1.2.3s', undefined],
    [undefined, undefined],
  ])('is read from Retry-After: %s', (value, milliseconds) => {
    const read = parseRetryAfter(value, now);
    if (milliseconds === undefined) expect(read).toBeUndefined();
    else expect(read).toBeCloseTo(milliseconds, 6);
  });

  it.each(['9'.repeat(400), `${'9'.repeat(400)}h`, '99999999999999999999'])(
    'has words, however long it is',
    (value) => {
      const read = parseRetryAfter(value, now);
      expect(waitText(read ?? 0)).toMatch(/^\d+ hours$/);
    },
  );

  it('is never negative or no number, whatever a server sends', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const read = parseRetryAfter(value, now);
        expect(read === undefined || (read >= 0 && !Number.isNaN(read))).toBe(true);
      }),
    );
  });

  it.each([
    ['retry-after: 880.092µs, allowed: 44000/minute', 0.880092],
    ['Too many requests. Please try again in 30 seconds.', 30_000],
    ['Retry after 1m30s', 90_000],
    ['You have reached your pull rate limit', undefined],
    ['retry-after: never', undefined],
  ])('is read from words: %s', (message, milliseconds) => {
    const read = waitInWords([{ code: 'TOOMANYREQUESTS', message }], '');
    if (milliseconds === undefined) expect(read).toBeUndefined();
    else expect(read).toBeCloseTo(milliseconds, 6);
    expect(waitInWords([], message)).toBe(read);
  });

  it.each([
    [1, '1 second'],
    [119_000, '119 seconds'],
    [125_000, '2 minutes 5 seconds'],
    [21_600_000, '6 hours'],
    [5_400_000, '90 minutes'],
    [7_260_000, '2 hours 1 minute'],
  ])('of %d ms reads %s', (milliseconds, text) => {
    expect(waitText(milliseconds)).toBe(text);
  });
});

describe('a rate limit', () => {
  it.each([
    [
      { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600', 'docker-ratelimit-source': '192.0.2.1' },
      { limit: 100, remaining: 0, window: 21_600_000, source: '192.0.2.1' },
      'its limit is 100 in 6 hours, 0 are left, counted for 192.0.2.1',
    ],
    [{ ratelimit: 'limit=10, remaining=1, reset=50' }, { limit: 10, remaining: 1, reset: 50_000 }, undefined],
    [{ ratelimit: '"default";r=0;t=30' }, { remaining: 0, reset: 30_000 }, '0 are left, more in 30 seconds'],
    [{ 'x-ratelimit-limit': '60', 'x-ratelimit-reset': '1704067260' }, { limit: 60, reset: 60_000 }, undefined],
    [{ 'ratelimit-limit': 'many' }, undefined, undefined],
    [{}, undefined, undefined],
  ])('is read from %j', (headers, expected, text) => {
    const found = rateLimitOf(headersOf(headers), now);
    expect(found).toEqual(expected);
    if (text !== undefined) expect(rateLimitText(found ?? {})).toBe(text);
  });
});
