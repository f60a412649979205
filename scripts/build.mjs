// Builds dist/: the library file by file with tsc (ESM and declarations), the command lines as one bundle with a lazily loaded
// chunk per command, and the manual pages. The bundle is CommonJS, since ES modules take Node 20 longer to load by 8 ms and Node 24
// by 30 (docs/performance.md). Everything is made beside dist/ and swapped in at the end, so a failed build leaves the last one.

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';
import { run } from './run.mjs';

const root = join(import.meta.dirname, '..');
const commandLines = ['crane', 'gcrane'].filter((name) => existsSync(join(root, 'src/cli', `${name}.ts`)));

/**
 * Files cost more to load than bytes, and both cost: what nearly every command needs is two chunks, one without and one with
 * the registry client; what moves blobs, what copies, what edits images, and what reads and writes files are one each; each command and everything rare is a
 * chunk of its own. With a chunk per shared module `crane digest` takes 12 ms longer, with the last two in the one of the
 * registry client 3 ms (docs/performance.md). What a chunk needs goes into it, unless one of higher priority has it.
 */
const chunks = [
  chunk('start', 4, [
    'errors',
    'async/join-signals',
    'oci/(?:decode|platform)',
    'cli/completing/completions\\.ts',
    'cli/framework/(?!complet|help-command)',
    'cli/(?:commands|crane-program|globals|interrupt|json-result|log|main|platform-flag|process|program|report-error|session|step|version)\\.ts',
    'cli/progress/(?:live-output|mode|progress)\\.ts',
  ]),
  chunk('registry', 3, [
    '(?:async|wire)/',
    'oci/(?!document|image-layout|json-spans|layout-referrers|trim-index)',
    'content/(?:abort|bytes|file-|hash|limit|verify)',
    'store/(?!attached|caching|ingest|joined|layout-referrers|memory|overlay|staging)',
    'remote/(?!download/|hosts/|listing/|transport/proxy-agent|upload/)',
    'ops/(?:read|resolve)\\.ts',
    'cli/(?:connections/registry-client|copying/flags|location|open)\\.ts',
  ]),
  chunk('files', 2, [
    'content/file\\.ts',
    'oci/(?:image-layout|json-spans|layout-referrers|trim-index)',
    'store/(?:caching|layout-referrers|memory|overlay)',
  ]),
  chunk('transfers', 1, ['remote/(?:download|upload)/']),
  chunk('copying', 1, ['ops/copy', 'cli/copying/(?:copy-one|destination|log|target)\\.ts']),
  chunk('editing', 0, [
    'oci/document',
    'ops/edit/(?:change-images|collections|config-edit|documents|mutate-image)',
    'cli/editing/(?:build-time|image-flags|layer-limit|publish|result-place)',
  ]),
];

await main();

/**
 * @param {string} name
 * @param {number} priority
 * @param {readonly string[]} paths below src/
 */
function chunk(name, priority, paths) {
  return { name, priority, test: new RegExp(`/src/(?:${paths.join('|')})`, 'u') };
}

async function main() {
  const fresh = join(root, '.cache', `build-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    const [types, pages] = await Promise.all([compileLibrary(fresh), writeManPages(fresh), bundleCommandLines(fresh)]);
    if (!types.ok) throw new Error(`tsc: ${types.reason}\n${types.output}`);
    if (!pages.ok) throw new Error(`Manual pages: ${pages.reason}\n${pages.output}`);
    swap(fresh, join(root, 'dist'));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** @param {string} target */
function compileLibrary(target) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', target], { cwd: root });
}

/** @param {string} target */
function writeManPages(target) {
  const args = ['scripts/run-typescript.mjs', 'scripts/write-man-pages.ts', join(target, 'man')];
  return run(process.execPath, args, { cwd: root });
}

/** @param {string} target */
async function bundleCommandLines(target) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  await build({
    cwd: root,
    input: Object.fromEntries(commandLines.map((name) => [name, `src/cli/${name}.ts`])),
    platform: 'node',
    transform: { target: 'node20.19', define: { __CRANE_OCI_VERSION__: JSON.stringify(version) } },
    output: {
      dir: join(target, 'cli'),
      format: 'cjs',
      // Where the program keeps what V8 has compiled of its chunks (cli/compile-cache.ts), Node 20 lets them import nothing. From
      // 20.19 on require takes ES modules, too.
      dynamicImportInCjs: false,
      chunkFileNames: 'chunks/[name]-[hash].js',
      codeSplitting: { groups: chunks },
      // Identifiers stay, so that a stack trace from a user can be read.
      minify: { compress: true, mangle: false, codegen: true },
    },
    logLevel: 'warn',
  });
  writeFileSync(join(target, 'cli/package.json'), '{ "type": "commonjs" }\n');
  for (const name of commandLines) makeExecutable(join(target, 'cli', `${name}.js`));
}

/** @param {string} file */
function makeExecutable(file) {
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith('#!')) writeFileSync(file, `#!/usr/bin/env node\n${text}`);
  chmodSync(file, 0o755);
}

/**
 * @param {string} fresh
 * @param {string} target
 */
function swap(fresh, target) {
  const old = `${fresh}-old`;
  if (existsSync(target)) renameSync(target, old);
  renameSync(fresh, target);
  rmSync(old, { recursive: true, force: true });
}
