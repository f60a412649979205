import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runSample } from './sample-program.ts';

// The program that the scripts ask is a stand-in which notes its arguments, one per line, and prints what ANSWER says.
const standIn = `#!/bin/sh
printf '<%s>\\n' "$@" > "$ASKED"
printf "$ANSWER"
`;

const login = 'login\\tStore it\\nlogout\\tForget it\\n:4\\n';

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'completion-'));
  mkdirSync(join(directory, 'work'));
  writeFileSync(join(directory, 'work', 'a file'), '');
  writeFileSync(join(directory, 'crane'), standIn);
  chmodSync(join(directory, 'crane'), 0o755);
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('the script for bash', () => {
  /** `words` as bash itself cuts the line: also at "=" and ":". */
  async function complete(line: string, words: readonly string[], answer: string, before = ''): Promise<string[]> {
    const script = `source "$1"; shift; ${before}
      COMP_LINE=$1; COMP_POINT=\${#1}; COMP_TYPE=\${TYPE:-9}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COLUMNS=60
      _crane_complete; (( \${#COMPREPLY[@]} )) && printf '%s\\n' "\${COMPREPLY[@]}"; true`;
    return run('bash', ['-c', script, 'bash', await scriptFile('bash'), line, ...words], answer);
  }

  test('registers itself for the program', async () => {
    const registered = run('bash', ['-c', 'source "$1"; complete -p crane', 'bash', await scriptFile('bash')], '');
    expect(registered).toEqual(['complete -o default -F _crane_complete crane']);
  });

  test('lists candidates with aligned descriptions cut to the width of the screen', async () => {
    expect(await complete('crane auth l', ['crane', 'auth', 'l'], login)).toEqual([
      'login   (Store it)',
      'logout  (Forget it)',
    ]);
    expect(asked()).toEqual(['__complete', 'auth', 'l']);
  });

  test('inserts a single candidate without its description', async () => {
    expect(await complete('crane di', ['crane', 'di'], 'digest\\tShow\\n:4\\n')).toEqual(['digest']);
  });

  test('shows no descriptions where bash puts candidates into the line one after the other', async () => {
    expect(await complete('crane auth l', ['crane', 'auth', 'l'], login, 'TYPE=37')).toEqual(['login', 'logout']);
  });

  test('passes an empty word at the end', async () => {
    await complete('crane auth ', ['crane', 'auth', ''], login);
    expect(asked()).toEqual(['__complete', 'auth', '']);
  });

  test('joins what bash cut at = and : and gives back only the rest', async () => {
    const platforms = 'linux/amd64\\n:4\\n';
    expect(await complete('crane --platform=li', ['crane', '--platform', '=', 'li'], platforms)).toEqual([
      'linux/amd64',
    ]);
    expect(asked()).toEqual(['__complete', '--platform=li']);
    expect(await complete('crane --platform=', ['crane', '--platform', '='], platforms)).toEqual(['linux/amd64']);
    expect(await complete('crane ls a:50/b', ['crane', 'ls', 'a', ':', '50/b'], 'a:50/bc\\n:4\\n')).toEqual(['50/bc']);
    expect(asked()).toEqual(['__complete', 'ls', 'a:50/b']);
    expect(await complete('crane cp a:1 b', ['crane', 'cp', 'a', ':', '1', 'b'], ':0\\n')).toEqual([]);
    expect(asked()).toEqual(['__complete', 'cp', 'a:1', 'b']);
  });

  test('joins names with digests, which bash cuts at @, too', async () => {
    const words = ['crane', 'cp', 'a', '@', 'sha256', ':', '12', 'b', '@', 'c', ':', 'd'];
    const breaks = `COMP_WORDBREAKS=$' \\t\\n@=:'`;
    expect(await complete('crane cp a@sha256:12 b@c:d', words, 'b@c:de\\n:4\\n', breaks)).toEqual(['de']);
    expect(asked()).toEqual(['__complete', 'cp', 'a@sha256:12', 'b@c:d']);
    expect(await complete('crane cp x@', ['crane', 'cp', 'x', '@'], 'x@y\\n:4\\n', breaks)).toEqual(['y']);
  });

  test('hands over words without the backslashes that bash needs, and gives it those that it needs', async () => {
    const words = ['crane', 'push', 'oci', ':', String.raw`my\ d`];
    const line = String.raw`crane push oci:my\ d`;
    expect(await complete(line, words, 'oci:my dir/\\noci:my d,e/\\n:6\\n')).toEqual([
      String.raw`my\ dir/`,
      String.raw`my\ d\,e/`,
    ]);
    expect(asked()).toEqual(['__complete', 'push', 'oci:my d']);
    const platforms = ['crane', '--platform', 'a,b'];
    expect(await complete('crane --platform a,b', platforms, 'a,b/c\\n:4\\n')).toEqual(['a,b/c']);
  });

  test('puts no space behind what goes on', async () => {
    const options = 'compopt() { echo "compopt $*"; }';
    const words = ['crane', 'ls', 'a'];
    const [files, space] = ['compopt +o default', 'compopt -o nospace'];
    expect(await complete('crane ls a', words, 'app\\n:6\\n', options)).toEqual([files, space, 'app']);
    expect(await complete('crane ls a', words, 'app\\n:4\\n', options)).toEqual([files, 'app']);
    expect(await complete('crane ls a', words, ':0\\n', options)).toEqual([]);
  });

  test('keeps the flag where bash does not cut at =', async () => {
    const answer = 'linux/amd64\\n:4\\n';
    expect(await complete('crane --platform=li', ['crane', '--platform=li'], answer, "COMP_WORDBREAKS=' '")).toEqual([
      '--platform=linux/amd64',
    ]);
  });

  test('evaluates neither what is typed nor what the program answers', async () => {
    const words = ['crane', 'copy', '$(touch work/typed)', '`touch work/typed`', ''];
    const values = await complete(words.join(' '), words, '$(touch work/answered)\\n:4\\n');
    expect(values).toEqual([String.raw`\$\(touch\ work/answered\)`]);
    expect(existsSync(join(directory, 'work', 'typed'))).toBe(false);
    expect(asked()).toEqual(['__complete', ...words.slice(1)]);
  });

  test('asks the program on PATH where the word in front of the line is none', async () => {
    await complete('no-such-program auth l', ['no-such-program', 'auth', 'l'], login);
    expect(asked()).toEqual(['__complete', 'auth', 'l']);
  });
});

describe.skipIf(!installed('zsh'))('the script for zsh (skipped where zsh is not installed)', () => {
  /** The functions of zsh's completion system are replaced by ones that print what they get. */
  async function complete(words: readonly string[], answer: string): Promise<string[]> {
    const script = `compdef() { true }
      _describe() { print -rl -- "\${(@P)4}" "\${@:5}" }
      _files() { print files }
      compset() { print -r -- "cut $2" }
      source "$1"; shift
      words=("$@"); CURRENT=$#; PREFIX=\${words[-1]}
      _crane`;
    return run('zsh', ['-f', '-c', script, 'zsh', await scriptFile('zsh'), ...words], answer);
  }

  test('gives candidates with descriptions', async () => {
    expect(await complete(['crane', 'auth', 'l'], login)).toEqual(['login:Store it', 'logout:Forget it']);
    expect(asked()).toEqual(['__complete', 'auth', 'l']);
  });

  test('passes an empty word, removes quotes, escapes colons', async () => {
    expect(await complete(['crane', '"a b"', ''], 'x:1\\tTag\\n:4\\n')).toEqual([String.raw`x\:1:Tag`]);
    expect(asked()).toEqual(['__complete', 'a b', '']);
  });

  test('sets the flag aside before its value', async () => {
    expect(await complete(['crane', '--platform=li'], 'linux/amd64\\n:4\\n')).toEqual(['cut *=', 'linux/amd64']);
  });

  test('puts no space behind what goes on', async () => {
    expect(await complete(['crane', 'ls', 'a'], 'app\\n:6\\n')).toEqual(['app', '-S']);
    expect(await complete(['crane', 'ls', 'a'], 'a\\na/\\n:4\\n')).toEqual(['a', 'a/', '-S']);
  });

  test('offers files only where the program says so', async () => {
    expect(await complete(['crane', 'digest', ''], ':0\\n')).toEqual(['files']);
    expect(await complete(['crane', 'version', ''], ':4\\n')).toEqual([]);
  });
});

describe.skipIf(!installed('fish'))('the script for fish (skipped where fish is not installed)', () => {
  async function complete(line: string, answer: string): Promise<string[]> {
    const script = 'source $argv[1]; cd work; complete -C $argv[2]';
    return run('fish', ['--no-config', '-c', script, await scriptFile('fish'), line], answer);
  }

  test('gives candidates with descriptions', async () => {
    expect(await complete('crane auth l', login)).toEqual(['login\tStore it', 'logout\tForget it']);
    expect(asked()).toEqual(['__complete', 'auth', 'l']);
  });

  test('passes an empty word and puts the flag before its value', async () => {
    await complete('crane auth ', login);
    expect(asked()).toEqual(['__complete', 'auth', '']);
    expect(await complete('crane --platform=li', 'linux/amd64\\n:4\\n')).toEqual(['--platform=linux/amd64']);
  });

  test('puts no space behind what goes on, by offering something longer, too', async () => {
    expect(await complete('crane ls a', 'app\\tName\\n:6\\n')).toEqual(['app\tName', 'app.']);
    expect(await complete('crane ls a', 'app\\n:4\\n')).toEqual(['app']);
  });

  test('offers files only where the program says so', async () => {
    expect(await complete('crane digest a', ':0\\n')).toEqual(['a file']);
    expect(await complete('crane version a', ':4\\n')).toEqual([]);
  });
});

describe('the script for PowerShell', () => {
  test('registers a completer that asks the program', async () => {
    const { out } = await runSample(['completion', 'powershell']);
    expect(out).toContain("Register-ArgumentCompleter -Native -CommandName 'crane' -ScriptBlock {");
    expect(out).toContain('& $called __complete @arguments $current 2>$null');
    expect(out).toContain('$value, $description = $line -split "`t", 2');
  });
});

test.each(['bash', 'fish', 'powershell', 'zsh'])('the script for %s can do without descriptions', async (shell) => {
  const { code, out, err } = await runSample(['completion', shell, '--no-descriptions']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain(' __completeNoDesc ');
  expect(out).not.toContain(' __complete ');
});

async function scriptFile(shell: string): Promise<string> {
  const path = join(directory, `crane.${shell}`);
  writeFileSync(path, (await runSample(['completion', shell])).out);
  return path;
}

function run(shell: string, args: readonly string[], answer: string): string[] {
  const env = {
    PATH: `${directory}:${process.env['PATH'] ?? ''}`,
    HOME: directory,
    ASKED: join(directory, 'asked'),
    ANSWER: answer,
  };
  const output = execFileSync(shell, args, { cwd: directory, env, encoding: 'utf8' });
  return output.split('\n').filter((line) => line !== '');
}

function asked(): string[] {
  const lines = readFileSync(join(directory, 'asked'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.slice(1, -1));
}

function installed(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}
