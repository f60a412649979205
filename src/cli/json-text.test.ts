import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonText } from './json-text.ts';
import { printable } from './printable.ts';

it('is the same value, without anything that acts on a terminal', () => {
  expect(jsonText({ a: '\u009b2J\u202e', b: undefined }, 2)).toBe('{\n  "a": "\\u009b2J\\u202e"\n}');
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (value) => {
      const text = jsonText(value, 2);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(printable(text)).toBe(text);
    }),
  );
});
