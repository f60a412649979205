import { craneProgram } from './crane-program.ts';
import { runCommandLine } from './framework/run.ts';
import { abortOnSignals } from './interrupt.ts';
import { nodeProcess } from './process.ts';
import { Session } from './session.ts';
import { version } from './version.ts';

void main();

async function main(): Promise<void> {
  const session = new Session(nodeProcess('crane', version, abortOnSignals(process)));
  process.exitCode = await runCommandLine(craneProgram, process.argv.slice(2), session);
  await session.close();
  session.log.flushWarnings();
}
