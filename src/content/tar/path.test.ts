import { describe, expect, it } from 'vitest';
import { cleanPath, joinClean, safePath } from './path.ts';

it.each([
  ['./a//b/', 'a/b'],
  ['/a/./b', 'a/b'],
  ['a/../b', 'b'],
  ['../x', '../x'],
  ['a/../../x', '../x'],
  ['.', ''],
])('cleans %s to %s', (name, expected) => {
  expect(cleanPath(name)).toBe(expected);
});

it('tells when a link leaves the root', () => {
  expect(joinClean('a/b', '../c')).toBe('a/c');
  expect(joinClean('a/b', '/c')).toBe('c');
  expect(joinClean('a', '../../c')).toBeUndefined();
});

describe('a name to extract', () => {
  it.each(['a', './a/b', '/etc/passwd', 'a:b', 'con', 'a\\b'])('may be %j on Linux', (name) => {
    expect(safePath(name, 'linux')).not.toMatch(/^\//);
  });

  it.each(['../a', 'a/../../b', 'a/..', 'a\0b'])('may not be %j anywhere', (name) => {
    expect(() => safePath(name, 'linux')).toThrow('not extracted');
  });

  it.each(['C:a', 'a\\..\\b', 'CON', 'a/lpt1.txt', 'a.', 'b '])('may not be %j on Windows', (name) => {
    expect(() => safePath(name, 'win32')).toThrow('Windows');
  });
});
