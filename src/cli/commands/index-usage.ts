import { exactly } from '../framework/arguments.ts';
import { type Command, usageOnly } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = usageOnly(exactly(1));
