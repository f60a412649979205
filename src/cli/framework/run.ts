import type { Command, Invocation, Outputs, Program } from './command.ts';
import { findCommand, unknownCommand } from './find.ts';
import { readFlags, valuesFor } from './given-flags.ts';
import { renderHelp, renderUsage } from './help.ts';
import { pageOf } from './page.ts';
import { loadCommand, pathText } from './program.ts';
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
    context.stderr.write(`Error: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`);
    return 1;
  }
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
  if (given.own.get('help') === true) {
    await context.stdout.write(help());
    return 0;
  }
  const path = pathText(program, found.path);
  const children = found.path.at(-1)?.subcommands;
  const [word] = given.args;
  if (children !== undefined && word !== undefined) throw unknownCommand(path, word, children);
  if (command === undefined) {
    await context.stdout.write(help());
    return 0;
  }
  const usage = (): string => renderUsage(pageOf(program, found.path, command));
  const usageLine = (): string =>
    pageOf(program, found.path, command).usageLines.at(children === undefined ? 0 : -1) ?? path;
  return await perform(program, command, {
    context,
    path,
    help,
    usage,
    usageLine,
    ...valuesFor(program, command, given),
  });
}

async function perform<C extends Outputs, P, L>(
  program: Program<C, P, L>,
  command: Command<C, P & L>,
  invocation: Invocation<C, P & L>,
): Promise<number> {
  const { hooks = true } = command;
  const problem = command.arguments.problem(invocation.args, invocation.path);
  if (problem !== undefined) throw new UsageError(problem, { hint: `Usage: ${invocation.usageLine()}` });
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
