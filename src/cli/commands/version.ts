import { none } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { jsonFlag, printJson } from '../json-result.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = defineCommand({
  arguments: none,
  flags: { json: jsonFlag('Print a JSON object with the name of the program and its version') },
  async run({ flags: { json }, context: session }) {
    const { program, version } = session.process;
    return json ? printJson(session, { program, version }) : session.print(`${version}\n`);
  },
});
