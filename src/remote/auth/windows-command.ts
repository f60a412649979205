import { win32 } from 'node:path';

/** What is started for a program on Windows. */
export interface WindowsCommand {
  /** In full. */
  readonly file: string;
  readonly args: readonly string[];
  /** The arguments are a command line already, and are not to be quoted once more. */
  readonly isVerbatim: boolean;
}

export interface WindowsSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isFile: (path: string) => Promise<boolean>;
}

/**
 * Finds a program as Windows does, by the directories of `PATH` and the endings of `PATHEXT`, but never in the current directory.
 * Scripts, as the command lines of some clouds are, have to be run by the command interpreter, whose grammar no quoting makes safe
 * altogether: what it could take for more than text is refused. Gives `undefined` when there is no such program.
 *
 * @throws {Error} for a script whose path or arguments the interpreter could misread
 */
export async function windowsCommand(
  program: string,
  args: readonly string[],
  { env, isFile }: WindowsSurroundings,
): Promise<WindowsCommand | undefined> {
  const file = await findProgram(program, { env, isFile });
  if (file === undefined) return undefined;
  if (!/\.(?:cmd|bat)$/i.test(file)) return { file, args, isVerbatim: false };
  const words = [file, ...args];
  if (!words.every((word) => plainText.test(word))) {
    throw new Error(
      'it is a script, and its path or arguments have characters that Windows does not leave as they are',
    );
  }
  // All is in one pair of quotes, which `/s` takes off; without `/d` settings of the user would be run first.
  const line = `"${words.map((word) => `"${word}"`).join(' ')}"`;
  const root = valueOf(env, 'SystemRoot') ?? String.raw`C:\Windows`;
  const interpreter = valueOf(env, 'ComSpec') ?? win32.join(root, 'System32', 'cmd.exe');
  return { file: interpreter, args: ['/d', '/s', '/c', line], isVerbatim: true };
}

/** Inside of quotes the interpreter gives a meaning to quotes, percent and exclamation marks, carets and line ends only. */
const plainText = /^[^"%!^\p{Cc}]*$/u;

async function findProgram(program: string, { env, isFile }: WindowsSurroundings): Promise<string | undefined> {
  const known = (valueOf(env, 'PATHEXT') ?? '.COM;.EXE;.BAT;.CMD').toLowerCase().split(';');
  const endings = known.filter((ending) => startable.has(ending));
  const names = startable.has(win32.extname(program).toLowerCase())
    ? [program]
    : endings.map((ending) => `${program}${ending}`);
  const folders = win32.isAbsolute(program) ? [''] : (valueOf(env, 'PATH') ?? '').split(';').map(unquoted);
  for (const folder of folders) {
    if (folder === '' && !win32.isAbsolute(program)) continue;
    for (const name of names) {
      const path = folder === '' ? name : win32.join(folder, name);
      if (win32.isAbsolute(path) && (await isFile(path))) return path;
    }
  }
  return undefined;
}

/** `PATHEXT` may have endings that other programs open. */
const startable: ReadonlySet<string> = new Set(['.com', '.exe', '.bat', '.cmd']);

/** Names of variables have no case there; a copy of the environment does. */
function valueOf(env: WindowsSurroundings['env'], name: string): string | undefined {
  const found = Object.entries(env).find(([key, value]) => key.toUpperCase() === name.toUpperCase() && value !== '');
  return found?.[1];
}

function unquoted(folder: string): string {
  return folder.replace(/^"(.*)"$/, '$1').trim();
}
