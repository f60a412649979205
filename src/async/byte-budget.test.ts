import { expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

it('lets tasks have no more bytes together than there are', () => {
  const budget = new ByteBudget(10);
  expect([budget.tryTake(7), budget.tryTake(4), budget.tryTake(3)]).toEqual([true, false, true]);
  budget.give(7);
  expect([budget.free, budget.tryTake(8), budget.tryTake(6)]).toEqual([7, false, true]);
});

it('counts a request for more than there is as one for everything', () => {
  const budget = new ByteBudget(10);
  expect([budget.tryTake(25), budget.free, budget.tryTake(1)]).toEqual([true, 0, false]);
  budget.give(25);
  expect(budget.free).toBe(10);
});

it.each([0, -1, 1.5, Number.NaN])('refuses a budget of %d bytes', (total) => {
  expect(() => new ByteBudget(total)).toThrow(RangeError);
});
