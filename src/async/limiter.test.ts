import { expect, it } from 'vitest';
import { Limiter } from './limiter.ts';

/** A task whose end the test decides. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

it('runs no more tasks at once than it has slots, in the order they came', async () => {
  const limiter = new Limiter(2);
  const gates = [gate(), gate(), gate(), gate()];
  const started: number[] = [];
  const tasks = gates.map(({ opened }, i) =>
    limiter.run(async () => {
      started.push(i);
      await opened;
      return i;
    }),
  );
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  gates[1]?.open();
  await tasks[1];
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2]);
  for (const { open } of gates) open();
  expect(await Promise.all(tasks)).toEqual([0, 1, 2, 3]);
});

it('gives the slot of a failed task to the next', async () => {
  const limiter = new Limiter(1);
  await expect(limiter.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limiter.run(async () => 'next')).toBe('next');
});

it("lets a waiting task give up with its signal's reason, and the others move up", async () => {
  const limiter = new Limiter(1);
  const { opened, open } = gate();
  const first = limiter.run(() => opened);
  const controller = new AbortController();
  const reason = new Error('enough');
  let ran = false;
  const second = limiter.run(async () => {
    ran = true;
  }, controller.signal);
  const third = limiter.run(async () => 3);
  controller.abort(reason);
  await expect(second).rejects.toBe(reason);
  open();
  await first;
  expect(await third).toBe(3);
  expect(ran).toBe(false);
});

it('starts nothing for a signal that is aborted already', async () => {
  const limiter = new Limiter(1);
  const reason = new Error('enough');
  await expect(limiter.run(async () => 1, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(await limiter.run(async () => 2)).toBe(2);
});

it.each([0, -1, 1.5, Number.NaN])('refuses %d slots', (slots) => {
  expect(() => new Limiter(slots)).toThrow(RangeError);
});
