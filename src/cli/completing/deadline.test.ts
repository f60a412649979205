import { describe, expect, it } from 'vitest';
import { beforeDeadline } from './deadline.ts';

describe('what is looked for while the user waits', () => {
  it('is what was found, when the search comes to its end', async () => {
    const { session, told } = surroundings();
    const found = await beforeDeadline(session, async (list) => void list.push({ value: 'a' }));
    expect([found, told]).toEqual([[{ value: 'a' }], []]);
  });

  it('is what was found until the deadline, also of a search that does not look at its signal', async () => {
    const deadline = new AbortController();
    const found = await beforeDeadline(
      surroundings().session,
      async (list) => {
        list.push({ value: 'first' });
        queueMicrotask(() => deadline.abort());
        await new Promise(() => {});
      },
      deadline.signal,
    );
    expect(found).toEqual([{ value: 'first' }]);
  });

  it('ends the search at the deadline', async () => {
    const deadline = new AbortController();
    let ended = false;
    await beforeDeadline(
      surroundings().session,
      async (_, signal) => {
        signal.addEventListener('abort', () => (ended = true));
        deadline.abort();
      },
      deadline.signal,
    );
    expect(ended).toBe(true);
  });

  it('is nothing when the deadline has passed before', async () => {
    const search = (): Promise<void> => new Promise(() => {});
    expect(await beforeDeadline(surroundings().session, search, AbortSignal.abort())).toEqual([]);
  });

  it('is what was found before the search failed, and the reason is told where scripts do not look', async () => {
    const { session, told } = surroundings();
    const found = await beforeDeadline(session, async (list) => {
      list.push({ value: 'a' });
      throw new Error('down\nand out');
    });
    expect([found, told]).toEqual([[{ value: 'a' }], ['[Debug] [Error] down and out\n']]);
  });
});

function surroundings() {
  const told: string[] = [];
  const stderr = { isTTY: false, write: async (text: string | Uint8Array) => void told.push(String(text)) };
  return { told, session: { signal: new AbortController().signal, stderr } };
}
