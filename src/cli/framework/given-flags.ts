import type { Command, Invocation, Outputs, Program } from './command.ts';
import type { FoundCommand } from './find.ts';
import type { Flags, FlagValues } from './flag.ts';
import { flagTable, parseFlags } from './parse.ts';
import { flagsFor } from './program.ts';

/** The flags that a command line gives, by owner: a flag of the command may have the name of one of the program. */
export interface GivenFlags {
  readonly args: readonly string[];
  readonly own: ReadonlyMap<string, unknown>;
  readonly program: ReadonlyMap<string, unknown>;
}

/** @throws {UsageError} */
export function readFlags<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  { path, argv, leading }: FoundCommand<C, P & L>,
  command: Command<C, P & L> | undefined,
  notice: (line: string) => void,
): GivenFlags {
  const leadingTable = flagTable({ flags: program.leadingFlags, local: false });
  const before = parseFlags(leading, leadingTable, notice);
  const { args, values } = parseFlags(argv, flagsFor(program, path, command), notice);
  const isProgramFlag = ([name]: readonly [string, unknown]): boolean =>
    Object.hasOwn(program.flags, name) && !Object.hasOwn(command?.flags ?? {}, name);
  const entries = [...values];
  return {
    args,
    own: new Map(entries.filter((entry) => !isProgramFlag(entry))),
    program: new Map([...before.values, ...entries.filter(isProgramFlag)]),
  };
}

/** What a command gets of them, with initial values where a flag is not given. */
export function valuesFor<C, P, L>(
  program: Program<C, P, L>,
  command: Command<C, P & L>,
  given: GivenFlags,
): Pick<Invocation<C, P & L>, 'args' | 'flags' | 'globals' | 'changed'> {
  const own = command.flags ?? {};
  const shared = { ...program.flags, ...program.leadingFlags } as Flags;
  return {
    args: given.args,
    flags: valuesOf(own, given.own),
    globals: valuesOf(shared, given.program) as P & L,
    changed: (name) => (Object.hasOwn(own, name) ? given.own : given.program).has(name),
  };
}

function valuesOf(flags: Flags, given: ReadonlyMap<string, unknown>): FlagValues<Flags> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, { initial }]) => [name, given.has(name) ? given.get(name) : initial]),
  );
}
