import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageWithManPages } from '../scripts/cli-docs/package-man.ts';
import { manPages } from '../scripts/cli-docs/pages.ts';
import { renderRoff } from '../src/cli/framework/roff.ts';
import { runCommand } from './support/command.ts';
import { projectRoot } from './support/paths.ts';
import { describeWith, requirement } from './support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from './support/temp-directory.ts';

const [groff, man, mandoc] = [requirement('groff'), requirement('man'), requirement('mandoc')];
const pages = await manPages('1.0.0');
const names = Array.from(pages.keys());

let folder: TemporaryDirectory;

beforeAll(async () => {
  folder = await temporaryDirectory();
  for (const [name, text] of pages) await writeFile(folder.file(name), text);
});

afterAll(() => folder.remove());

describe('manual pages', () => {
  it('are there for every command of crane, and for those that gcrane has otherwise', () => {
    expect(names).toEqual(
      expect.arrayContaining(['crane.1', 'crane-copy.1', 'crane-auth-login.1', 'gcrane.1', 'gcrane-gc.1']),
    );
    expect(names).not.toContain('gcrane-append.1');
    expect(pages.get('gcrane.1')).toContain(String.raw`\fBcrane\-append\fR(1)`);
    expect(pages.get('gcrane.1')).toContain(String.raw`\fBgcrane\-gc\fR(1)`);
  });

  it('are all named in package.json, which makes npm install them', async () => {
    const text = readFileSync(join(projectRoot, 'package.json'), 'utf8');
    expect(text, 'Run: npm run docs').toBe(await packageWithManPages(text));
  });

  it('refer to pages that are there', () => {
    const referred = Array.from(pages.values()).flatMap((text) =>
      Array.from(text.matchAll(/^\\fB(.*)\\fR\(1\)$/gm), ([, name = '']) => `${name.replaceAll('\\', '')}.1`),
    );
    expect(referred.length).toBeGreaterThan(60);
    expect(referred.filter((name) => !pages.has(name))).toEqual([]);
  });

  describeWith([groff], 'with groff', () => {
    it('have nothing that it warns of', async () => {
      const { code, stdout, stderr } = await groffOf(names);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('CRANE-COPY(1)');
    });

    it('show flags and command lines as they are typed', async () => {
      const { stdout } = await groffOf(['crane-mutate.1']);
      for (const typed of ['--unset-env DEBUG', '"curl -f http://localhost/"', '-o app.tar']) {
        expect(stdout).toContain(typed);
      }
    });

    it('show any text as it is', async () => {
      const summary = String.raw`.it's a "\fBtest\n" of ^~` + '`é…😀` --x';
      const page = { ...empty, summary, examples: `.nf\n'x\n\n  two  spaces\n${summary}` };
      await writeFile(folder.file('any.1'), renderRoff(page, { source: 'x' }));
      const { stdout, stderr } = await groffOf(['any.1']);
      expect(stderr).toBe('');
      expect(stdout.split('\n').map((line) => line.slice(11))).toEqual(
        expect.arrayContaining(['.nf', "'x", '  two  spaces', summary]),
      );
    });

    /** Without bold and italics, which terminals are told by going back over a letter. */
    async function groffOf(files: readonly string[]) {
      const args = ['-man', '-Tutf8', '-ww', '-P-cbou', ...files];
      return runCommand(groff.path, args, { cwd: folder.path });
    }
  });

  describeWith([man], 'with man', () => {
    it('can be read', async () => {
      const env = { MANWIDTH: '80', MANPAGER: 'cat' };
      const { code, stdout } = await runCommand(man.path, ['-l', folder.file('crane-rebase.1')], { env });
      expect(code).toBe(0);
      expect(stdout).toContain('crane-rebase - ');
    });
  });

  describeWith([mandoc], 'with mandoc', () => {
    it('have no errors', async () => {
      const args = ['-T', 'lint', '-W', 'error', ...names];
      const { code, stdout } = await runCommand(mandoc.path, args, { cwd: folder.path });
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    });
  });
});

const empty = {
  path: 'x',
  name: 'x',
  description: 'x',
  hidden: false,
  usageLines: ['x'],
  aliases: [],
  commands: [],
  nameWidth: 0,
  flags: [],
  globalFlags: [],
};
