export interface UsageErrorOptions extends ErrorOptions {
  /** What may have been meant: a line below the message. */
  readonly hint?: string | undefined;
}

/**
 * The command line itself is wrong: an unknown flag, too few arguments. The runner prints `Error: ` and the message, below it
 * the hint, and ends with 1. A command may throw it for what the framework cannot check.
 */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
  readonly hint: string | undefined;

  constructor(message: string, options: UsageErrorOptions = {}) {
    super(message, options);
    this.hint = options.hint;
  }
}
