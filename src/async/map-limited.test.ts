import { expect, it } from 'vitest';
import { mapLimited } from './map-limited.ts';

it('does a few at a time and gives the results in order', async () => {
  let [running, most] = [0, 0];
  const results = await mapLimited([5, 4, 3, 2, 1], 2, async (item) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < item; i++) await Promise.resolve();
    running--;
    return item * 2;
  });
  expect(results).toEqual([10, 8, 6, 4, 2]);
  expect(most).toBe(2);
  expect(await mapLimited([], 1, async () => 1)).toEqual([]);
});

it('ends the others after the first failure, and waits for them', async () => {
  const ended: number[] = [];
  let fail = (): void => {};
  const failing = new Promise<void>((resolve) => (fail = resolve));
  const attempt = mapLimited([1, 2, 3], 2, async (item, signal) => {
    if (item === 1) {
      await failing;
      throw new Error('first');
    }
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    fail();
    await aborted;
    ended.push(item);
    signal.throwIfAborted();
  });
  await expect(attempt).rejects.toThrow('first');
  expect(ended).toEqual([2]);
});

it('begins nothing when it is cancelled already', async () => {
  const begun: number[] = [];
  const attempt = mapLimited([1], 1, async (item) => void begun.push(item), AbortSignal.abort(new Error('cancelled')));
  await expect(attempt).rejects.toThrow('cancelled');
  expect(begun).toEqual([]);
});
