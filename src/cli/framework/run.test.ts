import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runSample, sampleProgram } from './sample-program.ts';

describe('running a command line', () => {
  test('loads and runs one command between the hooks and gives its exit code', async () => {
    const result = await runSample(['cp', 'A', '-anj2', 'B']);
    expect(result).toMatchObject({ code: 0, out: '', err: '', loaded: ['copy'] });
    expect(result.ran).toEqual([
      'before crane copy',
      { args: ['A', 'B'], 'all-tags': true, 'no-clobber': true, jobs: 2 },
      'after crane copy',
    ]);
  });

  test('a command that gives another exit code is not followed by the hook', async () => {
    const { code, ran } = await runSample(['copy', 'A', 'B', '-j99']);
    expect(code).toBe(3);
    expect(ran.at(-1)).toMatchObject({ jobs: 99 });
  });

  test('what a command throws is reported by the program, which chooses the exit code', async () => {
    const { code, err, ran } = await runSample(['delete', 'A']);
    expect({ code, err, ran }).toEqual({ code: 7, err: 'reported: no such image\n', ran: ['before crane delete'] });
  });

  test('what the hook throws is reported and the command does not run', async () => {
    const program = () => ({
      ...sampleProgram(),
      before: () => {
        throw new Error('broken settings');
      },
    });
    const { code, err, ran } = await runSample(['digest', 'A'], program);
    expect({ code, err, ran }).toEqual({ code: 7, err: 'reported: broken settings\n', ran: [] });
  });

  test('flags of the program may stand before and after the command', async () => {
    const { ran } = await runSample(['--platform', 'linux/arm64', '-v', 'digest', 'A', '--insecure']);
    expect(ran[1]).toMatchObject({ args: ['A'], platform: 'linux/arm64', verbose: true, insecure: true });
  });

  test('help and the commands it lists do not load any command', async () => {
    expect((await runSample(['--help'])).loaded).toEqual([]);
    expect((await runSample(['help'])).loaded).toEqual([]);
    expect((await runSample([])).loaded).toEqual([]);
  });

  test('a deprecated flag prints a notice and works', async () => {
    const { code, err } = await runSample(['mutate', 'A', '--old', 'x']);
    expect({ code, err }).toEqual({ code: 0, err: 'Flag --old has been deprecated, use --cmd\n' });
  });
});

describe('flags in front of the command', () => {
  test.each([
    ['-u U auth login H', { args: ['H'], own: '', global: 'U', changed: false }],
    ['-uU auth login H', { args: ['H'], own: '', global: 'U', changed: false }],
    ['--username=U auth login H', { args: ['H'], own: '', global: 'U', changed: false }],
    ['-vuU auth login H', { args: ['H'], own: '', global: 'U', changed: false }],
    ['-u U auth login H -u V', { args: ['H'], own: 'V', global: 'U', changed: true }],
    ['auth login -u V H', { args: ['H'], own: 'V', global: '', changed: true }],
    ['auth -u V login H', { args: ['H'], own: 'V', global: '', changed: true }],
    ['-u auth auth login login', { args: ['login'], own: '', global: 'auth', changed: false }],
  ])('%s', async (argv, expected) => {
    const { ran, err } = await runSample(argv.split(' '));
    expect({ err, ran: ran[1] }).toEqual({ err: '', ran: expected });
  });

  test('flags of the program mean the same wherever they stand', async () => {
    const flag = fc.constantFrom(['-v'], ['--insecure'], ['--platform', 'ls'], ['--platform=ls'], ['--verbose=true']);
    const flags = fc.array(fc.tuple(fc.nat({ max: 4 }), flag), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(flags, async (placed) => {
        const at = (place: number): readonly string[] =>
          placed.flatMap(([where, words]) => (where === place ? words : []));
        const words = [...at(0), 'index', ...at(1), 'filter', ...at(2), 'A', ...at(3)];
        const { ran, err } = await runSample(words);
        const given = placed.filter(([where, [first = '']]) => where < 4 && first.startsWith('--platform'));
        expect({ err, ran: ran[1] }).toEqual({
          err: '',
          ran: { own: given.map(() => 'ls'), global: undefined, changed: given.length > 0 },
        });
      }),
    );
  });

  test('a bundle of flags of the program and leading ones is taken apart', async () => {
    const { ran } = await runSample(['-vu', 'U', '--password-stdin', 'digest', 'A']);
    expect(ran[1]).toMatchObject({ verbose: true, username: 'U', 'password-stdin': true });
  });

  test('behind the command they are the flags of the command, or unknown', async () => {
    const { code, err } = await runSample(['digest', '-u', 'U', 'A']);
    expect({ code, err }).toEqual({ code: 1, err: "Error: unknown shorthand flag: 'u' in -u\n" });
  });

  test.each(['--platform linux index filter A', 'index --platform linux filter A', 'index filter A --platform linux'])(
    'a flag of the command shadows that of the program: %s',
    async (argv) => {
      const { ran } = await runSample(argv.split(' '));
      expect(ran[1]).toEqual({ own: ['linux'], global: undefined, changed: true });
    },
  );

  test('flags of the command may stand in front of its name as far as crane takes them', async () => {
    const { ran } = await runSample(['-j', '2', 'copy', 'A', 'B']);
    expect(ran[1]).toMatchObject({ args: ['A', 'B'], jobs: 2 });
  });
});

// The texts are those of the original: scripts look for them. crane-cli reference, section 1.
describe('errors', () => {
  test.each<[argv: string, message: string]>([
    ['foo', 'unknown command "foo" for "crane"\nRun \'crane --help\' for usage.'],
    ['foo --nope', 'unknown command "foo" for "crane"\nRun \'crane --help\' for usage.'],
    ['rm', 'unknown command "rm" for "crane"\n\nDid you mean this?\n\tls\n\nRun \'crane --help\' for usage.'],
    ['pu', 'unknown command "pu" for "crane"\n\nDid you mean this?\n\tls\n\tpull\n\nRun \'crane --help\' for usage.'],
    ['auth X', `unknown command "X" for "crane auth"${seeHelp('auth')}`],
    ['auth -- login', `unknown command "login" for "crane auth"\n\nDid you mean this?\n\tlogin\n${seeHelp('auth')}`],
    ['version X', `unknown command "X" for "crane version"\n  Usage: crane version [flags]`],
    ['registry serve X', `unknown command "X" for "crane registry serve"\n  Usage: crane registry serve [flags]`],
    ['completion bash X', `unknown command "X" for "crane completion bash"\n  Usage: crane completion bash [flags]`],
    ['copy A', `accepts 2 arg(s), received 1\n  Usage: crane copy SRC DST [flags]`],
    ['copy A B C', `accepts 2 arg(s), received 3\n  Usage: crane copy SRC DST [flags]`],
    ['- copy A B', `accepts 2 arg(s), received 3\n  Usage: crane copy SRC DST [flags]`],
    ['digest A B', `accepts at most 1 arg(s), received 2\n  Usage: crane digest [flags]`],
    ['pull A', `requires at least 2 arg(s), only received 1\n  Usage: crane pull IMAGE PATH [flags]`],
    ['index', `accepts 1 arg(s), received 0\n  Usage: crane index [command]`],
    ['index foo bar', `unknown command "foo" for "crane index"${seeHelp('index')}`],
    ['index filer', `unknown command "filer" for "crane index"\n\nDid you mean this?\n\tfilter\n${seeHelp('index')}`],
    ['registry nosuch', `unknown command "nosuch" for "crane registry"${seeHelp('registry')}`],
    ['completion nonsense', `unknown command "nonsense" for "crane completion"${seeHelp('completion')}`],
    ['--version', 'unknown flag: --version'],
    ['--nope', 'unknown flag: --nope'],
    ['copy A B --all-tag --nope', 'unknown flag: --all-tag\n  Did you mean --all-tags?'],
    ['digest A --platfrom x', 'unknown flag: --platfrom\n  Did you mean --platform?'],
    ['mutate A --secrets x', 'unknown flag: --secrets'],
    ['--nope digest A B', 'unknown flag: --nope'],
    ['-Z digest A B', "unknown shorthand flag: 'Z' in -Z"],
    ['digest --platform', 'flag needs an argument: --platform'],
    ['--platform', 'flag needs an argument: --platform'],
    ['-u', "flag needs an argument: 'u' in -u"],
    [
      '--platform a/b/c/d digest A',
      'invalid argument "a/b/c/d" for "--platform" flag: too many slashes in platform spec: a/b/c/d',
    ],
    ['append -f L --new_tag T --base B --oci-empty-base', groupMessage()],
    ['append --base B --oci-empty-base', 'required flag(s) "new_layer", "new_tag" not set'],
    ['append X', `unknown command "X" for "crane append"\n  Usage: crane append [flags]`],
    ['append -t T', 'required flag(s) "new_layer" not set'],
    ['digest -h --nope', 'unknown flag: --nope'],
  ])('%s', async (argv, message) => {
    const { code, out, err } = await runSample(argv.split(' '));
    expect({ code, out, err }).toEqual({ code: 1, out: '', err: `Error: ${message}\n` });
  });

  test('the hook runs after the number of arguments is known and before required flags are asked for', async () => {
    expect((await runSample(['append', 'X'])).ran).toEqual([]);
    expect((await runSample(['append'])).ran).toEqual(['before crane append']);
  });

  test('names and values in a message cannot control the terminal', async () => {
    expect((await runSample(['\u001B[2Jfoo'])).err).toContain(String.raw`unknown command "\x1b[2Jfoo" for "crane"`);
    expect((await runSample(['digest', '--\u001B[2J'])).err).toBe('Error: unknown flag: --\\x1b[2J\n');
  });

  test('the name of the program is that of the program', async () => {
    const program = () => ({ ...sampleProgram(), name: 'gcrane' });
    expect((await runSample(['foo'], program)).err).toBe(
      'Error: unknown command "foo" for "gcrane"\nRun \'gcrane --help\' for usage.\n',
    );
  });
});

function seeHelp(command: string): string {
  return `\nRun 'crane ${command} --help' for usage.`;
}

function groupMessage(): string {
  return 'if any flags in the group [oci-empty-base base] are set none of the others can be; [base oci-empty-base] were all set';
}
