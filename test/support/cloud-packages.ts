import { createRequire } from 'node:module';

/** Whether a cloud's own package is installed: they are development dependencies, and large. */
export function hasPackage(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
