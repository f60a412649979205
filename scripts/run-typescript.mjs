// run-typescript.mjs FILE [ARGUMENT…]: runs a TypeScript program of this repository on any supported Node.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) throw new TypeError('usage: run-typescript.mjs FILE [ARGUMENT…]');
const root = join(import.meta.dirname, '..');
// Inside node_modules/ so that packages left out of the bundle are found.
const folder = mkdtempSync(join(root, 'node_modules/.run-typescript-'));
try {
  const outfile = join(folder, 'program.mjs');
  await build({
    entryPoints: [resolve(file)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    sourcemap: 'inline',
    define: { 'import.meta.dirname': JSON.stringify(resolve(file, '..')) },
  });
  const { status } = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...args], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
