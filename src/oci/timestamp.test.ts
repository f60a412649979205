import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { normalizeTimestamp } from './timestamp.ts';

const { times } = JSON.parse(readFileSync(new URL('../../test/vectors/documents.json', import.meta.url), 'utf8')) as {
  readonly times: readonly { readonly in: string; readonly out?: string }[];
};

it.each(times)('$in is written as crane writes it, or refused as crane refuses it', ({ in: text, out }) => {
  expect(normalizeTimestamp(text)).toBe(out);
});

it('knows the calendar, and no leap seconds', () => {
  for (const day of ['2024-02-29', '2000-02-29', '0000-02-29', '2023-04-30']) {
    expect(normalizeTimestamp(`${day}T00:00:00Z`)).toBe(`${day}T00:00:00Z`);
  }
  for (const day of ['2023-02-29', '1900-02-29', '2023-04-31', '2023-13-01', '2023-00-01', '2023-01-00']) {
    expect(normalizeTimestamp(`${day}T00:00:00Z`)).toBeUndefined();
  }
  for (const time of ['24:00:00Z', '23:60:00Z', '23:59:60Z', '23:59:59+24:00', '23:59:59+01:60', '23:59:59+1:00']) {
    expect(normalizeTimestamp(`2023-01-01T${time}`)).toBeUndefined();
  }
});

it('keeps nanoseconds, drops what is smaller, and takes a comma for a dot', () => {
  expect(normalizeTimestamp('2023-01-01T00:00:00,1234567899-00:30')).toBe('2023-01-01T00:00:00.123456789-00:30');
});

it('leaves every time of a Date at its instant', () => {
  const property = fc.property(
    fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }),
    (date) => {
      const written = normalizeTimestamp(date.toISOString()) ?? '';
      expect(Date.parse(written)).toBe(date.getTime());
      expect(normalizeTimestamp(written)).toBe(written);
    },
  );
  fc.assert(property, { numRuns: 200 });
});
