import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand, succeeded } from './support/command.ts';
import { projectRoot } from './support/paths.ts';

interface PackageFile {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

const { exports: entries } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as PackageFile;

/** The subpaths that are code: `.`, `./oci` … */
const subpaths: readonly string[] = Object.keys(entries).filter((path) => path !== './package.json');

const surface: ReadonlyMap<string, readonly string[]> = new Map(subpaths.map((path) => [path, namesOf(path)]));

describe('the public surface', () => {
  it('is what test/exports.txt lists; a wanted change is taken over with: npx vitest run test/exports.test.ts -u', async () => {
    const text = Array.from(
      surface,
      ([path, names]) => `${nameOf(path)}\n${names.map((name) => `  ${name}\n`).join('')}`,
    );
    await expect(text.join('\n')).toMatchFileSnapshot('exports.txt');
  });

  it.each(subpaths)('%s gives at run time what its index.ts lists', async (path) => {
    const loaded = (await import(sourceOf(path))) as object;
    expect(Object.keys(loaded).toSorted()).toEqual(valuesOf(path).toSorted());
  });

  it('has everything of the main entry in a subpath, too, except the errors', () => {
    // The main entry gives some classes as types only.
    const bare = (name: string): string => name.replace('type ', '');
    const below = new Set(
      subpaths.filter((path) => path !== '.').flatMap((path) => surface.get(path)?.map(bare) ?? []),
    );
    const only = (surface.get('.') ?? []).map(bare).filter((name) => !below.has(name));
    expect(only).toEqual(['OciError', 'isOciError', 'CallOptions', 'ErrorCode']);
  });
});

describe('the built package', () => {
  it.skipIf(!existsSync(join(projectRoot, 'dist/index.js')))('has the same names under its own name', async () => {
    const script = `const found = {};
      for (const path of ${JSON.stringify(subpaths)}) found[path] = Object.keys(await import('crane-oci' + path.slice(1)));
      console.log(JSON.stringify(found));`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = succeeded(await runCommand(process.execPath, args, { cwd: projectRoot }));
    const found = JSON.parse(stdout) as Readonly<Record<string, readonly string[]>>;
    for (const path of subpaths) {
      expect(found[path]?.toSorted(), `${path}: dist is not the source's, run npm run build`).toEqual(
        valuesOf(path).toSorted(),
      );
    }
  });
});

function nameOf(path: string): string {
  return `crane-oci${path.slice(1)}`;
}

function sourceOf(path: string): string {
  return join(projectRoot, 'src', path, 'index.ts');
}

/** Values first, then types, each in the order of the alphabet. */
function namesOf(path: string): readonly string[] {
  const text = readFileSync(sourceOf(path), 'utf8');
  const names = Array.from(text.matchAll(/^export (type )?\{([^}]*)\}/gm), ([, type = '', list = '']) =>
    list
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map((item) => (item.startsWith('type ') ? item : `${type}${item}`)),
  ).flat();
  const isType = (name: string): boolean => name.startsWith('type ');
  return [...names.filter((name) => !isType(name)).toSorted(), ...names.filter(isType).toSorted()];
}

function valuesOf(path: string): readonly string[] {
  return (surface.get(path) ?? []).filter((name) => !name.startsWith('type '));
}
