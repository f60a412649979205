import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The top of the repository. */
export const projectRoot: string = findRoot(import.meta.dirname);

/** What tests download or build once and keep between runs. */
export const cacheDirectory: string = join(projectRoot, '.cache');

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'vitest.config.ts'))) return folder;
  if (dirname(folder) === folder) throw new Error('package.json of the project is not found');
  return findRoot(dirname(folder));
}
