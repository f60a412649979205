import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// ARCHITECTURE.md draws what this file holds.

const root = fileURLToPath(new URL('..', import.meta.url));
const sourceRoot = join(root, 'src');

/** What each layer may import besides itself, errors.ts and options.ts. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  async: [],
  wire: ['oci'],
  content: ['oci'],
  store: ['oci', 'async', 'content'],
  remote: ['oci', 'async', 'content', 'store', 'wire'],
  layout: ['oci', 'async', 'content', 'store'],
  archive: ['oci', 'async', 'content', 'store'],
  // What an engine saves and loads are archives: the same formats, over a socket.
  daemon: ['oci', 'async', 'content', 'store', 'archive'],
  // What clouds give are credentials for remote stores.
  keychains: ['oci', 'async', 'content', 'remote'],
  ops: ['oci', 'async', 'content', 'store'],
  server: ['oci', 'async', 'content', 'store', 'wire'],
  cli: [
    'oci',
    'async',
    'content',
    'store',
    'wire',
    'remote',
    'keychains',
    'layout',
    'archive',
    'daemon',
    'ops',
    'server',
  ],
};

const dependencies: readonly string[] = Object.keys(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies?: object }).dependencies ?? {},
);

/** Run-time dependencies that were decided on; see ARCHITECTURE.md before a name is added. */
const allowedDependencies: ReadonlySet<string> = new Set([
  'http-proxy-agent',
  'https-proxy-agent',
  'picomatch',
  'semver',
  'smol-toml',
  'socks-proxy-agent',
  'yaml',
  'zstddec',
]);

interface Import {
  readonly from: string;
  readonly to: string;
}

const files: readonly string[] = readdirSync(sourceRoot, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('.test-d.ts'))
  .toSorted();

const code: ReadonlyMap<string, string> = new Map(
  files.map((file) => [file, readFileSync(join(sourceRoot, file), 'utf8')]),
);

const imports: readonly Import[] = files.flatMap((file) => importsOf(file).map((to) => ({ from: file, to })));

describe('the layers', () => {
  it('import only what lies below them', () => {
    const wrong = localImports(imports).filter(({ from, to }) => !mayImport(layerOf(from), layerOf(to)));
    expect(shown(wrong)).toEqual([]);
  });

  it('are all in the table', () => {
    expect(new Set(files.map(layerOf).filter((layer) => layer !== '' && allowed[layer] === undefined))).toEqual(
      new Set(),
    );
  });

  it('import no index.ts from inside', () => {
    const wrong = localImports(imports).filter(({ from, to }) => /(?:^|\/)index\.ts$/.test(to) && from !== 'index.ts');
    expect(shown(wrong)).toEqual([]);
  });

  it('have no cycle among the imports that are followed when the program starts', () => {
    const loaded = files.flatMap((file) => importsOf(file, onlyEager).map((to) => ({ from: file, to })));
    expect(cyclesIn(localImports(loaded))).toEqual([]);
  });

  it('load nothing of Docker engines before an argument names one', () => {
    const isOfEngines = (file: string): boolean => file.startsWith('daemon/') || file.startsWith('cli/engine/');
    const others = files.filter((file) => !isOfEngines(file) && file !== 'index.ts');
    const loaded = others.flatMap((file) => importsOf(file, onlyEager).map((to) => ({ from: file, to })));
    expect(shown(loaded.filter(({ to }) => isOfEngines(to)))).toEqual([]);
  });

  it('load nothing of clouds before a registry of theirs wants credentials', () => {
    const others = files.filter((file) => !file.startsWith('keychains/') && file !== 'index.ts');
    const loaded = others.flatMap((file) => importsOf(file, onlyEager).map((to) => ({ from: file, to })));
    expect(shown(loaded.filter(({ to }) => to.startsWith('keychains/')))).toEqual([]);
  });

  it('oci and wire need no Node', () => {
    const wrong = imports.filter(({ from, to }) => ['oci', 'wire'].includes(layerOf(from)) && isBuiltin(to));
    expect(shown(wrong)).toEqual([]);
  });
});

describe('the library', () => {
  it('touches neither process nor console; only the command line does', () => {
    const wrong = files.filter((file) => layerOf(file) !== 'cli' && touchesProcess(code.get(file) ?? ''));
    expect(wrong).toEqual([]);
    const imported = imports.filter(({ from, to }) => layerOf(from) !== 'cli' && /^node:(?:process|console)$/.test(to));
    expect(shown(imported)).toEqual([]);
  });

  it('imports the modules of Node by their node: names', () => {
    expect(shown(imports.filter(({ to }) => builtinModules.includes(to)))).toEqual([]);
  });

  it('has no run-time dependency that was not decided on', () => {
    expect(dependencies.filter((name) => !allowedDependencies.has(name))).toEqual([]);
    const packages = imports.filter(({ to }) => !isLocal(to) && !isBuiltin(to));
    expect(shown(packages.filter(({ to }) => !dependencies.includes(packageOf(to))))).toEqual([]);
  });

  it('has no default exports, enums, namespaces or top-level arrow functions', () => {
    const wrong =
      /^export default |^(?:export )?(?:const )?enum |^(?:export )?namespace |^(?:export )?const \w+ = (?:async )?\([^\n]*=>/m;
    expect(files.filter((file) => wrong.test(code.get(file) ?? ''))).toEqual([]);
  });
});

describe('files', () => {
  it('are at most 400 lines long', () => {
    const long = Array.from(code, ([file, text]) => [file, text.split('\n').length - 1] as const);
    expect(long.filter(([, lines]) => lines > 400)).toEqual([]);
  });

  it('have names that say what they are about', () => {
    const vague = /(?:^|\/)(?:utils?|helpers?|common|misc|manager|types|lib|core)(?:\/|\.ts$)/;
    expect(files.filter((file) => vague.test(file))).toEqual([]);
    expect(
      files.filter((file) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*(?:\.d)?\.ts$/.test(file)),
    ).toEqual([]);
  });
});

describe('this test', () => {
  it('finds imports of every form', () => {
    const text = `import { a } from './a.ts';\nimport type { B } from "./b.ts";\nexport * from './c.ts';
      const d = await import('./d.ts');\nimport './e.ts';\nimport {\n  f,\n} from './f.ts';`;
    expect(specifiersOf(text)).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts']);
  });

  it('finds cycles', () => {
    const edge = (from: string, to: string): Import => ({ from, to });
    expect(cyclesIn([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toEqual(['b → c → b']);
    expect(cyclesIn([edge('a', 'b'), edge('a', 'c'), edge('b', 'c')])).toEqual([]);
  });

  it('tells code from comments and texts', () => {
    expect(touchesProcess('/** The process.env is not read */ // console.log')).toBe(false);
    expect(touchesProcess("throw new Error('see process.env')")).toBe(false);
    expect(touchesProcess('const x = process.env;')).toBe(true);
    expect(touchesProcess('globalThis.console.log(1)')).toBe(true);
    expect(touchesProcess('this.#process.run(); options.process.cwd')).toBe(false);
  });
});

function importsOf(file: string, prepare: (text: string) => string = (text) => text): string[] {
  return specifiersOf(prepare(code.get(file) ?? '')).map((specifier) =>
    specifier.startsWith('.')
      ? relative(sourceRoot, resolve(sourceRoot, dirname(file), specifier)).replaceAll('\\', '/')
      : specifier,
  );
}

function specifiersOf(text: string): string[] {
  const pattern = /\bfrom\s+['"]([^'"\n]+)['"]|\bimport\s*\(\s*['"]([^'"\n]+)['"]|^\s*import\s+['"]([^'"\n]+)['"]/gm;
  return Array.from(text.matchAll(pattern), ([, a, b, c]) => a ?? b ?? c ?? '');
}

/** Without imports of nothing but types, which are gone at run time, and without those that are made on first use. */
function onlyEager(text: string): string {
  return text.replace(/^(?:import|export) type [^;]*;|\bimport\s*\([^)]*\)/gm, '');
}

function localImports(all: readonly Import[]): readonly Import[] {
  return all.filter(({ to }) => isLocal(to));
}

function isLocal(target: string): boolean {
  return target.endsWith('.ts');
}

function isBuiltin(target: string): boolean {
  return target.startsWith('node:') || builtinModules.includes(target);
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

/** The folder below `src`; empty for its root files. */
function layerOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

/** The root's index.ts is the public surface: it may import every layer, and no layer imports it. */
function mayImport(from: string, to: string): boolean {
  return to === '' || from === '' || from === to || (allowed[from]?.includes(to) ?? false);
}

function touchesProcess(text: string): boolean {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, '');
  return /(?<![\w.#$])(?:globalThis\.)?(?:process|console)\s*[.[]/.test(bare);
}

function cyclesIn(edges: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      found.add([...path.slice(start), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const target of next.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return Array.from(found);
}

function shown(all: readonly Import[]): string[] {
  return all.map(({ from, to }) => `${from} imports ${to}`);
}
