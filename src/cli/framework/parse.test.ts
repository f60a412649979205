import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bool, int, string } from './flag.ts';
import { flagTable, type ParsedFlags, parseFlags } from './parse.ts';

const description = 'x';
const table = flagTable({
  local: true,
  flags: {
    'all-tags': bool({ shorthand: 'a', description }),
    'no-clobber': bool({ shorthand: 'n', description }),
    jobs: int({ shorthand: 'j', description }),
    tag: string({ shorthand: 't', description }),
    old: string({ description, deprecated: 'use --tag' }),
  },
});

describe('flags on a command line', () => {
  test.each<[argv: string, args: readonly string[], values: Readonly<Record<string, unknown>>]>([
    ['A B', ['A', 'B'], {}],
    ['A -a B', ['A', 'B'], { 'all-tags': true }],
    ['-anj2 A B', ['A', 'B'], { 'all-tags': true, 'no-clobber': true, jobs: 2 }],
    ['-anj 2 A', ['A'], { 'all-tags': true, 'no-clobber': true, jobs: 2 }],
    ['-j=2', [], { jobs: 2 }],
    ['-aj=2', [], { 'all-tags': true, jobs: 2 }],
    ['--jobs 2 --jobs=3', [], { jobs: 3 }],
    ['--jobs -2', [], { jobs: -2 }],
    ['-a=false A', ['A'], { 'all-tags': false }],
    ['--all-tags=F', [], { 'all-tags': false }],
    ['--all-tags false', ['false'], { 'all-tags': true }],
    ['--tag=', [], { tag: '' }],
    ['--tag a=b=c', [], { tag: 'a=b=c' }],
    ['--tag=a=b', [], { tag: 'a=b' }],
    ['--tag --all-tags', [], { tag: '--all-tags' }],
    ['--tag -- A', ['A'], { tag: '--' }],
    ['-t=', [], { tag: '=' }],
    ['-tx=y', [], { tag: 'x=y' }],
    ['- -a', ['-'], { 'all-tags': true }],
    ['A -- -a --nope', ['A', '-a', '--nope'], {}],
  ])('%s', (argv, args, values) => {
    const parsed = read(argv.split(' '));
    expect(parsed.args).toEqual(args);
    expect(Object.fromEntries(parsed.values)).toEqual(values);
  });

  test.each([
    ['--nope', 'unknown flag: --nope'],
    ['--nope=1', 'unknown flag: --nope'],
    ['--all', 'unknown flag: --all'],
    ['--__proto__', 'unknown flag: --__proto__'],
    ['-Z', "unknown shorthand flag: 'Z' in -Z"],
    ['-aZ', "unknown shorthand flag: 'Z' in -Z"],
    ['-aZn', "unknown shorthand flag: 'Z' in -Zn"],
    ['-é', "unknown shorthand flag: 'é' in -é"],
    ['-a=', "unknown shorthand flag: '=' in -="],
    ['--tag', 'flag needs an argument: --tag'],
    ['-aj', "flag needs an argument: 'j' in -j"],
    ['---x', 'bad flag syntax: ---x'],
    ['--=x', 'bad flag syntax: --=x'],
    ['-j x', 'invalid argument "x" for "-j, --jobs" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    ['--jobs=', 'invalid argument "" for "-j, --jobs" flag: strconv.ParseInt: parsing "": invalid syntax'],
    [
      '-a=maybe',
      'invalid argument "maybe" for "-a, --all-tags" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ['--\u001B[2J', String.raw`unknown flag: --\x1b[2J`],
  ])('%s is refused: %s', (argv, message) => {
    expect(() => read(argv.split(' '))).toThrow(expect.objectContaining({ name: 'UsageError', message }));
  });

  test('a deprecated flag works and gives a notice', () => {
    const notices: string[] = [];
    const { values } = parseFlags(['--old', 'x'], table, (line) => notices.push(line));
    expect(values.get('old')).toBe('x');
    expect(notices).toEqual(['Flag --old has been deprecated, use --tag']);
  });

  test('the first owner of a name or of a letter keeps it', () => {
    const own = { tag: bool({ shorthand: 't', description }) };
    const shared = { tag: string({ description }), trace: bool({ shorthand: 't', description }) };
    const both = flagTable({ flags: own, local: true }, { flags: shared, local: false });
    expect(Object.fromEntries(parseFlags(['-t', '--trace'], both, () => {}).values)).toEqual({
      tag: true,
      trace: true,
    });
    expect(both.byShorthand.get('t')?.name).toBe('tag');
  });

  test('every way to write flags and arguments gives the same values', () => {
    const word = fc.string({ maxLength: 8 });
    const argument = word.filter((text) => !text.startsWith('-') || text === '-');
    const piece = fc.oneof(
      argument.map((text) => ({ argv: [text], arg: text })),
      fc.tuple(word, fc.constantFrom('--tag=', '--tag', '-t')).map(([tag, form]) => written(form, tag)),
      fc.boolean().map((value) => ({ argv: [`--all-tags=${value}`], values: { 'all-tags': value } })),
      fc.constant({ argv: ['-an'], values: { 'all-tags': true, 'no-clobber': true } }),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.array(word), (pieces, rest) => {
        const parsed = read([...pieces.flatMap(({ argv }) => argv), '--', ...rest]);
        expect(parsed.args).toEqual([...pieces.flatMap((one) => ('arg' in one ? [one.arg] : [])), ...rest]);
        expect(Object.fromEntries(parsed.values)).toEqual(
          Object.assign({}, ...pieces.map((one) => ('values' in one ? one.values : {}))),
        );
      }),
    );
  });
});

function written(form: string, tag: string): { argv: readonly string[]; values: Readonly<Record<string, unknown>> } {
  return { argv: form.endsWith('=') ? [form + tag] : [form, tag], values: { tag } };
}

function read(argv: readonly string[]): ParsedFlags {
  return parseFlags(argv, table, () => {});
}
