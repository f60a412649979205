import type { Program } from './framework/command.ts';
import { runCommandLine } from './framework/run.ts';
import type { LeadingFlags, PersistentFlags } from './globals.ts';
import { abortOnSignals } from './interrupt.ts';
import { watchMemory } from './memory-watch.ts';
import { nodeProcess } from './process.ts';
import { tellRuntimeWarnings } from './runtime-warnings.ts';
import { Session } from './session.ts';
import { version } from './version.ts';

/** Runs a program on the real command line. */
export async function main(program: Program<Session, PersistentFlags, LeadingFlags>): Promise<void> {
  const session = new Session(nodeProcess(program.name, version, abortOnSignals(process)));
  tellRuntimeWarnings(process, session);
  watchMemory();
  process.exitCode = await runCommandLine(program, process.argv.slice(2), session);
  await session.close();
  session.log.flushWarnings();
}
