import { describe, expect, test } from 'vitest';
import { atMost } from './arguments.ts';
import { defineCommand } from './command.ts';
import { strings } from './flag.ts';
import { runSample, type SampleCommand, sampleProgram, type SampleProgram } from './sample-program.ts';

const everywhere = ['--help', '-h', '--insecure', '--platform', '--verbose', '-v'];

describe('completion', () => {
  test('offers commands with descriptions and says that files are not wanted', async () => {
    const { code, out, err } = await runSample(['__complete', 'a']);
    expect({ code, out }).toEqual({ code: 0, out: 'append\tPut layers on top\nauth\tWork with credentials\n:4\n' });
    expect(err).toBe('Completion ended with directive: ShellCompDirectiveNoFileComp\n');
  });

  test('offers names only when asked so', async () => {
    expect((await runSample(['__completeNoDesc', 'a'])).out).toBe('append\nauth\n:4\n');
  });

  test.each<[words: readonly string[], values: readonly string[], files: boolean]>([
    [['c'], ['completion', 'copy'], false],
    [['cp'], [], false],
    [['edi'], [], false],
    [['auth', ''], ['login'], false],
    [['-v', 'auth', 'l'], ['login'], false],
    [['help', 'au'], ['auth'], false],
    [['help', 'auth', ''], ['login'], false],
    [['completion', 'z'], ['zsh'], false],
    [['layout', ''], [], false],
    [['digest', ''], [], true],
    [['digest', 'A', ''], [], false],
    [['version', ''], [], false],
    [['copy', ''], ['image-0'], false],
    [['cp', 'A', '-a', 'im'], ['image-1'], false],
    [['copy', 'x'], [], false],
    [['copy', '--', 'A', ''], ['image-1'], false],
    [['pull', 'A', 'B', 'C', ''], [], true],
    [['digest', '-'], everywhere, false],
    [['digest', '--'], everywhere.filter((name) => name.startsWith('--')), false],
    [['digest', '--pl'], ['--platform'], false],
    [['digest', '-v', '--v'], [], false],
    [['copy', '-j'], ['-j'], false],
    [['-'], [...everywhere, '--password-stdin', '--username', '-u'].sort(byLongName), false],
    [['mutate', '--label', 'a=b', '--'], mutateFlags(), false],
    [['digest', '--platform', ''], ['linux/amd64', 'linux/arm64'], false],
    [['digest', '--platform', 'linux/ar'], ['linux/arm64'], false],
    [['digest', '--platform=linux/ar'], ['linux/arm64'], false],
    [['--platform', ''], ['linux/amd64', 'linux/arm64'], false],
    [['digest', '--insecure='], ['true', 'false'], false],
    [['digest', '-v=t'], ['true'], false],
    [['copy', '-aj', ''], [], false],
    [['copy', '--jobs', ''], [], false],
    [['-u', ''], [], true],
    [['digest', '-h', ''], [], false],
    [['digest', '--', '-'], [], true],
    [['foo', ''], [], true],
    [['digest', '--nope', ''], [], true],
    [['digest', '--nope='], [], true],
    [['copy', '-j', 'x', ''], [], true],
  ])('%j gives %j', async (words, values, files) => {
    const { out, code } = await runSample(['__completeNoDesc', ...words]);
    expect({ code, lines: out.split('\n') }).toEqual({ code: 0, lines: [...values, files ? ':0' : ':4', ''] });
  });

  test('a list is completed behind its last comma, for flags that take lists', async () => {
    const words = ['--kinds', 'tar,'];
    expect((await runSample(['__completeNoDesc', 'x', ...words], completing)).out).toBe('tar,zip\ntar,zstd\n:4\n');
    expect((await runSample(['__completeNoDesc', 'x', '--kinds=z'], completing)).out).toBe('zip\nzstd\n:4\n');
  });

  test('the shell puts no space behind what goes on, when nothing else is offered', async () => {
    const { out, err } = await runSample(['__complete', 'x', 'dir'], completing);
    expect(out).toBe('dir/\n:6\n');
    expect(err).toBe('Completion ended with directive: ShellCompDirectiveNoSpace, ShellCompDirectiveNoFileComp\n');
    expect((await runSample(['__complete', 'x', ''], completing)).out).toBe('dir/\nword\n:4\n');
    expect((await runSample(['__complete', 'x', 'nothing'], completing)).out).toBe(':4\n');
  });

  test('a completion may leave it to the shell to offer files', async () => {
    expect((await runSample(['__complete', 'x', 'a', ''], completing)).out).toBe(':0\n');
  });

  test('the program sees its own flags before, as far as they are typed', async () => {
    const words = ['-u', 'me', 'x', '--insecure', '--kinds', ''];
    expect((await runSample(['__complete', ...words], completing)).ran).toEqual([{ username: 'me', insecure: true }]);
    expect((await runSample(['__complete', 'x', '--insecure', '-u', ''], completing)).ran).toEqual([]);
  });

  test('what goes wrong is told on standard error only', async () => {
    const { code, out, err } = await runSample(['__complete', 'digest', '--nope', '']);
    expect({ code, out }).toEqual({ code: 0, out: ':0\n' });
    expect(err).toMatch(/^\[Debug\] \[Error\] unknown flag: --nope\n/);
  });

  test('a candidate and its description stay on one line and cannot control the terminal', async () => {
    const load = async () => ({
      command: {
        arguments: { most: 1, problem: () => undefined },
        complete: () => [{ value: 'a\nb', description: '\u001B[31mred\nsecond' }],
        run: () => {},
      },
    });
    const program = () => ({ ...sampleProgram(), commands: [{ name: 'x', summary: '', load }] });
    expect((await runSample(['__complete', 'x', ''], program)).out).toBe('a\\nb\t\\x1b[31mred\n:4\n');
  });

  test('without a word to complete it is an error, as in crane', async () => {
    const { code, err } = await runSample(['__complete']);
    expect({ code, err }).toEqual({ code: 1, err: 'Error: requires at least 1 arg(s), only received 0\n' });
  });

  test('loads only the command that is completed', async () => {
    expect((await runSample(['__complete', ''])).loaded).toEqual([]);
    expect((await runSample(['__complete', 'copy', '-'])).loaded).toEqual(['copy']);
  });
});

function completing(): SampleProgram {
  const kinds = strings({ description: 'Kinds', complete: () => ['tar', 'zip', 'zstd'] });
  const command: SampleCommand = defineCommand({
    arguments: atMost(2),
    flags: { kinds },
    complete: ({ args }) => (args.length > 0 ? undefined : [{ value: 'dir/', goesOn: true }, 'word']),
    run: () => {},
  });
  return {
    ...sampleProgram(),
    commands: [{ name: 'x', summary: '', load: async () => ({ command }) }],
    beforeCompleting: ({ context, globals: { username, insecure } }) => void context.ran.push({ username, insecure }),
  };
}

function mutateFlags(): readonly string[] {
  return ['--cmd', '--env', '--help', '--insecure', '--label', '--platform', '--verbose'];
}

/** A letter follows the long name it belongs to. */
function byLongName(left: string, right: string): number {
  return longName(left) < longName(right) ? -1 : longName(left) > longName(right) ? 1 : right.length - left.length;
}

function longName(name: string): string {
  const names: Readonly<Record<string, string>> = { '-h': '--help', '-v': '--verbose', '-u': '--username' };
  return names[name] ?? name;
}
