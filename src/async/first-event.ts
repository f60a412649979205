import type { EventEmitter } from 'node:events';

/** Waits for the first of some events and leaves no listener behind, however often it is called. */
export async function firstEvent(emitter: EventEmitter, ...names: readonly string[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const name of names) emitter.off(name, done);
      resolve();
    };
    for (const name of names) emitter.on(name, done);
  });
}
