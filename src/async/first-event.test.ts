import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { firstEvent } from './first-event.ts';

it('settles with the first of the events and takes its listeners away', async () => {
  const emitter = new EventEmitter();
  const waiting = firstEvent(emitter, 'drain', 'close', 'error');
  emitter.emit('error', new Error('counts like the others'));
  await waiting;
  expect(emitter.eventNames()).toEqual([]);
});
