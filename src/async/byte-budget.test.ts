import { expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

it('lets tasks have no more bytes together than there are, in the order they asked', async () => {
  const budget = new ByteBudget(10);
  await budget.take(6);
  const order: string[] = [];
  const large = budget.take(8).then(() => order.push('large'));
  const small = budget.take(1).then(() => order.push('small'));
  await Promise.resolve();
  expect([order, budget.free]).toEqual([[], 4]);
  budget.give(6);
  await Promise.all([large, small]);
  expect([order, budget.free]).toEqual([['large', 'small'], 1]);
});

it('gives what is free at once, but not past those who wait', async () => {
  const budget = new ByteBudget(10);
  expect([budget.tryTake(7), budget.tryTake(4), budget.tryTake(3)]).toEqual([true, false, true]);
  const waiting = budget.take(5);
  budget.give(3);
  expect(budget.tryTake(1)).toBe(false);
  budget.give(7);
  await waiting;
  expect(budget.free).toBe(5);
});

it('counts a request for more than there is as one for everything', async () => {
  const budget = new ByteBudget(10);
  await budget.take(25);
  expect([budget.free, budget.tryTake(1)]).toEqual([0, false]);
  budget.give(25);
  expect(budget.free).toBe(10);
});

it("lets who waits give up with its signal's reason, and the others move up", async () => {
  const budget = new ByteBudget(10);
  await budget.take(6);
  const controller = new AbortController();
  const reason = new Error('enough');
  const impatient = budget.take(8, controller.signal);
  const next = budget.take(4);
  controller.abort(reason);
  await expect(impatient).rejects.toBe(reason);
  await next;
  await expect(budget.take(1, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(budget.free).toBe(0);
});

it.each([0, -1, 1.5, Number.NaN])('refuses a budget of %d bytes', (total) => {
  expect(() => new ByteBudget(total)).toThrow(RangeError);
});
