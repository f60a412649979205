import type { ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';
import { messageOf, OciError, quoted } from '../errors.ts';
import type { CommandAddress } from './engine-address.ts';

/** What a program says when it fails; the rest is dropped. */
const maxWords = 4096;

/** Starts the program and takes its standard input and output for a connection. It ends with the connection. */
export async function commandSocket({ program, args, env = {}, name }: CommandAddress): Promise<Duplex> {
  const { spawn } = await import('node:child_process');
  return new CommandSocket(spawn(program, args, { env: { ...env }, windowsHide: true }), program, name);
}

/** Has the methods of a socket that node:http calls. */
class CommandSocket extends Duplex {
  readonly #child: ChildProcess;
  readonly #what: string;
  #words = '';

  constructor(child: ChildProcess, program: string, name: string) {
    super({ allowHalfOpen: true });
    this.#child = child;
    this.#what = `${quoted(program)}, which connects to ${name},`;
    const { stdin, stdout, stderr } = child;
    stderr?.on('data', (chunk: Buffer) => {
      if (this.#words.length < maxWords) this.#words += chunk.toString();
    });
    stdout?.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause();
    });
    // A program that has ended takes no more: its exit code says why.
    stdin?.on('error', () => {});
    child.once('error', (cause) => this.destroy(notStarted(cause, program, name)));
    child.once('close', (code, signal) => this.#ended(code, signal));
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin?.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin?.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (code === 0) {
      this.push(null);
      return;
    }
    const said = this.#words.trim();
    const words = said === '' ? '' : `: ${quoted(said)}`;
    this.destroy(
      new OciError(
        'NETWORK',
        `The program ${this.#what} ${signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`}${words}`,
        {
          hint: 'Try the same with ssh: the host has to let you in without a question, and to have docker on its PATH',
        },
      ),
    );
  }
}

function notStarted(cause: Error, program: string, name: string): OciError {
  const isMissing = 'code' in cause && cause.code === 'ENOENT';
  const why = isMissing ? 'it is not installed' : messageOf(cause);
  return new OciError('NETWORK', `The program ${quoted(program)} is needed for ${name} and cannot be run: ${why}`, {
    cause,
    hint: isMissing ? `Install ${program}, or name the engine in another way` : undefined,
  });
}
