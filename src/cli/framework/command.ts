import type { ArgumentRule } from './arguments.ts';
import type { Completion, Flags, FlagsOf, FlagValues } from './flag.ts';

/** Where text goes: `process.stdout` is one, and so is a test's array of strings with a `write`. */
export interface TextWriter {
  write(text: string): unknown;
}

/** The part of the injected process that the framework itself uses. */
export interface Outputs {
  readonly stdout: TextWriter;
  readonly stderr: TextWriter;
}

/**
 * One parsed command line, as a command gets it.
 *
 * @typeParam C the injected process
 * @typeParam G the values of the program's own flags
 * @typeParam F the flags of the command
 */
export interface Invocation<C, G, F extends Flags = Flags> {
  readonly context: C;
  readonly args: readonly string[];
  readonly flags: FlagValues<F>;
  /** The values of the program's flags. One that a flag of the command shadows keeps its initial value. */
  readonly globals: G;
  /** Names of program and command, for messages: `crane auth login`. */
  readonly path: string;
  /** Whether a flag was given, be it with its initial value. */
  changed(this: void, name: (keyof F | keyof G) & string): boolean;
  /** The text that `--help` prints. */
  help(this: void): string;
  /** The same without the description. */
  usage(this: void): string;
  /** `crane copy SRC DST [flags]` */
  usageLine(this: void): string;
}

/** The part of a command that is loaded only when it is needed. */
export interface CommandSpec<C, G, F extends Flags = Flags> {
  /** The positional arguments as the usage line shows them: `IMAGE`, `SRC DST`. */
  readonly usage?: string | undefined;
  /** Whole sentences; the summary of the table line stands in where there is none. */
  readonly description?: string | undefined;
  /** Command lines and `# comments`, as in a shell. */
  readonly examples?: string | undefined;
  readonly arguments: ArgumentRule;
  readonly flags?: F | undefined;
  /** Groups of flags of which at most one may be given. */
  readonly exclusive?: readonly (readonly (keyof F & string)[])[] | undefined;
  /** Whether the program's `before` and `after` run around this command. @default true */
  readonly hooks?: boolean | undefined;
  /** Candidates for the next positional argument. Without it the shell offers files. */
  readonly complete?: Completion<C> | undefined;
  /** Gives the exit code; nothing means 0. What it throws goes to the program's `reportError`. */
  run(invocation: Invocation<C, G, F>): Promise<number | void> | number | void;
}

/** A command whose flags nobody outside has to know by type. */
export type Command<C, G> = CommandSpec<C, G>;

/** One line of the command table: all that the help of the parent needs, and where the rest is. */
export interface CommandEntry<C, G> {
  readonly name: string;
  readonly aliases?: readonly string[] | undefined;
  /** One line for the list of commands, without a full stop. */
  readonly summary: string;
  /** Works, but is not listed. @default false */
  readonly hidden?: boolean | undefined;
  readonly subcommands?: readonly CommandEntry<C, G>[] | undefined;
  /** Absent for a parent that does nothing itself: it then shows its help. */
  readonly load?: (() => Promise<{ readonly command: Command<C, G> }>) | undefined;
}

/**
 * A whole command line program.
 *
 * @typeParam P the values of the flags that may stand anywhere
 * @typeParam L the values of the flags that may stand before the command's name only
 */
export interface Program<C, P, L = unknown> {
  /** The name in help and messages: `crane`. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string | undefined;
  /** Known to every command, before and after its name, unless the command has one of the same name. */
  readonly flags: FlagsOf<P>;
  /** Read before the command's name; after it the same spelling belongs to the command. */
  readonly leadingFlags: FlagsOf<L>;
  readonly commands: readonly CommandEntry<C, P & L>[];
  /** Runs when flags and number of arguments are right, before anything else. What it throws goes to `reportError`. */
  before?(invocation: Invocation<C, P & L>): Promise<void> | void;
  /** Runs before candidates are looked for. What the command line says so far may be incomplete. */
  beforeCompleting?(invocation: Pick<Invocation<C, P & L>, 'context' | 'globals'>): void;
  /** Runs after a command that succeeded. */
  after?(invocation: Invocation<C, P & L>): Promise<void> | void;
  /** Says what went wrong and gives the exit code. */
  reportError(error: unknown, context: C): number | Promise<number>;
}

/** Lets the types of `run` follow from the flags: `export const command: Command<C, G> = defineCommand({ … })`. */
export function defineCommand<C, G, F extends Flags>(command: CommandSpec<C, G, F>): Command<C, G> {
  // Only the framework calls `run`, and only with the values of these very flags.
  return command as unknown as Command<C, G>;
}

/**
 * A parent that, called by itself, prints its usage on standard error and succeeds, as crane's `auth` does. With a rule that
 * wants a word it fails, as `index` does.
 */
export function usageOnly<C extends Outputs, G>(rule: ArgumentRule): Command<C, G> {
  return {
    arguments: rule,
    hooks: false,
    run: ({ context, usage }) => {
      context.stderr.write(usage());
    },
  };
}

/** The command that `name` means, by its name or an alias. */
export function childNamed<C, G>(
  commands: readonly CommandEntry<C, G>[] | undefined,
  name: string,
): CommandEntry<C, G> | undefined {
  return commands?.find((entry) => entry.name === name || entry.aliases?.includes(name) === true);
}

/** Whether lists and suggestions may name the command: it is not hidden, and it or one of its children does something. */
export function isListed<C, G>(entry: CommandEntry<C, G>): boolean {
  return entry.hidden !== true && (entry.load !== undefined || (entry.subcommands ?? []).some(isListed));
}
