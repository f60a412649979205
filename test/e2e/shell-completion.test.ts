import { symlink } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crane, craneProgram, runCommand, succeeded } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { describeWith, requirement } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

const [bash, fish, zsh] = [requirement('bash'), requirement('fish'), requirement('zsh')];

let work: TemporaryDirectory;
let registry: CraneRegistry;

beforeAll(async () => {
  work = await temporaryDirectory();
  await symlink(craneProgram, work.file('crane'));
  registry = await startCraneRegistry();
  succeeded(await crane(['index', 'append', '-t', `${registry.address}/lib/app:v1`]));
  for (const tag of ['v1.1', 'v2']) succeeded(await crane(['tag', `${registry.address}/lib/app:v1`, tag]));
  succeeded(await crane(['copy', `${registry.address}/lib/app:v1`, `oci:${work.file('layout')}:one`]));
});

afterAll(async () => {
  await registry.stop();
  await work.remove();
});

// Completion waits for a registry for a time only, which a busy machine may need for other things.
describe('what a shell offers for a command line', { retry: 3 }, () => {
  describeWith([bash], 'in bash', () => {
    /** The cut of the line is bash's own, as its interactive shells make it. */
    async function offers(...words: readonly string[]): Promise<readonly string[]> {
      const line = words.join(' ').replaceAll(/ ([:@])(?: |$)/g, '$1');
      const script = `source <(crane completion bash)
        COMP_LINE=$1; COMP_POINT=\${#1}; COMP_TYPE=9; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _crane_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return lines(bash.path, ['-c', script, 'bash', line, ...words]);
    }

    it('are tags, repositories and local images', async () => {
      const [host, port = ''] = registry.address.split(':');
      const place = work.file('layout');
      expect(await offers('crane', 'digest', `${host}`, ':', `${port}/lib/app`, ':', 'v1')).toEqual(['v1', 'v1.1']);
      expect(await offers('crane', 'digest', `${host}`, ':', `${port}/l`)).toEqual([`${port}/lib/app`]);
      expect(await offers('crane', 'digest', 'oci', ':', place, ':')).toEqual(['one']);
    });
  });

  describeWith([fish], 'in fish', () => {
    async function offers(line: string): Promise<readonly string[]> {
      return lines(fish.path, ['--no-config', '-c', 'crane completion fish | source; complete -C $argv[1]', line]);
    }

    it('are tags, repositories and local images', async () => {
      const app = `${registry.address}/lib/app`;
      expect(await offers(`crane digest ${app}:v1`)).toEqual([`${app}:v1`, `${app}:v1.1`]);
      expect(await offers(`crane digest ${registry.address}/l`)).toEqual([app, `${app}.`]);
      expect(await offers(`crane append --base=${app}:v2`)).toEqual([`--base=${app}:v2`]);
      expect(await offers(`crane copy x oci:${work.file('layout')}:`)).toEqual([`oci:${work.file('layout')}:one`]);
    });
  });

  describeWith([zsh], 'in zsh', () => {
    /** In a terminal of zsh's own, with its completion system and a key that says what the line is by then. */
    async function lineAfterTab(line: string): Promise<string | undefined> {
      const script = `zmodload zsh/zpty
        zpty shell 'PS1= zsh -f -i'
        zpty -w shell 'autoload -Uz compinit; compinit -u -D; source <(crane completion zsh)'
        zpty -w shell 'report() { zle -I; print -r -- "<$BUFFER>" }; zle -N report; bindkey "^X" report; print rea""dy'
        zpty -r -m shell text '*ready*'
        zpty -w -n shell "$1"$'\\t\\C-x'
        zpty -r -m shell text '*<*>*'
        print -r -- "$text"
        zpty -d shell`;
      const text = await lines(zsh.path, ['-f', '-c', script, 'zsh', line]);
      return /<(.*)>/.exec(text.join('\n'))?.[1];
    }

    it('are inserted: tags with a space behind them, what goes on without', async () => {
      const app = `${registry.address}/lib/app`;
      expect(await lineAfterTab(`crane digest ${app}:v2`)).toBe(`crane digest ${app}:v2 `);
      expect(await lineAfterTab(`crane digest ${registry.address}/l`)).toBe(`crane digest ${app}`);
    });
  });

  async function lines(shell: string, args: readonly string[]): Promise<readonly string[]> {
    const env = { PATH: [work.path, process.env['PATH']].join(delimiter), TERM: 'dumb' };
    const { stdout } = succeeded(await runCommand(shell, args, { home: work.path, cwd: work.path, env }));
    return stdout.trimEnd().split('\n');
  }
});
