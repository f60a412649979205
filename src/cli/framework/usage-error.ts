/**
 * The command line itself is wrong: an unknown flag, too few arguments. The runner prints `Error: ` and the message and
 * ends with 1. A command may throw it for what the framework cannot check.
 */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}
