import { expect } from 'vitest';
import { snapshot } from './file-tree.ts';
import { temporaryDirectory } from './temp-directory.ts';

/** Runs a task with a directory for temporary files that nobody else uses, and expects it to be empty at the end. */
export async function leavingNoTemporaryFiles(task: () => Promise<unknown>): Promise<void> {
  const directory = await temporaryDirectory();
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = directory.path;
  try {
    await task();
    expect(await snapshot(directory.path)).toEqual({});
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    await directory.remove();
  }
}
