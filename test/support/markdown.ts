import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from './paths.ts';

/** A Markdown file of the project. */
export interface MarkdownFile {
  /** From the project's root, with slashes. */
  readonly name: string;
  readonly text: string;
}

export interface CodeBlock {
  readonly file: string;
  /** The word behind the fence: `ts`, `sh`, `console` … */
  readonly language: string;
  readonly text: string;
}

/** All Markdown files but those of packages and builds. */
export function markdownFiles(folder: string = projectRoot): readonly MarkdownFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): readonly MarkdownFile[] => {
    if (entry.name.startsWith('.') || ['node_modules', 'dist', 'coverage'].includes(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    if (!entry.name.endsWith('.md')) return [];
    return [{ name: relative(projectRoot, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') }];
  });
}

export function codeBlocks({ name, text }: MarkdownFile): readonly CodeBlock[] {
  const blocks = text.matchAll(/^(`{3,})(\S*)\n([\s\S]*?)^\1$/gm);
  return Array.from(blocks, ([, , language = '', body = '']) => ({ file: name, language, text: body }));
}

/** The texts between single backticks, outside of code blocks. */
export function inlineCode({ text }: MarkdownFile): readonly string[] {
  const prose = text.replace(/^(`{3,})[\s\S]*?^\1$/gm, '');
  return Array.from(prose.matchAll(/`([^`\n]+)`/g), ([, code = '']) => code);
}
