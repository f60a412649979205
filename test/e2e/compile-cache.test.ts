import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCommand, succeeded } from '../support/command.ts';
import { projectRoot } from '../support/paths.ts';
import { testDirectory } from '../support/test-directory.ts';

/** The built program in a directory of its own, where nothing has been compiled yet. */
async function freshProgram(): Promise<{
  readonly compiled: string;
  readonly run: (...args: readonly string[]) => Promise<string>;
}> {
  const directory = join(await testDirectory(), 'cli');
  await cp(join(projectRoot, 'dist/cli'), directory, { recursive: true });
  const compiled = join(directory, 'compiled');
  await rm(compiled, { recursive: true, force: true });
  return {
    compiled,
    async run(...args) {
      return succeeded(await runCommand(process.execPath, [join(directory, 'crane.js'), ...args])).stdout;
    },
  };
}

/** All files below a directory, with the time of their last change. */
async function filesBelow(directory: string): Promise<ReadonlyMap<string, number>> {
  const names = await readdir(directory, { recursive: true });
  const found = await Promise.all(names.map(async (name) => [name, await stat(join(directory, name))] as const));
  return new Map(found.filter(([, one]) => one.isFile()).map(([name, one]) => [name, one.mtimeMs]));
}

it('what has been compiled of the program is kept beside it, and taken by the next start', async () => {
  const { compiled, run } = await freshProgram();
  const first = await run('version');
  const kept = await filesBelow(compiled);
  expect(kept.size).toBeGreaterThan(0);
  expect(await run('version')).toBe(first);
  expect(await filesBelow(compiled)).toEqual(kept);
});

it('what V8 does not take is compiled anew', async () => {
  const { compiled, run } = await freshProgram();
  const first = await run('version');
  const names = Array.from((await filesBelow(compiled)).keys());
  for (const name of names) await writeFile(join(compiled, name), 'of another version');
  expect(await run('version')).toBe(first);
  for (const name of names) expect((await readFile(join(compiled, name))).byteLength).toBeGreaterThan(1000);
});

it('where nothing can be kept the program runs as well', async () => {
  const { compiled, run } = await freshProgram();
  await writeFile(compiled, 'no directory');
  expect(await run('version')).toMatch(/^\d/);
  expect(await readFile(compiled, 'utf8')).toBe('no directory');
});

it('each command keeps its own, and what is no command makes no place', async () => {
  const { compiled, run } = await freshProgram();
  await run('version');
  await run('-u', 'somebody', '-p', 'secret', 'version', '--json');
  await run('cp', '--help');
  expect((await readdir(compiled)).toSorted()).toEqual(['other', 'version']);
});
