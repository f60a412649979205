import type { CommandPage, FlagPage } from './page.ts';

/** Section 1: programs that users call. */
const section = 1;

export interface RoffOptions {
  /** What the page is a part of, with its version: `crane-oci 1.0.0`. */
  readonly source: string;
  /** The page that tells of a command, `crane auth login`. @default its own */
  readonly pageFor?: ((path: string) => string) | undefined;
}

/** The name of the page of a command, `crane-auth-login`; its file has `.1` behind it. */
export function manPageName(path: string): string {
  return path.replaceAll(' ', '-');
}

export function manFileName({ path }: { readonly path: string }): string {
  return `${manPageName(path)}.${section}`;
}

/** A manual page in the macros of man(7). The same page always gives the same text, so it has no date. */
export function renderRoff(page: CommandPage, { source, pageFor = manPageName }: RoffOptions): string {
  const { path, summary, description, usageLines, aliases, examples, flags, globalFlags } = page;
  const [program = ''] = path.split(' ');
  const title = [manPageName(path).toUpperCase(), String(section), '', source, `${program} manual`];
  const lines = [
    String.raw`.\" Made from the command table by scripts/write-man-pages.ts`,
    `.TH ${title.map(argument).join(' ')}`,
    // Names of flags and files stay whole.
    '.nh',
    '.ad l',
    ...block('NAME', [text(`${manPageName(path)} - ${summary}`)]),
    ...block('SYNOPSIS', usageLines.length === 0 ? [] : verbatim(usageLines, 0)),
    ...block('DESCRIPTION', paragraphs(description.trim())),
    ...aliasLines(path, aliases),
    ...block('COMMANDS', commandLines(page, pageFor)),
    ...block('OPTIONS', flags.flatMap(flagLines)),
    ...block('OPTIONS OF EVERY COMMAND', globalFlags.flatMap(flagLines)),
    ...block('EXAMPLES', examples === undefined ? [] : verbatim(examples.trimEnd().split('\n'), 4)),
    ...block('SEE ALSO', seeAlso(page, pageFor)),
  ];
  return `${lines.join('\n')}\n`;
}

function block(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`.SH ${argument(title)}`, ...lines];
}

/** Indented blocks show something written, and keep their lines. */
function paragraphs(prose: string): readonly string[] {
  const [, ...lines] = prose.split(/\n\n+/).flatMap((part) => ['.PP'].concat(paragraph(part.split('\n'))));
  return lines;
}

function paragraph(lines: readonly string[]): readonly string[] {
  if (!lines.every((line) => line.startsWith('    '))) return lines.map(text);
  return verbatim(
    lines.map((line) => line.slice(4)),
    4,
  );
}

function verbatim(lines: readonly string[], indent: number): readonly string[] {
  const inner = ['.nf', ...lines.map(text), '.fi'];
  return indent === 0 ? inner : [`.RS ${indent}`, ...inner, '.RE'];
}

function aliasLines(path: string, aliases: readonly string[]): readonly string[] {
  if (aliases.length === 0) return [];
  const parent = path.split(' ').slice(0, -1);
  return ['.PP', text(`Also written ${aliases.map((alias) => [...parent, alias].join(' ')).join(', ')}.`)];
}

function commandLines({ path, commands }: CommandPage, pageFor: (path: string) => string): readonly string[] {
  return commands.flatMap(({ name, summary }) => tagged(reference(pageFor(`${path} ${name}`)), summary));
}

function flagLines({ name, shorthand, valueName, ...flag }: FlagPage): readonly string[] {
  const { description, shownDefault, required, repeatable } = flag;
  const names = [...(shorthand === undefined ? [] : [`-${shorthand}`]), `--${name}`].map(bold).join(', ');
  const notes = [
    ...(required ? ['required'] : []),
    ...(repeatable ? ['may be repeated'] : []),
    ...(shownDefault === undefined ? [] : [`default ${shownDefault}`]),
  ];
  const ending = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  return tagged(valueName === '' ? names : `${names} ${italic(valueName)}`, `${description}${ending}`);
}

/** Those below it are in the list of commands. */
function seeAlso({ path }: CommandPage, pageFor: (path: string) => string): readonly string[] {
  const parent = path.split(' ').slice(0, -1).join(' ');
  return parent === '' ? [] : [reference(pageFor(parent))];
}

function tagged(tag: string, meaning: string): readonly string[] {
  return ['.TP', tag, ...meaning.split('\n').map(text)];
}

function reference(name: string): string {
  return `${bold(name)}(${section})`;
}

function bold(word: string): string {
  return `${String.raw`\fB`}${escaped(word)}${String.raw`\fR`}`;
}

function italic(word: string): string {
  return `${String.raw`\fI`}${escaped(word)}${String.raw`\fR`}`;
}

/** A line of text: one that begins with a dot or a quote would be a request. */
function text(line: string): string {
  const shown = escaped(line);
  return /^[.'\\ ]/.test(shown) ? String.raw`\&${shown}` : shown;
}

/** An argument of a macro. */
function argument(value: string): string {
  return `"${escaped(value)}"`;
}

/** Characters that typesetting would take for others; all have names that groff and mandoc know. */
const names: Readonly<Record<string, string>> = {
  '\\': String.raw`\e`,
  '-': String.raw`\-`,
  "'": String.raw`\(aq`,
  '"': String.raw`\(dq`,
  '`': String.raw`\(ga`,
  '^': String.raw`\(ha`,
  '~': String.raw`\(ti`,
};

/** Nothing in it means anything to the formatter, and it is ASCII. */
function escaped(words: string): string {
  return words.replaceAll(/[\\\-'"`^~]|[^ -~]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    // What moves a cursor is no text.
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return ' ';
    return names[character] ?? String.raw`\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`;
  });
}
