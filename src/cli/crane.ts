import { abortOnSignals } from './interrupt.ts';
import { craneCommands } from './commands.ts';
import { runCommandLine } from './framework/run.ts';
import { nodeProcess } from './process.ts';
import { programOf } from './program.ts';
import { Session } from './session.ts';
import { version } from './version.ts';

const session = new Session(nodeProcess('crane', version, abortOnSignals(process)));
const program = programOf({
  name: 'crane',
  summary: 'Look at, move and change container images without a daemon',
  commands: craneCommands,
});
process.exitCode = await runCommandLine(program, process.argv.slice(2), session);
await session.close();
session.log.flushWarnings();
