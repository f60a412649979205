import { none } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = defineCommand({
  arguments: none,
  run: ({ context: session }) => session.print(`${session.process.version}\n`),
});
