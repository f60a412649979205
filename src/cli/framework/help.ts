import type { CommandPage, FlagPage } from './page.ts';

/** What `--help` prints: the description and the usage. The layout is crane's. */
export function renderHelp(page: CommandPage): string {
  return `${page.description === '' ? '' : `${wrapped(page.description.trimEnd())}\n\n`}${renderUsage(page)}`;
}

/** The help without the description. */
export function renderUsage(page: CommandPage): string {
  const { path, name, usageLines, aliases, examples, commands, flags, globalFlags } = page;
  const blocks = [
    block('Usage:', usageLines),
    aliases.length === 0 ? '' : block('Aliases:', [[name, ...aliases].join(', ')]),
    examples === undefined ? '' : block('Examples:', examples.trimEnd().split('\n')),
    commands.length === 0 ? '' : block('Available Commands:', commandLines(page)),
    flags.length === 0 ? '' : block('Flags:', flagLines(flags)),
    globalFlags.length === 0 ? '' : block('Global Flags:', flagLines(globalFlags)),
    commands.length === 0 ? '' : `Run "${path} [command] --help" to learn more about a command.\n`,
  ];
  return blocks.filter((text) => text !== '').join('\n');
}

function block(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => (line === '' ? '' : `  ${line}`))].map((line) => `${line}\n`).join('');
}

function commandLines({ commands, nameWidth }: CommandPage): readonly string[] {
  return commands.map(({ name, summary }) => `${name.padEnd(nameWidth)} ${summary}`);
}

function flagLines(flags: readonly FlagPage[]): readonly string[] {
  const width = Math.max(...flags.map((flag) => flagText(flag).length));
  return flags.map((flag) => {
    const { description, shownDefault, required } = flag;
    const ending = shownDefault === undefined ? (required ? ' (required)' : '') : ` (default ${shownDefault})`;
    // A description of several lines goes on below its own beginning.
    const text = description.replaceAll('\n', `\n${' '.repeat(width + 5)}`);
    return `${flagText(flag).padEnd(width)}   ${text}${ending}`;
  });
}

function flagText({ name, shorthand, valueName }: FlagPage): string {
  const names = shorthand === undefined ? `    --${name}` : `-${shorthand}, --${name}`;
  return valueName === '' ? names : `${names} ${valueName}`;
}

/** Breaks long lines between words. Indented lines, which show something written, stay as they are. */
function wrapped(text: string): string {
  const lines = text.split('\n').map((line) => (line.startsWith(' ') ? line : line.replace(longLine, '$1\n')));
  return lines.join('\n');
}

/** At most 80 characters, then the space that a line end takes the place of. */
const longLine = /(?=.{81})(.{1,80}) +/g;
