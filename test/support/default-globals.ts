import { type Globals, leadingFlags, persistentFlags } from '../../src/cli/globals.ts';

/** The global flags as they are when none is given. */
export function defaultGlobals(): Globals {
  const flags = Object.entries({ ...persistentFlags, ...leadingFlags });
  return Object.fromEntries(flags.map(([name, { initial }]) => [name, initial])) as unknown as Globals;
}
