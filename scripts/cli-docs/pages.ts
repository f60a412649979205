import { craneProgram } from '../../src/cli/crane-program.ts';
import { markdownFileName, renderMarkdown } from '../../src/cli/framework/markdown.ts';
import { type CommandPage, describe } from '../../src/cli/framework/page.ts';
import { manFileName, manPageName, renderRoff } from '../../src/cli/framework/roff.ts';
import { gcraneProgram, ownNames } from '../../src/cli/gcrane-program.ts';

/** Every file of docs/cli by its name, as the command tables say it should be. */
export async function cliPages(): Promise<ReadonlyMap<string, string>> {
  const { theirs, own } = await allPages();
  const files = [
    ...theirs.map((page) => [markdownFileName(page), renderMarkdown(page)] as const),
    ...own.map((page) => [markdownFileName(page), withSharedPages(renderMarkdown(page))] as const),
  ];
  return new Map([['README.md', indexOf([...theirs, ...own])], ...files]);
}

/** Every manual page by the name of its file. */
export async function manPages(version: string): Promise<ReadonlyMap<string, string>> {
  const { theirs, own } = await allPages();
  const source = `crane-oci ${version}`;
  const files = [
    ...theirs.map((page) => [manFileName(page), renderRoff(page, { source })] as const),
    ...own.map((page) => [manFileName(page), renderRoff(page, { source, pageFor: sharedPageName })] as const),
  ];
  return new Map(files);
}

/** What gcrane shares with crane has one page. */
async function allPages(): Promise<Readonly<Record<'theirs' | 'own', readonly CommandPage[]>>> {
  return {
    theirs: (await describe(craneProgram)).filter((page) => !page.hidden),
    own: (await describe(gcraneProgram)).filter(({ path }) => path === 'gcrane' || isOwn(path)),
  };
}

function sharedPageName(path: string): string {
  return manPageName(path === 'gcrane' || isOwn(path) ? path : path.replace(/^gcrane/, 'crane'));
}

/** Whether a command is one that crane does not have, or has otherwise. */
function isOwn(path: string): boolean {
  return ownNames.has(path.split(' ')[1] ?? '');
}

function withSharedPages(text: string): string {
  return text.replace(/\]\(gcrane-(\w+)/g, (link, name: string) => (ownNames.has(name) ? link : `](crane-${name}`));
}

function indexOf(pages: readonly CommandPage[]): string {
  const rows = pages.map((page) => `| [${page.path}](${markdownFileName(page)}) | ${page.summary} |`);
  return `<!-- Made from the command table by scripts/generate-cli-docs.ts; changes belong there. -->

# The command line

Every command with its arguments and flags. \`crane COMMAND --help\` shows the same text. What an argument that names an
image may look like, and which command takes what, is in [names of images](../image-names.md); where credentials come from, in
[authentication](../authentication.md); what differs from crane of go-containerregistry, in
[compatibility with crane](../compatibility-with-crane.md). \`gcrane\` has all commands of \`crane\`; those of its own are at the
end.

| Command | What it does |
| --- | --- |
${rows.join('\n')}
`;
}
