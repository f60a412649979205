import { describe, expect, it } from 'vitest';
import { SharedCalls } from './shared-calls.ts';

describe('SharedCalls', () => {
  it('runs a task once for all who ask while it runs, and again for who asks later', async () => {
    const calls = new SharedCalls<number>();
    let runs = 0;
    const task = async (): Promise<number> => ++runs;
    expect(await Promise.all([calls.run('a', task), calls.run('a', task), calls.run('b', task)])).toEqual([1, 1, 2]);
    expect(await calls.run('a', task)).toBe(3);
  });

  it('lets one caller give up without harm to the others', async () => {
    const calls = new SharedCalls<string>();
    let open: (value: string) => void = () => {};
    const task = (): Promise<string> => new Promise((resolve) => (open = resolve));
    const controller = new AbortController();
    const impatient = calls.run('a', task, controller.signal);
    const patient = calls.run('a', task);
    controller.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    open('done');
    expect(await patient).toBe('done');
  });

  it('aborts the task when the last caller gave up', async () => {
    const calls = new SharedCalls<never>();
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    const call = calls.run(
      'a',
      (signal) => {
        seen = signal;
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
      controller.signal,
    );
    controller.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    expect(seen?.aborted).toBe(true);
  });

  it('tells every caller of a failure', async () => {
    const calls = new SharedCalls<never>();
    const task = async (): Promise<never> => Promise.reject(new Error('broken'));
    const both = await Promise.allSettled([calls.run('a', task), calls.run('a', task)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
