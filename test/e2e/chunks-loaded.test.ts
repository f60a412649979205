import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { craneProgram, runCommand, succeeded } from '../support/command.ts';
import { imageRegistry, platformImage } from '../support/image-registry.ts';
import { testDirectory } from '../support/test-directory.ts';

// What a command loads decides how soon it starts (docs/performance.md): a module in the wrong chunk brings all of that chunk.

const registry = imageRegistry();

/** The names of the chunks of the built program that a command loads, without the hashes of their content. */
async function chunksOf(...args: readonly string[]): Promise<readonly string[]> {
  const directory = await testDirectory();
  const [hook, list] = [join(directory, 'hook.cjs'), join(directory, 'list')];
  const write = `require('node:fs').writeFileSync(${JSON.stringify(list)}, Object.keys(require.cache).join('\\n'))`;
  await writeFile(hook, `process.on('exit', () => ${write})`);
  succeeded(await runCommand(process.execPath, ['--require', hook, craneProgram, ...args], { home: directory }));
  const files = (await readFile(list, 'utf8')).split('\n');
  return files.flatMap((file) => /[/\\]chunks[/\\](.*)-[\w-]{8}\.js$/.exec(file)?.[1] ?? []);
}

it('version loads nothing but what all commands need', async () => {
  expect(await chunksOf('version')).toEqual(['compile-cache', 'rolldown-runtime', 'start', 'version']);
});

it('what only asks a registry loads its client and no more', async () => {
  const name = await registry.put(await platformImage());
  for (const command of ['digest', 'manifest']) {
    const chunks = await chunksOf(command, name);
    expect(chunks.toSorted()).toEqual(['compile-cache', command, 'registry', 'rolldown-runtime', 'start'].toSorted());
  }
});

it('what changes the config of an image loads six chunks of shared modules', async () => {
  const name = await registry.put(await platformImage());
  const chunks = await chunksOf('mutate', '-l', 'a=1', name);
  expect(chunks.filter((chunk) => !['compile-cache', 'rolldown-runtime', 'mutate'].includes(chunk)).toSorted()).toEqual(
    ['copying', 'editing', 'files', 'registry', 'start', 'transfers'].toSorted(),
  );
});
