import { expect } from 'vitest';
import type { CommandResult } from './command.ts';
import type { InProcessResult } from './in-process.ts';

/**
 * Expects that a command refused its input as every command should: exit code 1, nothing on stdout, one line `Error: …` on
 * stderr that says all of `says`, in front of it log lines, below it indented hints at most.
 */
export function expectRefusal(result: CommandResult, ...says: readonly (string | RegExp)[]): void {
  const { code, signal, stdout, stderr } = result;
  expect({ code, signal, stdout, stderr }).toMatchObject({ code: 1, signal: null, stdout: '' });
  const lines = stderr.split('\n').filter((line) => line !== '' && !isLog(line));
  const [error = '', ...below] = lines;
  expect(error, stderr).toMatch(/^Error: \S/);
  for (const line of below) expect(line, stderr).toMatch(/^ {2}\S/);
  for (const part of says) expect(error).toMatch(part instanceof RegExp ? part : asPattern(part));
  expect(error, 'says the same twice').not.toMatch(/\b([a-z]+(?: [a-z]+){2,})\b.*\b\1\b/i);
  expect(stderr, 'shows internals').not.toMatch(/undefined|\[object|^ +at |ERR_[A-Z]|NaN/m);
  expect(error.length, error).toBeLessThan(700);
}

/** The same of a command that ran in this process. */
export function expectRefused(
  result: Pick<InProcessResult, 'code' | 'stdout' | 'stderr'>,
  ...says: readonly (string | RegExp)[]
): void {
  expectRefusal({ ...result, signal: null, stdoutBytes: Buffer.from(result.stdout), peakMemory: 0 }, ...says);
}

function isLog(line: string): boolean {
  return /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /.test(line) || line.startsWith('[WARNING]: ');
}

function asPattern(text: string): RegExp {
  return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
}
