import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import { type CommandResult, runCommand, succeeded } from '../support/command.ts';
import { withPrograms } from '../support/fake-program.ts';
import { imageRegistry, platformImage } from '../support/image-registry.ts';
import { projectRoot } from '../support/paths.ts';
import { testDirectory } from '../support/test-directory.ts';

const source = join(projectRoot, 'src');
const registry = imageRegistry();
let program = '';

// Each module of the source becomes a file of its own, so that the engine's list of what it evaluated names them.
beforeAll(async () => {
  // Below the project, where packages are found.
  program = await mkdtemp(join(projectRoot, 'node_modules', '.modules-loaded-'));
  const all = await readdir(source, { recursive: true });
  const { outputFiles } = await build({
    entryPoints: all.filter((file) => /(?<!\.test|\.d)\.ts$/.test(file)).map((file) => join(source, file)),
    outdir: program,
    outbase: source,
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    target: 'node20.19',
    write: false,
  });
  for (const { path, text } of outputFiles) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text.replace(/(\bfrom |\bimport ?\(|^import )(["'])(\.[^"']*)\.ts\2/gm, '$1$2$3.mjs$2'));
  }
  return () => rm(program, { recursive: true });
});

/** Runs crane and tells which of its modules, and which packages, were evaluated. */
async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{
  readonly result: CommandResult;
  readonly modules: readonly string[];
  readonly packages: readonly string[];
}> {
  const directory = await testDirectory();
  const result = await runCommand(process.execPath, [join(program, 'cli', 'crane.mjs'), ...args], {
    env: { ...env, NODE_V8_COVERAGE: directory },
    home: directory,
  });
  const urls = new Set<string>();
  for (const name of await readdir(directory)) {
    if (!name.startsWith('coverage-')) continue;
    const report = JSON.parse(await readFile(join(directory, name), 'utf8')) as {
      readonly result: readonly { readonly url: string }[];
    };
    for (const { url } of report.result) if (url.startsWith('file:')) urls.add(fileURLToPath(url));
  }
  const files = Array.from(urls);
  const modules = files
    .filter((file) => file.startsWith(`${program}/`))
    .map((file) => relative(program, file).replace(/\.mjs$/, '.ts'));
  const packages = files
    .filter((file) => !file.startsWith(`${program}/`))
    .map((file) => relative(join(projectRoot, 'node_modules'), file));
  return { result, modules: modules.toSorted(), packages };
}

it('crane digest of an image in a registry loads nothing of clouds, and no package', async () => {
  const name = await registry.put(await platformImage());
  const { result, modules, packages } = await run(['digest', name]);
  expect(succeeded(result).stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect(modules).toContain('cli/commands/digest.ts');
  expect(modules).toContain('remote/remote-store.ts');
  expect(modules.filter((file) => file.startsWith('keychains/'))).toEqual([]);
  expect(packages).toEqual([]);
});

it('a registry of a cloud has only that cloud loaded', async () => {
  const { env } = await withPrograms({ gh: 'echo gho_token' });
  const { result, modules } = await run(['auth', 'get', 'ghcr.io'], { PATH: env['PATH'] ?? '' });
  expect(JSON.parse(succeeded(result).stdout)).toEqual({ Username: 'unset', Secret: 'gho_token' });
  expect(modules.filter((file) => file.startsWith('keychains/'))).toEqual([
    'keychains/cached-keychain.ts',
    'keychains/cloud-environment.ts',
    'keychains/cloud-keychain.ts',
    'keychains/cloud-program.ts',
    'keychains/failure-words.ts',
    'keychains/ghcr.ts',
  ]);
});
