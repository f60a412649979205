import { describe, expect, it, vi } from 'vitest';
import { lateAbort } from './late-abort.ts';

describe('a signal that comes late', () => {
  it('follows after the delay, with the same reason', async () => {
    vi.useFakeTimers();
    try {
      const parent = new AbortController();
      const { signal } = lateAbort(parent.signal, 1000);
      parent.abort(new Error('why'));
      await vi.advanceTimersByTimeAsync(999);
      expect(signal.aborted).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(signal.reason).toEqual(new Error('why'));
    } finally {
      vi.useRealTimers();
    }
  });

  it('does not come once it is unlinked', async () => {
    vi.useFakeTimers();
    try {
      const parent = new AbortController();
      const late = lateAbort(parent.signal, 1000);
      parent.abort();
      late.unlink();
      expect(vi.getTimerCount()).toBe(0);
      expect(late.signal.aborted).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is there at once where the other was before, and may come by itself', () => {
    expect(lateAbort(AbortSignal.abort(), 1000).signal.aborted).toBe(true);
    const late = lateAbort(undefined, 1000);
    expect(late.signal.aborted).toBe(false);
    late.abort();
    expect(late.signal.aborted).toBe(true);
  });
});
