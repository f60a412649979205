import { createRequire } from 'node:module';
import { type Requirement, unavailable } from './requirements.ts';

/** A cloud's own package: they are development dependencies, and large. */
export function cloudPackage(name: string): Requirement {
  try {
    return { name, available: true, path: createRequire(import.meta.url).resolve(name), reason: '' };
  } catch {
    return unavailable(name, 'is not installed');
  }
}
