import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { linkedAbort } from './linked-abort.ts';

it('ends with its parent, for the same reason', () => {
  const parent = new AbortController();
  const linked = linkedAbort(parent.signal);
  expect(linked.signal.aborted).toBe(false);
  const reason = new Error('enough');
  parent.abort(reason);
  expect(linked.signal.reason).toBe(reason);
  expect(linkedAbort(parent.signal).signal.reason).toBe(reason);
});

it('ends by itself without the parent noticing, and leaves nothing behind there', () => {
  const parent = new AbortController();
  const linked = linkedAbort(parent.signal);
  linked.abort(new Error('enough'));
  expect([linked.signal.aborted, parent.signal.aborted]).toEqual([true, false]);
  linked.unlink();
  expect(getEventListeners(parent.signal, 'abort')).toEqual([]);
});
