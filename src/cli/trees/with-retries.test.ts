import { describe, expect, it } from 'vitest';
import { OciError } from '../../errors.ts';
import { CopyError } from '../../ops/copy-error.ts';
import { NetworkError } from '../../remote/transport/exchange.ts';
import { ResponseError } from '../../remote/transport/response-error.ts';
import { withRetries } from './with-retries.ts';

const signal = new AbortController().signal;
const busy = new ResponseError('RATE_LIMITED', 'too many', {
  status: 429,
  method: 'GET',
  url: new URL('https://registry.test'),
});

describe('what is tried again as a whole', () => {
  it.each([
    ['a registry that is too busy', busy],
    ['one on a side of a copy', new CopyError('target', busy)],
    ['one in the words of a step', new OciError('RATE_LIMITED', 'copying', { cause: new CopyError('source', busy) })],
    ['a connection that broke', new NetworkError('reset', 'reset')],
  ])('is %s, once for each pause', async (_, error) => {
    const told: string[] = [];
    let tries = 0;
    const run = withRetries(
      async () => {
        tries++;
        throw error;
      },
      { pauses: [1, 1], signal, onRetry: (message) => told.push(message) },
    );
    await expect(run).rejects.toBe(error);
    expect(tries).toBe(3);
    expect(told).toEqual([error.message, error.message]);
  });

  it('ends with the first success', async () => {
    const results = [busy, 'copied'];
    const run = async (): Promise<unknown> => {
      const next = results.shift();
      if (next === busy) throw busy;
      return next;
    };
    expect(await withRetries(run, { pauses: [1, 1, 1], signal, onRetry: () => {} })).toBe('copied');
  });

  it.each([new OciError('DENIED', 'no'), new TypeError('a fault')])('is not %s', async (error) => {
    let tries = 0;
    const run = withRetries(
      async () => {
        tries++;
        throw error;
      },
      { pauses: [1], signal, onRetry: () => {} },
    );
    await expect(run).rejects.toBe(error);
    expect(tries).toBe(1);
  });

  it('is not waited for when it is over', async () => {
    const abort = new AbortController();
    const run = withRetries(
      async () => {
        throw busy;
      },
      { pauses: [60_000], signal: abort.signal, onRetry: () => abort.abort(new Error('over')) },
    );
    await expect(run).rejects.toThrow('over');
  });
});
