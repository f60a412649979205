import { describe, expect, it } from 'vitest';
import { OciError } from '../errors.ts';
import { Interrupted } from './interrupt.ts';
import type { Process } from './process.ts';
import { reportError, SilentFailure } from './report-error.ts';
import { Session } from './session.ts';

/** @returns the exit code, and what was printed */
async function report(
  error: unknown,
  verbose = 0,
  progress: 'auto' | 'json' = 'auto',
): Promise<readonly [code: number, text: string]> {
  let text = '';
  const output = { isTTY: false, write: async (chunk: string | Uint8Array) => void (text += String(chunk)) };
  const process = { stderr: output, stdout: output, env: {}, now: () => new Date(0) } as unknown as Process;
  const session = new Session(process);
  session.configure({
    'allow-nondistributable-artifacts': false,
    insecure: false,
    platform: undefined,
    progress,
    quiet: false,
    verbose,
    username: '',
    password: '',
    'password-stdin': false,
  });
  const code = await reportError(error, session);
  return [code, text];
}

describe('a failure', () => {
  it('of the foreseen kind is one line, with a hint below', async () => {
    const error = new OciError('NOT_FOUND', 'Nothing\nis there', { hint: 'Look elsewhere' });
    expect(await report(error)).toEqual([1, 'Error: Nothing is there\n  Look elsewhere\n']);
    expect(await report(error, 1)).toEqual([1, 'Error: Nothing is there\n  Look elsewhere\n']);
  });

  it('of the system names the file first', async () => {
    const parts = { code: 'EMFILE', syscall: 'open', path: 'a b' };
    const error = Object.assign(new Error("EMFILE: too many open files, open 'a b'"), parts);
    expect(await report(error)).toEqual([1, 'Error: "a b": too many open files\n']);
  });

  it('that nobody foresaw says so, and shows where it was raised only when asked', async () => {
    const error = new TypeError('x is not a function', { cause: new Error('deeper') });
    expect((await report(error))[1]).toBe(
      'Error: internal error: x is not a function\n' +
        '  This is a fault of this program; run the command with -v and report what it prints\n',
    );
    expect((await report(error, 1))[1]).toMatch(/\n {4}at .*\nCaused by Error: deeper\n {4}at /s);
    expect((await report('a text'))[1]).toContain('Error: internal error: a text\n');
  });

  it('by a signal ends with its code, and one that has been told says nothing more', async () => {
    expect(await report(new Interrupted('SIGINT'))).toEqual([1, 'Error: interrupt signal received\n']);
    expect(await report(new Interrupted('SIGTERM'))).toEqual([143, 'Error: termination signal received\n']);
    expect(await report(new SilentFailure())).toEqual([1, '']);
    const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' });
    expect(await report(closed)).toEqual([1, '']);
  });
});
