import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { forEachLimited } from './for-each-limited.ts';

describe('forEachLimited', () => {
  it('asks for the next when there is room for it', async () => {
    const events: string[] = [];
    function* source(): Generator<number> {
      for (const item of [1, 2, 3, 4]) {
        events.push(`ask ${item}`);
        yield item;
      }
    }
    let running = 0;
    await forEachLimited(source(), 2, async (item) => {
      running++;
      expect(running).toBeLessThanOrEqual(2);
      await setImmediate();
      running--;
      events.push(`done ${item}`);
    });
    expect(events.indexOf('ask 3')).toBeGreaterThan(events.indexOf('done 1'));
    expect(events.filter((event) => event.startsWith('done'))).toHaveLength(4);
  });

  it('throws the first failure when all have ended, and starts none after it', async () => {
    const started: number[] = [];
    let ended = false;
    const run = forEachLimited([1, 2, 3, 4, 5], 2, async (item, signal) => {
      started.push(item);
      if (item === 1) throw new Error('first');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await setImmediate();
      ended = true;
      throw new Error('second');
    });
    await expect(run).rejects.toThrow('first');
    expect(started.length).toBeLessThan(5);
    expect(ended || started.length === 1).toBe(true);
  });

  it('ends the tasks when the source fails', async () => {
    async function* source(): AsyncGenerator<number> {
      yield 1;
      throw new Error('source');
    }
    let aborted = false;
    const run = forEachLimited(source(), 5, async (_, signal) => {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve());
      });
      aborted = true;
    });
    await expect(run).rejects.toThrow('source');
    expect(aborted).toBe(true);
  });

  it('does nothing under a signal that was aborted, and leaves nothing at one that lives on', async () => {
    const run = forEachLimited([1], 1, async () => {}, AbortSignal.abort(new Error('over')));
    await expect(run).rejects.toThrow('over');
    await forEachLimited([], 1, async () => {}, new AbortController().signal);
  });
});
