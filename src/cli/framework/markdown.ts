import type { CommandPage, FlagPage } from './page.ts';

/** The file of a page: `crane-auth-login.md`. */
export function markdownFileName(page: { readonly path: string }): string {
  return `${page.path.replaceAll(' ', '-')}.md`;
}

/** A reference page in Markdown. The same page always gives the same text. */
export function renderMarkdown(page: CommandPage): string {
  const { path, description, usageLines, aliases, examples, flags, globalFlags } = page;
  const names = path.split(' ');
  const parent = names.slice(0, -1).join(' ');
  const alternatives = aliases.map((alias) => `\`${[parent, alias].join(' ').trim()}\``).join(', ');
  const blocks = [
    '<!-- Made from the command table by scripts/generate-cli-docs.ts; changes belong there. -->',
    `# ${path}`,
    prose(description.trim()),
    usageLines.length === 0 ? '' : `## Usage\n\n${code(usageLines.join('\n'))}`,
    aliases.length === 0 ? '' : `Also written ${alternatives}.`,
    examples === undefined ? '' : `## Examples\n\n${code(examples.trimEnd())}`,
    commandList(page),
    flags.length === 0 ? '' : `## Flags\n\n${flagRows(flags)}`,
    globalFlags.length === 0 ? '' : `## Flags of every command\n\n${flagRows(globalFlags)}`,
    parent === '' ? '' : `Part of [${parent}](${markdownFileName({ path: parent })}).`,
  ];
  return `${blocks.filter((text) => text !== '').join('\n\n')}\n`;
}

function commandList({ path, commands }: CommandPage): string {
  if (commands.length === 0) return '';
  const rows = commands.map(({ name, summary }) => {
    const child = `${path} ${name}`;
    return `| [${child}](${markdownFileName({ path: child })}) | ${cell(summary)} |`;
  });
  return ['## Commands\n', '| Command | What it does |', '| --- | --- |', ...rows].join('\n');
}

function flagRows(flags: readonly FlagPage[]): string {
  const rows = flags.map((flag) => `| ${flagNames(flag)} | ${meaning(flag)} |`);
  return ['| Flag | Meaning |', '| --- | --- |', ...rows].join('\n');
}

function flagNames({ name, shorthand, valueName }: FlagPage): string {
  const long = valueName === '' ? `--${name}` : `--${name} ${valueName}`;
  return shorthand === undefined ? `\`${long}\`` : `\`-${shorthand}\`, \`${long}\``;
}

function meaning({ description, shownDefault, required, repeatable }: FlagPage): string {
  const notes = [
    required ? 'required' : '',
    repeatable ? 'may be repeated' : '',
    shownDefault === undefined ? '' : `default \`${shownDefault}\``,
  ].filter((note) => note !== '');
  return cell(notes.length === 0 ? description : `${description} (${notes.join('; ')})`);
}

/** Indented blocks of the description stay what they are: Markdown reads them as code, too. */
function prose(text: string): string {
  return text.replace(/^(?! {4}).*$/gm, (line) => line.replace(/[<>]/g, (sign) => (sign === '<' ? '&lt;' : '&gt;')));
}

function cell(text: string): string {
  return prose(text)
    .replaceAll('|', String.raw`\|`)
    .replaceAll('\n', ' ');
}

function code(text: string): string {
  return `\`\`\`sh\n${text}\n\`\`\``;
}
