import type { CommandEntry, Program } from './framework/command.ts';
import { type Globals, type LeadingFlags, leadingFlags, type PersistentFlags, persistentFlags } from './globals.ts';
import { reportError } from './report-error.ts';
import type { Session } from './session.ts';

/** What a program adds to what crane and gcrane share. */
export interface ProgramDetails {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandEntry<Session, Globals>[];
}

/** crane's global flags, hooks and way to report errors, around a table of commands. */
export function programOf(details: ProgramDetails): Program<Session, PersistentFlags, LeadingFlags> {
  return {
    ...details,
    flags: persistentFlags,
    leadingFlags,
    before: ({ context, globals, flags }) => context.configure(globals, { json: flags['json'] === true }),
    beforeCompleting: ({ context, globals }) => context.configure(withoutTerminal(globals)),
    reportError,
  };
}

/** While a command line is typed, nothing is read from the terminal, and nothing is shown on it. */
function withoutTerminal(globals: Globals): Globals {
  const username = globals['password-stdin'] ? '' : globals.username;
  const password = username === '' ? '' : globals.password;
  return { ...globals, username, password, 'password-stdin': false, quiet: true, progress: 'none', verbose: 0 };
}
