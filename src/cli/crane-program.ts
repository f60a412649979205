import { craneCommands } from './commands.ts';
import type { Program } from './framework/command.ts';
import type { LeadingFlags, PersistentFlags } from './globals.ts';
import { programOf } from './program.ts';
import type { Session } from './session.ts';

/** The command line `crane` as data; `crane.ts` runs it, the reference pages are made from it. */
export const craneProgram: Program<Session, PersistentFlags, LeadingFlags> = programOf({
  name: 'crane',
  summary: 'Inspect, copy and change container images without a daemon',
  commands: craneCommands,
});
