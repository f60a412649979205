import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** What Node has from 22.1 on, and what it always had: the step that makes a function of a file's text. */
interface ModuleLoader {
  enableCompileCache?(directory: string): unknown;
  readonly prototype: { _compile?: (this: LoadedModule, text: string, filename: string) => unknown };
}

interface LoadedModule {
  readonly exports: object;
  require(id: string): unknown;
}

/** A file of the program that was compiled anew, and where that is kept. */
interface Compiled {
  readonly script: Script;
  readonly path: string;
}

/**
 * Keeps what V8 has compiled of the program in `DIRECTORY/compiled/COMMAND`, where that can be written to: with it `crane digest`
 * starts 8 ms sooner, and what loads more gains more (docs/performance.md). To be called before the rest of the program is loaded.
 *
 * Only who can write to the program itself can write there, and V8 takes nothing that another version of it has made.
 *
 * @param directory of the program; its files are CommonJS, and what is below it has the hash of its content in its name
 * @param args the command line
 */
export function keepCompiled(directory: string, args: readonly string[]): void {
  const loader = Module as unknown as ModuleLoader;
  const chunks = join(directory, 'chunks');
  if (!existsSync(chunks)) return;
  const cache = join(directory, 'compiled', commandIn(args, readdirSync(chunks)));
  if (loader.enableCompileCache !== undefined) loader.enableCompileCache(cache);
  else if (loader.prototype._compile !== undefined && !('bun' in process.versions)) {
    keepChunks(loader, chunks, join(cache, `${process.version}-${process.arch}`));
  }
}

/** Each command calls functions of its own, and V8 keeps those that were called. What else people write shares one place. */
function commandIn(args: readonly string[], chunks: readonly string[]): string {
  const word = args.find((argument) => /^[a-z]+$/.test(argument));
  const isCommand = chunks.some((chunk) => chunk.startsWith(`${word}-`) || chunk.startsWith(`gcrane-${word}-`));
  return word !== undefined && isCommand ? word : 'other';
}

function keepChunks({ prototype }: ModuleLoader, chunks: string, cache: string): void {
  const compile = prototype._compile;
  const fresh: Compiled[] = [];
  prototype._compile = function (text, filename) {
    if (dirname(filename) !== chunks) return compile?.call(this, text, filename);
    const path = join(cache, basename(filename));
    const cachedData = read(path);
    const script = new Script(`(function (exports, require, module, __filename, __dirname) {${text}\n})`, {
      filename,
      cachedData,
    });
    if (cachedData === undefined || script.cachedDataRejected === true) fresh.push({ script, path });
    const run = script.runInThisContext() as (...scope: readonly unknown[]) => unknown;
    return run.call(this.exports, this.exports, (id: string) => this.require(id), this, filename, chunks);
  };
  // By then it is known which functions are called at all, and only those are kept.
  process.once('exit', () => fresh.forEach(write));
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Another start may read or write the same file. */
function write({ script, path }: Compiled): void {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, script.createCachedData());
    renameSync(temporary, path);
  } catch {
    // The next start compiles again, too.
    tryToRemove(temporary);
  }
}

/** A disk that is full would be fuller with each start. */
function tryToRemove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where nothing can be written there is nothing.
  }
}
