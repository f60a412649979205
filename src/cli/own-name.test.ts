import { expect, it } from 'vitest';
import { underName } from './own-name.ts';

it.each([
  ['crane', 'Log in with: crane auth login gcr.io', 'Log in with: crane auth login gcr.io'],
  ['gcrane', 'Log in with: crane auth login gcr.io', 'Log in with: gcrane auth login gcr.io'],
  ['gcrane', 'tar c . | crane append -b a && gcrane ls b', 'tar c . | gcrane append -b a && gcrane ls b'],
  ['gcrane', 'settings of crane-oci, as crane: in crane/x', 'settings of crane-oci, as crane: in crane/x'],
])('for %s: %j', (program, text, expected) => {
  expect(underName(program, text)).toBe(expected);
});

it('only names commands that there are', () => {
  const isCommand = (word: string): boolean => word === 'copy';
  expect(underName('gcrane', 'another crane adds; crane copy', isCommand)).toBe('another crane adds; gcrane copy');
});
