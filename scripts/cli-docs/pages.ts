import { craneProgram } from '../../src/cli/crane-program.ts';
import { markdownFileName, renderMarkdown } from '../../src/cli/framework/markdown.ts';
import { type CommandPage, describe } from '../../src/cli/framework/page.ts';

/** Every file of docs/cli by its name, as the command table says it should be. */
export async function cliPages(): Promise<ReadonlyMap<string, string>> {
  const pages = (await describe(craneProgram)).filter((page) => !page.hidden);
  const files = pages.map((page) => [markdownFileName(page), renderMarkdown(page)] as const);
  return new Map([['README.md', indexOf(pages)], ...files]);
}

function indexOf(pages: readonly CommandPage[]): string {
  const rows = pages.map((page) => `| [${page.path}](${markdownFileName(page)}) | ${page.summary} |`);
  return `<!-- Made from the command table by scripts/generate-cli-docs.ts; changes belong there. -->

# The command line

Every command with its arguments and flags. \`crane COMMAND --help\` shows the same text. What an argument that names an
image may look like is in [local content](../local-content.md); where credentials come from, in
[authentication](../authentication.md); what differs from crane of go-containerregistry, in
[compatibility with crane](../compatibility-with-crane.md).

| Command | What it does |
| --- | --- |
${rows.join('\n')}
`;
}
