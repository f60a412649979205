// `npm run docs`: writes docs/cli from the command table.
//
//   --check   writes nothing, and fails when a page is not what the command table says

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliPages } from './cli-docs/pages.ts';

const folder = join(import.meta.dirname, '../docs/cli');
const pages = await cliPages();
mkdirSync(folder, { recursive: true });
const stale = readdirSync(folder).filter((name) => !pages.has(name));
const changed = Array.from(pages.keys()).filter((name) => readPage(name) !== pages.get(name));

if (process.argv.includes('--check')) {
  for (const name of [...changed, ...stale]) console.error(`docs/cli/${name} differs from the command table`);
  if (changed.length + stale.length > 0) console.error('Run: npm run docs');
  process.exitCode = changed.length + stale.length === 0 ? 0 : 1;
} else {
  for (const name of changed) writeFileSync(join(folder, name), pages.get(name) ?? '');
  for (const name of stale) rmSync(join(folder, name));
  console.log(`${changed.length} pages written, ${stale.length} removed, ${pages.size} in all`);
}

function readPage(name: string): string | undefined {
  const file = join(folder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
