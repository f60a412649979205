// `npm run docs`: writes docs/cli from the command table, and the names of the manual pages into package.json.
//
//   --check   writes nothing, and fails when something is not what the command table says

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliPages } from './cli-docs/pages.ts';
import { packageWithManPages } from './cli-docs/package-man.ts';

const folder = join(import.meta.dirname, '../docs/cli');
const pages = await cliPages();
mkdirSync(folder, { recursive: true });
const stale = readdirSync(folder).filter((name) => !pages.has(name));
const changed = Array.from(pages.keys()).filter((name) => readPage(name) !== pages.get(name));

const manifest = join(import.meta.dirname, '../package.json');
const manifestText = readFileSync(manifest, 'utf8');
const rightManifest = await packageWithManPages(manifestText);

if (process.argv.includes('--check')) {
  const wrong = [...changed, ...stale].map((name) => `docs/cli/${name}`);
  if (manifestText !== rightManifest) wrong.push('package.json');
  for (const name of wrong) console.error(`${name} differs from the command table`);
  if (wrong.length > 0) console.error('Run: npm run docs');
  process.exitCode = wrong.length === 0 ? 0 : 1;
} else {
  if (manifestText !== rightManifest) writeFileSync(manifest, rightManifest);
  for (const name of changed) writeFileSync(join(folder, name), pages.get(name) ?? '');
  for (const name of stale) rmSync(join(folder, name));
  console.log(`${changed.length} pages written, ${stale.length} removed, ${pages.size} in all`);
}

function readPage(name: string): string | undefined {
  const file = join(folder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
