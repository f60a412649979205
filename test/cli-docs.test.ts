import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cliPages } from '../scripts/cli-docs/pages.ts';
import { projectRoot } from './support/paths.ts';

const folder = join(projectRoot, 'docs/cli');
const pages = await cliPages();

describe('docs/cli', () => {
  it('has a page for every command and no other', () => {
    expect(readdirSync(folder).toSorted(), 'Run: npm run docs').toEqual(Array.from(pages.keys()).toSorted());
  });

  it.each(Array.from(pages.keys()))('%s is what the command table says', (name) => {
    expect(readFileSync(join(folder, name), 'utf8'), 'Run: npm run docs').toBe(pages.get(name));
  });

  it('shows nothing that is hidden or deprecated', () => {
    const all = Array.from(pages.values()).join('\n');
    expect(all).not.toMatch(/__complete|blobs-to-disk/);
  });
});

describe('the texts of the command line', () => {
  it('are one line without a full stop where they stand in a table', () => {
    const rows = Array.from(pages.values()).flatMap((text) => text.match(/^\| .* \|$/gm) ?? []);
    expect(rows.length).toBeGreaterThan(50);
    expect(rows.filter((row) => row.endsWith('. |'))).toEqual([]);
  });
});
