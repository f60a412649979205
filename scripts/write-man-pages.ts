// write-man-pages.ts FOLDER: the manual pages of all commands, for the package.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manPages } from './cli-docs/pages.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new TypeError('usage: write-man-pages.ts FOLDER');
const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  version: string;
};
mkdirSync(folder, { recursive: true });
for (const [name, page] of await manPages(version)) writeFileSync(join(folder, name), page);
