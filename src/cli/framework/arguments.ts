import { quote } from './quote.ts';

/** How many positional arguments a command takes. */
export interface ArgumentRule {
  /** After so many there is nothing left to complete. */
  readonly most: number;
  /** What is wrong with `args`, in the words of crane; `undefined` when nothing is. */
  problem(args: readonly string[], path: string): string | undefined;
}

/** No arguments. On a parent the first one must have been meant as a sub-command, so the message says that. */
export const none: ArgumentRule = {
  most: 0,
  problem: ([first], path) => (first === undefined ? undefined : `unknown command ${quote(first)} for ${quote(path)}`),
};

export const any: ArgumentRule = { most: Infinity, problem: () => undefined };

export function exactly(count: number): ArgumentRule {
  return rule(count, count, `accepts ${count} arg(s), received`);
}

export function atMost(most: number): ArgumentRule {
  return rule(0, most, `accepts at most ${most} arg(s), received`);
}

export function atLeast(least: number): ArgumentRule {
  return rule(least, Infinity, `requires at least ${least} arg(s), only received`);
}

export function between(least: number, most: number): ArgumentRule {
  return rule(least, most, `accepts between ${least} and ${most} arg(s), received`);
}

function rule(least: number, most: number, message: string): ArgumentRule {
  const problem = ({ length }: readonly string[]): string | undefined =>
    length < least || length > most ? `${message} ${length}` : undefined;
  return { most, problem };
}
