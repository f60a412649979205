import { homedir, userInfo } from 'node:os';
import type { Readable } from 'node:stream';
import { firstEvent } from '../async/first-event.ts';

/** Where a command writes. Writing waits when the reader is slow. */
export interface Output {
  readonly isTTY: boolean;
  /** The size of a terminal at the moment, where it is known. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(chunk: string | Uint8Array): Promise<void>;
}

/** Where a command reads. */
export interface Input extends AsyncIterable<Uint8Array> {
  readonly isTTY: boolean;
  /** Ends it, also while more is waited for. */
  cancel?(): Promise<void>;
}

/** Everything of the outside world that a command may touch, handed in by the entry file and by tests. */
export interface Process {
  /** `crane` or `gcrane`. */
  readonly program: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homedir: string;
  readonly platform: NodeJS.Platform;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted by Ctrl-C and termination, with an error as its reason. */
  readonly signal: AbortSignal;
  now(): Date;
}

/** The real process. */
export function nodeProcess(program: string, version: string, signal: AbortSignal): Process {
  return {
    program,
    version,
    env: process.env,
    homedir: homeOf(homedir, userInfo),
    platform: process.platform,
    get stdin() {
      return inputFrom(process.stdin, signal);
    },
    stdout: outputTo(process.stdout),
    stderr: tellingTo(process.stderr),
    signal,
    now: () => new Date(),
  };
}

/**
 * The user's directory. Builds often run with an empty `HOME`, which must not make the working directory hold credentials, and
 * containers with users that the system does not know.
 */
export function homeOf(stated: () => string, user: () => { readonly homedir: string }): string {
  for (const read of [stated, () => user().homedir]) {
    try {
      const home = read();
      if (home !== '') return home;
    } catch {
      // Neither a variable nor an entry for this user.
    }
  }
  return '/';
}

/** The reader of our output has gone, as `head` does: no failure that anybody wants to read about. */
export function isClosedPipe(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'EPIPE' &&
    'syscall' in error &&
    error.syscall === 'write'
  );
}

/** What is read, until the signal aborts. Its reason is thrown then, however long the other side keeps its end open. */
export function inputFrom(stream: Readable & { readonly isTTY?: boolean }, signal: AbortSignal): Input {
  return {
    isTTY: stream.isTTY === true,
    cancel: async () => void stream.destroy(),
    async *[Symbol.asyncIterator]() {
      signal.throwIfAborted();
      // A stream that is still open would keep the process.
      const end = (): void => void stream.destroy(signal.reason as Error);
      signal.addEventListener('abort', end, { once: true });
      try {
        yield* stream as AsyncIterable<Uint8Array>;
      } finally {
        signal.removeEventListener('abort', end);
      }
    },
  };
}

/** Messages end no command when nobody reads them any more. */
function tellingTo(stream: NodeJS.WriteStream): Output {
  const output = outputTo(stream);
  const write = output.write.bind(output);
  return Object.assign(output, { write: async (chunk: string | Uint8Array) => write(chunk).catch(() => {}) });
}

function outputTo(stream: NodeJS.WriteStream): Output {
  let failure: Error | undefined;
  let listening = false;
  return {
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns;
    },
    get rows() {
      return stream.rows;
    },
    async write(chunk) {
      if (!listening) {
        listening = true;
        stream.on('error', (error) => (failure = error));
      }
      if (failure !== undefined) throw failure;
      if (chunk.length > 0 && !stream.write(chunk)) await firstEvent(stream, 'drain', 'close', 'error');
      if (failure !== undefined) throw failure as Error;
    },
  };
}
