import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bool, type Flag, int, keyValue, string, strings, stringToString } from './flag.ts';

const description = 'x';

describe('kinds of flags', () => {
  test.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('bool reads %s as true', (text) => {
    expect(bool({ description }).parse(text, undefined)).toBe(true);
  });

  test.each(['0', 'f', 'F', 'FALSE', 'false', 'False'])('bool reads %s as false', (text) => {
    expect(bool({ description }).parse(text, undefined)).toBe(false);
  });

  test.each(['', 'yes', 'truE', ' true'])('bool refuses %j', (text) => {
    const reason = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
    expect(() => bool({ description }).parse(text, undefined)).toThrow(new Error(reason));
  });

  test.each([
    ['0', 0],
    ['-0', 0],
    ['+7', 7],
    ['-12', -12],
    ['0x1F', 31],
    ['0X_ff', 255],
    ['0o17', 15],
    ['017', 15],
    ['0_17', 15],
    ['0B101', 5],
    ['1_000', 1000],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('int reads %s as %d', (text, expected) => {
    expect(int({ description }).parse(text, undefined)).toBe(expected);
  });

  test.each(['', '+', '08', '0x', '0x1g', '1__0', '_1', '1_', '1.5', '1e3', ' 1', 'abc'])('int refuses %j', (text) => {
    const reason = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
    expect(() => int({ description }).parse(text, undefined)).toThrow(new Error(reason));
  });

  test('int refuses what a number cannot hold', () => {
    const reason = 'strconv.ParseInt: parsing "99999999999999999999": value out of range';
    expect(() => int({ description }).parse('99999999999999999999', undefined)).toThrow(new Error(reason));
  });

  test('int gives back every whole number in every base it reads', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        for (const text of [
          `${number}`,
          `0x${number.toString(16)}`,
          `0o${number.toString(8)}`,
          `0b${number.toString(2)}`,
        ])
          expect(int({ description }).parse(text, undefined)).toBe(number);
      }),
    );
  });

  test('strings replaces its initial list at the first occurrence and adds at later ones', () => {
    const flag = strings({ description, initial: ['start'] });
    expect(occurrences(flag, ['a,b', '"c,d"', ''])).toEqual(['a', 'b', 'c,d']);
    expect(occurrences(flag, [''])).toEqual([]);
    expect(flag.shownDefault).toBe('[start]');
  });

  test.each([
    ['a=b,c', [['a', 'b,c']]],
    [
      'a=b,c=d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a=b=c', [['a', 'b=c']]],
    ['a="b,c"', [['a', '"b,c']]],
    [
      '"a=b,c",d=e',
      [
        ['a', 'b,c'],
        ['d', 'e'],
      ],
    ],
    [
      'u=http://x?a=b,c=d',
      [
        ['u', 'http://x?a=b'],
        ['c', 'd'],
      ],
    ],
    ['a=', [['a', '']]],
    ['=', [['', '']]],
  ])('stringToString reads %s as %j', (text, expected) => {
    expect([...stringToString({ description }).parse(text, undefined)]).toEqual(expected);
  });

  test('stringToString merges occurrences and the last value of a key wins', () => {
    expect([...occurrences(stringToString({ description }), ['a=1', 'b=2', 'a=3'])]).toEqual([
      ['a', '3'],
      ['b', '2'],
    ]);
  });

  test.each([
    ['a', 'a must be formatted as key=value'],
    ['', ' must be formatted as key=value'],
    ['a=b,c,d=e', 'c must be formatted as key=value'],
    ['a=b,c"d=e', 'parse error on line 1, column 6: bare " in non-quoted-field'],
  ])('stringToString refuses %j', (text, reason) => {
    expect(() => stringToString({ description }).parse(text, undefined)).toThrow(new Error(reason));
  });

  test('keyValue cuts at the first equals sign, keeps commas, order and repeated keys', () => {
    expect(occurrences(keyValue({ description }), ['A=1,2', 'B=x=y', 'A=3'])).toEqual([
      ['A', '1,2'],
      ['B', 'x=y'],
      ['A', '3'],
    ]);
  });

  test('the help shows a default only where it says something', () => {
    expect(
      [bool({ description }), string({ description }), int({ description }), strings({ description })].map(shown),
    ).toEqual([undefined, undefined, undefined, undefined]);
    expect(
      [
        bool({ description, initial: true }),
        string({ description, initial: 'a"b' }),
        int({ description, initial: 4 }),
      ].map(shown),
    ).toEqual(['true', String.raw`"a\"b"`, '4']);
  });
});

function occurrences<T>(flag: Flag<T>, texts: readonly string[]): T {
  let value: T | undefined;
  for (const text of texts) value = flag.parse(text, value);
  return value ?? flag.initial;
}

function shown({ shownDefault }: { readonly shownDefault: string | undefined }): string | undefined {
  return shownDefault;
}
