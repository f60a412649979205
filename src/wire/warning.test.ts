import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatWarning, parseWarnings } from './warning.ts';

describe('parseWarnings', () => {
  it.each([
    ['299 - "Pull by digest soon"', ['Pull by digest soon']],
    ['299 registry "say \\"hi\\""', ['say "hi"']],
    ['299 - "one", 299 - "two"', ['one', 'two']],
    ['299 - no quotes at all', ['no quotes at all']],
    ['299 - "unclosed', ['unclosed']],
    ['299 - ""', []],
    ['199 - "other code"', []],
    ['299', []],
    ['', []],
  ])('reads %j', (header, texts) => {
    expect(parseWarnings([header])).toEqual(texts);
  });

  it('reads what formatWarning writes', () => {
    const text = fc
      .string({ minLength: 1 })
      .filter((value) => value.trim() === value && !/[\p{Cc}\u2028\u2029]/u.test(value));
    fc.assert(
      fc.property(text, (value) => {
        expect(parseWarnings([formatWarning(value)])).toEqual([value]);
      }),
    );
  });
});
