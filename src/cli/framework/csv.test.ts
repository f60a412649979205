import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCsvRecord } from './csv.ts';

describe('a CSV record', () => {
  test.each<[text: string, fields: readonly string[]]>([
    ['', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [',', ['', '']],
    ['a,', ['a', '']],
    [' a , b ', [' a ', ' b ']],
    ['"a,b",c', ['a,b', 'c']],
    ['"say ""hi"""', ['say "hi"']],
    ['""', ['']],
    ['"a\nb",c', ['a\nb', 'c']],
    ['"a\r\nb"', ['a\nb']],
    ['\na,b\n', ['a', 'b']],
    ['a\r\n', ['a']],
    ['\n', []],
  ])('%j has the fields %j', (text, fields) => {
    expect(parseCsvRecord(text)).toEqual(fields);
  });

  test.each([
    ['a"b', 'parse error on line 1, column 2: bare " in non-quoted-field'],
    ['é,a"', 'parse error on line 1, column 5: bare " in non-quoted-field'],
    ['"a"b', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'],
    ['"a', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'],
    ['"a\nb"c', 'record on line 1; parse error on line 2, column 2: extraneous or missing " in quoted-field'],
  ])('%j is refused with the reason that crane gives', (text, reason) => {
    expect(() => parseCsvRecord(text)).toThrow(new Error(reason));
  });

  test.each(['a\nb', '"a"\nb', 'a,b\n\nc'])('a second line in %j is refused, not lost', (text) => {
    expect(() => parseCsvRecord(text)).toThrow('a list is one line');
  });

  test('gives back whatever was written as quoted fields', () => {
    const fields = fc.array(
      fc.string().map((text) => text.replaceAll('\r', '')),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(fields, (expected) => {
        const record = expected.map((field) => `"${field.replaceAll('"', '""')}"`).join(',');
        expect(parseCsvRecord(record)).toEqual(expected);
      }),
    );
  });

  test('either has fields or throws an Error, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ') }), (text) => {
        try {
          expect(parseCsvRecord(text).every((field) => typeof field === 'string')).toBe(true);
        } catch (error) {
          expect((error as Error).message).toMatch(/quoted-field$|one line/);
        }
      }),
    );
  });
});
