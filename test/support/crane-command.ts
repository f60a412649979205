import { expect } from 'vitest';
import { craneInProcess, type InProcessOptions, type InProcessResult } from './in-process.ts';

/** Runs crane with the home of nobody. */
export async function runCrane(
  args: readonly string[],
  options: Partial<InProcessOptions> = {},
): Promise<InProcessResult> {
  return craneInProcess(args, { home: '/nowhere', ...options });
}

export interface CraneCommand {
  /** What it prints when it goes well, without the line end. */
  printed(this: void, ...args: readonly string[]): Promise<string>;
  /** What it says when it goes wrong, having printed nothing. */
  refusal(this: void, ...args: readonly string[]): Promise<string>;
}

/** One command of crane, run in this process. */
export function craneCommand(name: string): CraneCommand {
  return {
    async printed(...args) {
      const result = await runCrane([name, ...args]);
      expect(result.stderr).not.toContain('Error');
      expect(result.code).toBe(0);
      return result.stdout.trim();
    },
    async refusal(...args) {
      const result = await runCrane([name, ...args]);
      expect(result).toMatchObject({ code: 1, stdout: '' });
      return result.stderr;
    },
  };
}
