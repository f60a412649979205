import { craneProgram } from '../../src/cli/crane-program.ts';
import { runCommandLine } from '../../src/cli/framework/run.ts';
import type { Output } from '../../src/cli/process.ts';
import { Session } from '../../src/cli/session.ts';

export interface InProcessOptions {
  /** The user's directory. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Where standard error goes, for a terminal. @default to the result */
  readonly stderr?: Output;
}

export interface InProcessResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line of crane in this process, with the surroundings given and no others. */
export async function craneInProcess(
  args: readonly string[],
  { home, env = {}, input = '', stderr: terminal }: InProcessOptions,
): Promise<InProcessResult> {
  const [stdout, stderr] = [new Collected(), new Collected()];
  async function* stdin(): AsyncGenerator<Uint8Array, void> {
    if (input !== '') yield Buffer.from(input);
  }
  const session = new Session({
    program: 'crane',
    version: '0.0.0',
    env,
    homedir: home,
    platform: 'linux',
    stdin: Object.assign(stdin(), { isTTY: false }),
    stdout,
    stderr: terminal ?? stderr,
    signal: new AbortController().signal,
    now: () => new Date(0),
  });
  const code = await runCommandLine(craneProgram, args, session);
  await session.close();
  session.log.flushWarnings();
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collected implements Output {
  readonly isTTY = false;
  text = '';

  async write(chunk: string | Uint8Array): Promise<void> {
    this.text += Buffer.from(chunk).toString();
  }
}
