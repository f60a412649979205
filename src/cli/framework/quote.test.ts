import { expect, test } from 'vitest';
import { backquoted, printable, quote } from './quote.ts';

test.each([
  ['plain', '"plain"'],
  ['a"b\\c', String.raw`"a\"b\\c"`],
  ['\u0007\b\f\n\r\t\v', String.raw`"\a\b\f\n\r\t\v"`],
  ['\u001B[31m\u007F', String.raw`"\x1b[31m\x7f"`],
  ['é 日本 😀', '"é 日本 😀"'],
  ['\u00A0\u200B\u{E0001}', String.raw`"\u00a0\u200b\U000e0001"`],
])('%j in quotes is %s', (text, expected) => {
  expect(quote(text)).toBe(expected);
});

test('text that is shown as it is cannot send escape sequences to the terminal', () => {
  expect(printable('\u001B]0;title\u0007 "ok" \u202Eé')).toBe(String.raw`\x1b]0;title\a "ok" \u202eé`);
});

test('backquotes are used where the text allows it', () => {
  expect(['a b', 'a\tb', 'a`b', 'a\nb'].map(backquoted)).toEqual(['`a b`', '`a\tb`', '"a`b"', String.raw`"a\nb"`]);
});
