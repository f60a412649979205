import { craneProgram } from '../../src/cli/crane-program.ts';
import { runCommandLine } from '../../src/cli/framework/run.ts';
import { gcraneProgram } from '../../src/cli/gcrane-program.ts';
import type { Output } from '../../src/cli/process.ts';
import { Session } from '../../src/cli/session.ts';

export interface InProcessOptions {
  /** The user's directory. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Where standard output goes, too, for what is no text. */
  readonly output?: CollectedOutput;
  /** Where standard error goes, for a terminal. @default to the result */
  readonly stderr?: Output;
  /** Whether standard input and output are said to be terminals. @default false */
  readonly interactive?: boolean;
  /** Aborted as by Ctrl-C. @default never */
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch. @default 0 */
  readonly now?: number;
}

export interface InProcessResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line of crane in this process, with the surroundings given and no others. */
export async function craneInProcess(args: readonly string[], options: InProcessOptions): Promise<InProcessResult> {
  return runInProcess(craneProgram, args, options);
}

/** The same with gcrane. */
export async function gcraneInProcess(args: readonly string[], options: InProcessOptions): Promise<InProcessResult> {
  return runInProcess(gcraneProgram, args, options);
}

async function runInProcess(
  program: typeof craneProgram,
  args: readonly string[],
  { home, env = {}, input = '', stderr: terminal, interactive = false, output, signal, now = 0 }: InProcessOptions,
): Promise<InProcessResult> {
  const [stdout, stderr] = [output ?? new CollectedOutput(interactive), new CollectedOutput()];
  async function* stdin(): AsyncGenerator<Uint8Array, void> {
    if (typeof input !== 'string' && !(input instanceof Uint8Array)) yield* input;
    else if (input.length > 0) yield Buffer.from(input);
  }
  const session = new Session({
    program: program.name,
    version: '0.0.0',
    env,
    homedir: home,
    platform: 'linux',
    stdin: Object.assign(stdin(), { isTTY: interactive }),
    stdout,
    stderr: terminal ?? stderr,
    signal: signal ?? new AbortController().signal,
    now: () => new Date(now),
  });
  const code = await runCommandLine(program, args, session);
  await session.close();
  session.log.flushWarnings();
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** What was written, piece by piece. */
export class CollectedOutput implements Output {
  readonly isTTY: boolean;
  readonly chunks: Uint8Array[] = [];

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    this.chunks.push(Buffer.from(chunk));
  }
}
