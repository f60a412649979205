import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

/** Counts until somebody stops it. */
async function countUntilAborted(signal: AbortSignal): Promise<void> {
  const turns = new Turns(signal);
  for (;;) if (turns.isOver()) await turns.next();
}

it('lets others get on with their work, and ends when it is cancelled', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const counting = countUntilAborted(controller.signal);
  setTimeout(() => controller.abort(reason), 1);
  await expect(counting).rejects.toBe(reason);
});

it('lets a short computation go on', () => {
  const turns = new Turns(undefined);
  expect(Array.from({ length: 100 }, () => turns.isOver())).not.toContain(true);
});
