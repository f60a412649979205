import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, printableLine } from './printable.ts';

describe('what is printed of words from outside', () => {
  it('shows control characters as escapes', () => {
    expect(printable('a\u001b[31mb\u0007\u009b\tc\nd')).toBe('a\\u001b[31mb\\u0007\\u009b\tc\nd');
    expect(printableLine('a\r\n  Error: b')).toBe('a Error: b');
    expect(printableLine('a  b \t\n c')).toBe('a  b c');
  });

  it('shows what turns text round, and what ends lines, as escapes, and leaves writing alone', () => {
    expect(printable('a\u202eb\u2066c\u2028d')).toBe('a\\u202eb\\u2066c\\u2028d');
    const writing = 'é שלום 日本 👩\u200d💻';
    expect(printable(writing)).toBe(writing);
  });

  it('takes no longer than its length asks', () => {
    const spaces = ' '.repeat(5_000_000);
    expect(printableLine(`a${spaces}b\n${spaces}c`)).toBe(`a${spaces}b c`);
  });

  it('never has a control character but tab and line feed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text).replaceAll(/[\t\n]/g, '')).not.toMatch(/\p{Cc}/u);
        expect(printableLine(text)).not.toContain('\n');
      }),
    );
  });
});
