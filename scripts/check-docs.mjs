// Every relative link in a Markdown file leads to a file that is there, and to a heading that is in it; and the lock file
// names packages, not the servers somebody's npm fetched them from.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const problems = [...markdownFiles(root).flatMap(brokenLinks), ...hostsInLockFile()];
for (const problem of problems) console.error(problem);
console.log(
  problems.length === 0 ? 'Links lead somewhere, the lock file names no hosts' : `${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

/** @param {string} file */
function brokenLinks(file) {
  const links = withoutCode(readFileSync(file, 'utf8')).matchAll(/\]\(([^)\s]+)\)/gu);
  return [...links].flatMap(([, target = '']) => {
    if (/^[a-z+]+:/iu.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const wanted = path === '' ? file : join(dirname(file), decodeURI(path));
    const from = `${relative(root, file)}: `;
    if (!existsSync(wanted)) return [`${from}${target} does not exist`];
    return anchor === undefined || anchorsOf(wanted).has(anchor) ? [] : [`${from}${target}: no such heading`];
  });
}

/** @param {string} file */
function anchorsOf(file) {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ +(.+?) *#*$/gmu);
  return new Set([...headings].map(([, heading = '']) => anchorOf(heading)));
}

/**
 * How GitHub derives an anchor from a heading.
 *
 * @param {string} heading
 */
function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

/** @param {string} text */
function withoutCode(text) {
  return text.replaceAll(/^(`{3,})[\s\S]*?^\1/gmu, '').replaceAll(/`[^`\n]*`/gu, '');
}

function hostsInLockFile() {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  return lock.includes('"resolved"')
    ? ['package-lock.json: "resolved" names a host; install with omit-lockfile-registry-resolved']
    : [];
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function markdownFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}
