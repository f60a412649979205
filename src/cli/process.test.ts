import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { collect } from '../content/bytes.ts';
import { spool } from '../content/spool.ts';
import { homeOf, inputFrom } from './process.ts';

describe('the user’s directory', () => {
  const unknown = (): never => {
    throw new Error('no such user');
  };

  it('is what the environment says, else what the system knows of the user', () => {
    expect(homeOf(() => '/home/me', unknown)).toBe('/home/me');
    expect(
      homeOf(
        () => '',
        () => ({ homedir: '/home/me' }),
      ),
    ).toBe('/home/me');
  });

  it('is never the working directory, nor a failure', () => {
    expect(homeOf(() => '', unknown)).toBe('/');
    expect(homeOf(unknown, unknown)).toBe('/');
  });
});

describe('what a command reads', () => {
  it('comes to its end', async () => {
    const stream = new PassThrough();
    stream.end('all of it');
    const input = inputFrom(stream, new AbortController().signal);
    expect(input.isTTY).toBe(false);
    expect(Buffer.from(await collect(input, 100)).toString()).toBe('all of it');
  });

  it('ends with the reason of an interruption, also where the other side never does', async () => {
    const stream = new PassThrough();
    const abort = new AbortController();
    const reason = new Error('interrupted');
    stream.write('a part');
    const reading = collect(inputFrom(stream, abort.signal), 100);
    setImmediate(() => abort.abort(reason));
    await expect(reading).rejects.toBe(reason);
    expect(stream.destroyed).toBe(true);
    await expect(collect(inputFrom(new PassThrough(), abort.signal), 100)).rejects.toBe(reason);
  });

  it('is closed when its reader gives up', async () => {
    const stream = new PassThrough();
    const abort = new AbortController();
    const reason = new Error('something else failed');
    const reading = spool(inputFrom(stream, new AbortController().signal), { signal: abort.signal });
    setImmediate(() => abort.abort(reason));
    await expect(reading).rejects.toBe(reason);
    expect(stream.destroyed).toBe(true);
  });
});
