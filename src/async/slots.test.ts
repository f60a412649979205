import { describe, expect, it } from 'vitest';
import { type Slot, Slots } from './slots.ts';

describe('Slots', () => {
  it('lets in so many at a time, first come, first served', async () => {
    const slots = new Slots({ slots: 2 });
    const first = await slots.enter();
    await slots.enter();
    const order: string[] = [];
    const third = slots.enter().then((slot) => (order.push('third'), slot));
    const fourth = slots.enter().then((slot) => (order.push('fourth'), slot));
    expect(slots.tryEnter()).toBeUndefined();
    first.release();
    (await third).release();
    await fourth;
    expect(order).toEqual(['third', 'fourth']);
  });

  it('counts a slot that is released twice once', async () => {
    const slots = new Slots({ slots: 1 });
    const slot = await slots.enter();
    slot.release();
    slot.release();
    await slots.enter();
    expect(slots.tryEnter()).toBeUndefined();
  });

  it('lends the place of a holder that stands still, and takes it back with its release', async () => {
    const slots = new Slots({ slots: 1, patience: 5 });
    const still = await slots.enter();
    still.idle();
    const borrowed = await slots.enter();
    still.release();
    expect(slots.tryEnter()).toBeUndefined();
    borrowed.release();
    expect(slots.tryEnter()).toBeDefined();
  });

  it('does not lend the place of a holder that moves', async () => {
    const slots = new Slots({ slots: 1, patience: 1 });
    const moving = await slots.enter();
    moving.idle();
    moving.busy();
    const waiting = slots.enter();
    const outcome = await Promise.race([
      waiting.then(() => 'let in'),
      new Promise((resolve) => setTimeout(resolve, 20, 'waits')),
    ]);
    expect(outcome).toBe('waits');
    moving.release();
    await waiting;
  });

  it('lets holders that wait for each other come to an end', async () => {
    const slots = new Slots({ slots: 2, patience: 2 });
    let done = 0;
    const nested = async (): Promise<void> => {
      const outer: Slot = await slots.enter();
      outer.idle();
      const inner = await slots.enter();
      inner.release();
      outer.release();
      done++;
    };
    await Promise.all(Array.from({ length: 50 }, nested));
    expect(done).toBe(50);
  });

  it('lets a waiter give up when its signal aborts, and keeps the place for the next', async () => {
    const slots = new Slots({ slots: 1 });
    const held = await slots.enter();
    const abort = new AbortController();
    const given = slots.enter(abort.signal);
    const next = slots.enter();
    abort.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    held.release();
    await expect(next).resolves.toBeDefined();
    await expect(slots.enter(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });

  it('has fewer places after a shrink, and all of them again after enough successes', async () => {
    const slots = new Slots({ slots: 4 });
    slots.shrink();
    const held = [await slots.enter(), await slots.enter()];
    expect(slots.tryEnter()).toBeUndefined();
    for (let i = 0; i < 100; i++) slots.succeed();
    held.push(await slots.enter(), await slots.enter());
    expect(slots.tryEnter()).toBeUndefined();
    for (const slot of held) slot.release();
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses %d slots', (count) => {
    expect(() => new Slots({ slots: count })).toThrow(RangeError);
  });
});
