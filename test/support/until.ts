import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for something that no event tells of. How long is the test's own limit to decide, on slow machines, too. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}
