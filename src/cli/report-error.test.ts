import { describe, expect, it } from 'vitest';
import { defaultGlobals } from '../../test/support/default-globals.ts';
import { OciError } from '../errors.ts';
import { ResponseError } from '../remote/transport/response-error.ts';
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
  session.configure({ ...defaultGlobals(), progress, verbose });
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
    expect(await report(closed)).toEqual([141, '']);
  });

  it('of a registry shows the request id, and with -v what it goes back to, each thing once', async () => {
    const refusal = new ResponseError('DENIED', 'Could not read: example.com answered 403', {
      status: 403,
      method: 'GET',
      url: new URL('https://example.com/v2/app/manifests/v1'),
      operation: 'read',
      registry: 'example.com',
      repository: 'app',
      credentials: 'a file',
      requestId: 'abc',
      hint: 'Ask',
      cause: new Error('what the helper said', { cause: new Error('WHAT the helper') }),
    });
    const error = new OciError('DENIED', `fetching: ${refusal.message}`, { cause: refusal, hint: 'Ask' });
    const lines = 'Error: fetching: Could not read: example.com answered 403\n  Ask\n  request id: abc\n';
    expect(await report(error)).toEqual([1, lines]);
    expect(await report(error, 1)).toEqual([1, `${lines}  caused by: what the helper said\n`]);
    expect(JSON.parse((await report(error, 0, 'json'))[1])).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      type: 'error',
      code: 'DENIED',
      message: error.message,
      hint: 'Ask',
      operation: 'read',
      registry: 'example.com',
      repository: 'app',
      status: 403,
      credentials: 'a file',
      requestId: 'abc',
      exitCode: 1,
    });
  });
});
