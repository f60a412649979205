import { closeSync, openSync, readSync } from 'node:fs';
import { type Requirement, requirement, unavailable } from './requirements.ts';

/** The crane, or gcrane, that is a native program, and not ours. */
export function nativeCrane(name: 'crane' | 'gcrane' = 'crane'): Requirement {
  const found = requirement(name);
  if (!found.available) return found;
  const start = Buffer.alloc(4);
  const handle = openSync(found.path, 'r');
  readSync(handle, start);
  closeSync(handle);
  return start.toString('latin1') === '\u007fELF' ? found : unavailable(name, 'on PATH is no native program');
}
