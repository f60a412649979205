import type { Command, Invocation, Outputs, Program } from './command.ts';
import { findCommand, type FoundCommand } from './find.ts';
import type { Flags, FlagValues } from './flag.ts';
import { renderHelp, renderUsage } from './help.ts';
import { pageOf } from './page.ts';
import { flagTable, parseFlags } from './parse.ts';
import { flagsFor, loadCommand, pathText } from './program.ts';
import { quote } from './quote.ts';
import { UsageError } from './usage-error.ts';

/**
 * Runs one command line and gives the exit code. Prints only to the outputs of `context`, never ends the process, and
 * loads only the command it runs. The order of checks is that of the crane-cli reference, section 1: flags, `--help`,
 * number of arguments, the program's `before`, required flags, exclusive flags, the command, the program's `after`.
 *
 * @param argv the arguments behind the program's name
 */
export async function runCommandLine<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  argv: readonly string[],
  context: C,
): Promise<number> {
  try {
    return await dispatch(program, argv, context);
  } catch (error) {
    if (!(error instanceof UsageError)) return await program.reportError(error, context);
    context.stderr.write(`Error: ${error.message}\n`);
    return 1;
  }
}

/** The flags that a command line gives, by owner: a flag of the command may have the name of one of the program. */
interface GivenFlags {
  readonly args: readonly string[];
  readonly own: ReadonlyMap<string, unknown>;
  readonly program: ReadonlyMap<string, unknown>;
}

async function dispatch<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  argv: readonly string[],
  context: C,
): Promise<number> {
  const [first, ...words] = argv;
  if (first === '__complete' || first === '__completeNoDesc') {
    const { printCandidates } = await import('./complete.ts');
    return await printCandidates(program, words, context, first === '__complete');
  }
  const found = findCommand(program, argv);
  const command = await loadCommand(found.path);
  const given = readFlags(program, found, command, (line) => context.stderr.write(`${line}\n`));
  const help = (): string => renderHelp(pageOf(program, found.path, command));
  if (command === undefined || given.own.get('help') === true) {
    context.stdout.write(help());
    return 0;
  }
  const path = pathText(program, found.path);
  const usage = (): string => renderUsage(pageOf(program, found.path, command));
  return await perform(program, command, { context, path, help, usage, ...valuesFor(program, command, given) });
}

function readFlags<C extends Outputs, P, L>(
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

function valuesFor<C, P, L>(
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

async function perform<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  command: Command<C, P & L>,
  invocation: Invocation<C, P & L>,
): Promise<number> {
  const { hooks = true } = command;
  const problem = command.arguments.problem(invocation.args, invocation.path);
  if (problem !== undefined) throw new UsageError(problem);
  if (hooks) await program.before?.(invocation);
  checkRequired(command, invocation);
  checkExclusive(command, invocation);
  const code = (await command.run(invocation)) ?? 0;
  if (hooks && code === 0) await program.after?.(invocation);
  return code;
}

function checkRequired<C, G>({ flags = {} }: Command<C, G>, { changed }: Invocation<C, G>): void {
  const missing = Object.entries(flags)
    .filter(([name, { required }]) => required === true && !changed(name))
    .map(([name]) => quote(name))
    .sort();
  if (missing.length > 0) throw new UsageError(`required flag(s) ${missing.join(', ')} not set`);
}

function checkExclusive<C, G>({ exclusive = [] }: Command<C, G>, { changed }: Invocation<C, G>): void {
  for (const group of exclusive) {
    const given = group.filter((name) => changed(name)).sort();
    if (given.length < 2) continue;
    throw new UsageError(
      `if any flags in the group [${group.join(' ')}] are set none of the others can be; [${given.join(' ')}] were all set`,
    );
  }
}
