import { craneProgram } from '../../src/cli/crane-program.ts';
import { findCommand } from '../../src/cli/framework/find.ts';
import { parseFlags } from '../../src/cli/framework/parse.ts';
import { flagsFor, loadCommand, pathText } from '../../src/cli/framework/program.ts';

/** The calls of crane in a line of a shell, as arguments: alone, in a pipe, after `&&`, inside `$(…)`. */
export function craneCalls(line: string): readonly (readonly string[])[] {
  const commands = line
    .replace(/^\$ /, '')
    .split(/\s(?:\|\||\||&&|;)\s|\$\(|\)/)
    .map((command) => words(command.replace(/"$/, '')));
  return commands.filter(([name]) => name === 'crane').map((all) => all.slice(1));
}

/**
 * What is wrong with a call according to the command table, `undefined` when nothing is. Nothing is run.
 *
 * @param complete whether the number of arguments has to be right, too
 */
export async function problemWith(argv: readonly string[], complete: boolean): Promise<string | undefined> {
  try {
    const { path, argv: rest, leading } = findCommand(craneProgram, argv);
    const command = await loadCommand(path);
    parseFlags(leading, flagsFor(craneProgram, [], undefined), () => {});
    const { args } = parseFlags(rest, flagsFor(craneProgram, path, command), (notice) => {
      throw new Error(notice);
    });
    return complete ? command?.arguments.problem(args, pathText(craneProgram, path)) : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Up to a redirection, a comment or the end; quotes taken off. */
function words(command: string): readonly string[] {
  const bare = command.replace(/\s(?:\d?[<>]|#|&$).*$/, '');
  return Array.from(bare.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), ([, a, b, c]) => a ?? b ?? c ?? '');
}
