import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/**
 * What brings node_modules/ to the state of the lock file, without changing it. Not `npm ci`: that refuses a lock file that
 * lacks optional packages of other platforms, as it comes out where a registry does not offer them all.
 */
export const installCommand = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];

/** Whether node_modules/ is at least as new as package-lock.json. */
export function isInstalled() {
  const installed = join(root, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}
