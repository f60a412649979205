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
    before: ({ context, globals }) => context.configure(globals),
    reportError,
  };
}
