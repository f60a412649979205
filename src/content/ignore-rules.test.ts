import { describe, expect, it } from 'vitest';
import { ignoreRules } from './ignore-rules.ts';

describe('the rules of .dockerignore', () => {
  it.each([
    ['a', ['a', 'a/b', 'a/b/c'], ['b', 'ab', 'b/a', 'A']],
    ['/a', ['a', 'a/b'], ['b/a']],
    ['a/', ['a', 'a/b'], ['b']],
    ['./x//y/../z', ['x/z', 'x/z/1'], ['x', 'x/y']],
    ['../../a', ['a'], ['b']],
    ['*.txt', ['a.txt', '.txt'], ['a/b.txt', 'a.txtx', 'atxt']],
    ['*/b', ['a/b', 'a/b/c'], ['b', 'x/y/b']],
    ['?.c', ['x.c', 'ü.c'], ['.c', 'xy.c']],
    ['**/b', ['b', 'a/b', 'x/y/b', 'x/b/z'], ['ab', 'bc']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'ab']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['z', 'az', 'a/bz']],
    ['**', ['a', 'a/b'], []],
    ['**/*.o', ['x.o', 'a/x.o'], ['x.obj']],
    ['[a-c]x', ['ax', 'cx'], ['dx', '-x']],
    ['[^a-c]x', ['dx'], ['ax', '/x']],
    ['[.$]x', ['.x', '$x'], ['ax']],
    [String.raw`\*x`, ['*x'], ['ax', String.raw`\*x`]],
    [String.raw`\!x`, ['!x'], ['x']],
    ['a{b,c}', ['a{b,c}'], ['ab', 'ac']],
    ['a+(b)', ['a+(b)'], ['ab']],
    ['a.b', ['a.b'], ['axb']],
    ['  a  ', ['a'], []],
    ['a\nb', ['a\nb'], ['a', 'b']],
    ['.', [], ['a']],
    ['#a', [], ['a', '#a']],
    ['', [], ['a']],
  ])('%j', (pattern, left, taken) => {
    const rules = ignoreRules([pattern]);
    expect(left.filter((path) => !rules.ignores(path))).toEqual([]);
    expect(taken.filter((path) => rules.ignores(path))).toEqual([]);
    expect(rules.mayTakeBelow('a')).toBe(false);
  });

  it('let the last pattern that fits decide', () => {
    const rules = ignoreRules(['*', '!src', 'src/secret', '!src/secret/public', '# comment', '**/*.log']);
    const taken = ['src', 'src/a', 'src/secret/public', 'src/secret/public/x'];
    const left = ['a', 'a/b', 'src/secret', 'src/secret/x', 'src/x.log', 'src/secret/public/y.log'];
    expect(taken.filter((path) => rules.ignores(path))).toEqual([]);
    expect(left.filter((path) => !rules.ignores(path))).toEqual([]);
    expect(rules.mayTakeBelow('src/secret')).toBe(true);
  });

  it('may begin with a byte order mark', () => {
    expect(ignoreRules(['\ufeffa', 'b']).ignores('a')).toBe(true);
  });

  it.each(['!', '[', '[a', '[z-a]', '[]'])('refuse %j', (pattern) => {
    expect(() => ignoreRules([pattern])).toThrow(expect.objectContaining({ code: 'INVALID_SETTINGS' }) as Error);
  });
});
