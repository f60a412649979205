// `npm test`: everything that has to hold, on a fresh clone with Node and nothing else.
//
//   npm test                    all of it
//   npm test -- --quick         without the servers, clients and runtimes that have to be fetched, and without end-to-end
//   npm test -- FILTER…         only the tests, and of those the files whose path contains a filter (vitest's rules)

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { installCommand, isInstalled } from './install.mjs';
import { run } from './run.mjs';

const root = join(import.meta.dirname, '..');
const report = join(root, '.cache/vitest.json');
const given = process.argv.slice(2);
const quick = given.includes('--quick');
const filters = given.filter((argument) => argument !== '--quick');

/** @type {{ name: string, ok: boolean, seconds: number, note: string }[]} */
const results = [];

await main();

async function main() {
  if (!isInstalled() && !(await step('install', 'npm', installCommand))) return summarise();
  const provisioning = quick ? undefined : run(process.execPath, [join(root, 'scripts/provision.mjs')], { cwd: root });
  if (filters.length === 0) await staticChecks();
  await tool('build', process.execPath, ['scripts/build.mjs']);
  if (provisioning !== undefined) showProvisioning(await provisioning);
  await runTests();
  if (filters.length === 0) await packageChecks();
  summarise();
}

async function staticChecks() {
  await tool('format', 'oxfmt', ['--check']);
  await tool('lint', 'oxlint', ['--type-aware', '--deny-warnings']);
  await tool('types', 'typescript', ['-p', '.'], 'tsc');
  await tool('types of scripts', 'typescript', ['-p', 'tsconfig.scripts.json'], 'tsc');
}

async function packageChecks() {
  await tool('docs', process.execPath, ['scripts/check-docs.mjs']);
  await tool('package', 'publint', ['run', '.', '--strict']);
  await tool('unused', 'knip', []);
}

async function runTests() {
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const selection = quick ? ['--exclude', 'test/e2e/**'] : [];
  await tool('tests', 'vitest', ['run', ...reporters, ...selection, ...filters]);
}

/** @param {import('./run.mjs').RunResult} result */
function showProvisioning(result) {
  heading('servers, clients and runtimes for the tests');
  console.log(result.output.trim());
  if (!result.ok) results.push({ name: 'provision', ok: false, seconds: 0, note: result.reason });
}

/**
 * Runs a program of a package in node_modules/ (or one given by its path) as a step.
 *
 * @param {string} name
 * @param {string} program
 * @param {readonly string[]} args
 * @param {string} [binary] which of the package's programs
 */
function tool(name, program, args, binary = program) {
  return step(name, process.execPath, program === process.execPath ? args : [programOf(program, binary), ...args]);
}

/**
 * @param {string} package_
 * @param {string} binary
 */
function programOf(package_, binary) {
  const folder = join(root, 'node_modules', package_);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[binary]);
}

/**
 * @param {string} name
 * @param {string} command
 * @param {readonly string[]} args
 */
async function step(name, command, args) {
  heading(name);
  const start = performance.now();
  const { ok, reason } = await run(command, args, { cwd: root, show: true });
  results.push({ name, ok, seconds: (performance.now() - start) / 1000, note: ok ? '' : reason });
  return ok;
}

/** @param {string} text */
function heading(text) {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}`);
}

function summarise() {
  const { failed: failedTests, skipped } = readReport();
  heading('summary');
  for (const { name, ok, seconds, note } of results) {
    console.log(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(18)} ${seconds.toFixed(1).padStart(6)} s  ${note}`.trimEnd());
  }
  for (const test of failedTests) console.log(`\nFAIL  ${test}`);
  for (const title of skipped) console.log(`SKIP  ${title}`);
  const failed = results.filter((result) => !result.ok);
  console.log(failed.length === 0 ? '\nEverything passed' : `\nFailed: ${failed.map(({ name }) => name).join(', ')}`);
  if (failed.length > 0) process.exitCode = 1;
}

/**
 * @typedef {{ status: string, fullName: string, ancestorTitles: string[], failureMessages: string[] }} TestResult
 * @typedef {{ name: string, status: string, message: string, assertionResults: TestResult[] }} FileResult
 */

/** What the report of the tests says of failed and of skipped ones, for the end of the output, which is what people see first. */
function readReport() {
  if (!existsSync(report)) return { failed: [], skipped: [] };
  /** @type {{ testResults: FileResult[] }} */
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  return { failed: testResults.flatMap(failures), skipped: [...new Set(testResults.flatMap(skips))] };
}

/** @param {FileResult} file */
function failures({ name, status, message, assertionResults }) {
  const path = relative(root, name);
  const tests = assertionResults.filter((test) => test.status === 'failed');
  if (tests.length === 0) return status === 'failed' ? [`${path}\n${firstLines(message)}`] : [];
  return tests.map(
    ({ fullName, failureMessages }) => `${path}: ${fullName}\n${firstLines(failureMessages.join('\n'))}`,
  );
}

/** @param {string} text */
function firstLines(text) {
  return text.split('\n', 12).join('\n');
}

/**
 * A line for each group whose title says why it is skipped, and one for the other skipped tests of a file.
 *
 * @param {FileResult} file
 */
function skips({ name, assertionResults }) {
  const skipped = assertionResults.filter(({ status }) => status === 'skipped' || status === 'pending');
  const reasons = skipped.map(({ ancestorTitles }) => ancestorTitles.find((title) => title.includes('(skipped: ')));
  const others = reasons.filter((reason) => reason === undefined).length;
  const rest = others === 0 ? [] : [`${others} tests in ${relative(root, name)} that do not apply there`];
  return reasons.filter((reason) => reason !== undefined).concat(rest);
}
