import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temp-directory.ts';

/** The path of a new directory that goes when the running test has finished. */
export async function testDirectory(): Promise<string> {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory.remove());
  return directory.path;
}
