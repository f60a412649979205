import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testDirectory } from '../../test/support/test-directory.ts';
import { withFileLock } from './file-lock.ts';

it('lets one task in at a time', async () => {
  const path = join(await testDirectory(), 'lock');
  let inside = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 1));
    inside--;
  };
  await Promise.all(Array.from({ length: 12 }, () => withFileLock(path, task)));
  expect(most).toBe(1);
});

it('leaves no file behind, after failures too', async () => {
  const directory = await testDirectory();
  const path = join(directory, 'lock');
  expect(await withFileLock(path, async (lock) => lock.isHeld())).toBe(true);
  await expect(withFileLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await readdir(directory)).toEqual([]);
});

it.each(['0123456789abcdef0123456789abcdef', '', '../../escape'])(
  'takes over the lock %j of a dead owner, once for all who wait',
  async (token) => {
    const directory = await testDirectory();
    const path = join(directory, 'lock');
    await writeFile(path, token);
    let inside = 0;
    const task = async (): Promise<number> => {
      inside++;
      await new Promise((resolve) => setTimeout(resolve, 1));
      return inside--;
    };
    const all = await Promise.all(Array.from({ length: 6 }, () => withFileLock(path, task, { staleAfter: 30 })));
    expect(all).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await readdir(directory)).toEqual([]);
  },
);

it('gives up when the lock is not free in time, naming the file and leaving it', async () => {
  const path = join(await testDirectory(), 'lock');
  await writeFile(path, 'somebody');
  await expect(withFileLock(path, async () => 1, { patience: 30 })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining(path),
  });
  expect(await readFile(path, 'utf8')).toBe('somebody');
});

it("ends its wait with the signal's reason", async () => {
  const path = join(await testDirectory(), 'lock');
  await writeFile(path, 'somebody');
  const controller = new AbortController();
  const waiting = withFileLock(path, async () => 1, { signal: controller.signal });
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 10);
  await expect(waiting).rejects.toBe(reason);
});

it('tells a holder that it was taken away, and leaves the lock of its new owner', async () => {
  const path = join(await testDirectory(), 'lock');
  await withFileLock(path, async (lock) => {
    await writeFile(path, 'usurper');
    expect(await lock.isHeld()).toBe(false);
  });
  expect(await readFile(path, 'utf8')).toBe('usurper');
});
