import { expect, test } from 'vitest';
import { markdownFileName, renderMarkdown } from './markdown.ts';
import { type CommandPage, describe as describeProgram } from './page.ts';
import { sampleProgram } from './sample-program.ts';

test('the description of a program names every command, parents first, each list in alphabetical order', async () => {
  const pages = await describeProgram(sampleProgram());
  expect(pages.map(({ path, hidden }) => (hidden ? `(${path})` : path))).toEqual([
    'crane',
    'crane append',
    'crane auth',
    'crane auth login',
    'crane completion',
    'crane completion bash',
    'crane completion fish',
    'crane completion powershell',
    'crane completion zsh',
    'crane copy',
    'crane delete',
    'crane digest',
    '(crane edit)',
    'crane help',
    'crane index',
    'crane index filter',
    'crane layout',
    '(crane layout gc)',
    'crane ls',
    'crane mutate',
    'crane pull',
    'crane registry',
    'crane registry serve',
    'crane version',
  ]);
});

test('the description is plain data', async () => {
  const pages = await describeProgram(sampleProgram());
  expect(structuredClone(pages)).toEqual(pages);
});

test('no page names a hidden or deprecated flag', async () => {
  const text = (await describeProgram(sampleProgram())).map(renderMarkdown).join('');
  expect(text).not.toMatch(/--old|--secret/);
});

test('a reference page', async () => {
  const page = await pageNamed('crane copy');
  expect(markdownFileName(page)).toBe('crane-copy.md');
  expect(renderMarkdown(page)).toBe(`\
<!-- Made from the command table by scripts/generate-cli-docs.ts; changes belong there. -->

# crane copy

Move an image

## Usage

\`\`\`sh
crane copy SRC DST [flags]
\`\`\`

Also written \`crane cp\`.

## Flags

| Flag | Meaning |
| --- | --- |
| \`-a\`, \`--all-tags\` | Copy every tag |
| \`-h\`, \`--help\` | Show the help of copy |
| \`-j\`, \`--jobs int\` | How many at once (default \`4\`) |
| \`-n\`, \`--no-clobber\` | Keep what is there |

## Flags of every command

| Flag | Meaning |
| --- | --- |
| \`--insecure\` | Allow plain HTTP |
| \`--platform platform\` | Choose \`os/arch\` (default \`all\`) |
| \`-v\`, \`--verbose\` | Log more |

Part of [crane](crane.md).
`);
});

test('a page shows examples, required and repeatable flags, sub-commands', async () => {
  expect(renderMarkdown(await pageNamed('crane auth login'))).toContain(
    '## Examples\n\n```sh\n# Store it\ncrane auth login example.com\n```\n',
  );
  expect(renderMarkdown(await pageNamed('crane append'))).toContain(
    '| `-f`, `--new_layer strings` | Layer files (required; may be repeated) |\n',
  );
  expect(renderMarkdown(await pageNamed('crane auth'))).toContain(
    '| [crane auth login](crane-auth-login.md) | Store a password |\n',
  );
});

test('text of a page cannot break its tables or be taken for HTML', async () => {
  const page: CommandPage = { ...(await pageNamed('crane auth')), description: 'c <d>\n\n    e <f>' };
  const [first] = page.commands;
  const text = renderMarkdown({ ...page, commands: [{ name: first?.name ?? '', summary: 'one|two\nthree' }] });
  expect(text).toContain('c &lt;d&gt;\n\n    e <f>\n');
  expect(text).toContain(String.raw`| one\|two three |`);
});

async function pageNamed(path: string): Promise<CommandPage> {
  const page = (await describeProgram(sampleProgram())).find((one) => one.path === path);
  if (page === undefined) throw new Error(`no page ${path}`);
  return page;
}
