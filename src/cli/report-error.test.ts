import { describe, expect, it } from 'vitest';
import { OciError } from '../errors.ts';
import { Interrupted } from './interrupt.ts';
import type { Process } from './process.ts';
import { reportError, SilentFailure } from './report-error.ts';
import { Session } from './session.ts';

/** @returns the exit code, and what was printed */
function report(error: unknown, verbose = 0): readonly [code: number, text: string] {
  let text = '';
  const output = { isTTY: false, write: async (chunk: string | Uint8Array) => void (text += String(chunk)) };
  const process = { stderr: output, stdout: output, env: {}, now: () => new Date(0) } as unknown as Process;
  const session = new Session(process);
  session.configure({
    'allow-nondistributable-artifacts': false,
    insecure: false,
    platform: undefined,
    progress: 'auto',
    quiet: false,
    verbose,
    username: '',
    password: '',
    'password-stdin': false,
  });
  const code = reportError(error, session);
  return [code, text];
}

describe('a failure', () => {
  it('of the foreseen kind is one line, with a hint below', () => {
    const error = new OciError('NOT_FOUND', 'Nothing\nis there', { hint: 'Look elsewhere' });
    expect(report(error)).toEqual([1, 'Error: Nothing is there\n  Look elsewhere\n']);
    expect(report(error, 1)).toEqual([1, 'Error: Nothing is there\n  Look elsewhere\n']);
  });

  it('of the system names the file first', () => {
    const parts = { code: 'EMFILE', syscall: 'open', path: 'a b' };
    const error = Object.assign(new Error("EMFILE: too many open files, open 'a b'"), parts);
    expect(report(error)).toEqual([1, 'Error: "a b": too many open files\n']);
  });

  it('that nobody foresaw says so, and shows where it was raised only when asked', () => {
    const error = new TypeError('x is not a function', { cause: new Error('deeper') });
    expect(report(error)[1]).toBe(
      'Error: internal error: x is not a function\n' +
        '  This is a fault of this program; run the command with -v and report what it prints\n',
    );
    expect(report(error, 1)[1]).toMatch(/\n {4}at .*\nCaused by Error: deeper\n {4}at /s);
    expect(report('a text')[1]).toContain('Error: internal error: a text\n');
  });

  it('by a signal ends with its code, and one that has been told says nothing more', () => {
    expect(report(new Interrupted('SIGINT'))).toEqual([1, 'Error: interrupt signal received\n']);
    expect(report(new Interrupted('SIGTERM'))).toEqual([143, 'Error: termination signal received\n']);
    expect(report(new SilentFailure())).toEqual([1, '']);
    const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' });
    expect(report(closed)).toEqual([1, '']);
  });
});
