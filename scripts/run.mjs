import { spawn } from 'node:child_process';

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {number} [timeout] milliseconds until the process is killed
 * @property {boolean} [show] let its output through instead of collecting it
 *
 * @typedef {object} RunResult
 * @property {boolean} ok exit code 0
 * @property {string} output stdout and stderr as they came, empty with `show`
 * @property {string} stdout
 * @property {string} reason why it failed, in a few words
 */

/**
 * Runs a program to its end; a failure is a result, never an exception.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export function run(command, args, options = {}) {
  const { cwd, env = process.env, timeout = 20 * 60_000, show = false } = options;
  return new Promise((resolve) => {
    const stdio = show ? 'inherit' : 'pipe';
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', stdio, stdio], shell: needsShell(command) });
    let output = '';
    let stdout = '';
    let late = false;
    const timer = setTimeout(() => ((late = true), child.kill('SIGKILL')), timeout);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => (output += text));
    }
    child.stdout?.on('data', (text) => (stdout += text));
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ ok: false, output, stdout, reason: error.message });
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const reason = late ? `no end after ${timeout / 1000} s` : signal === null ? `exit code ${code}` : signal;
      resolve({ ok: code === 0, output, stdout, reason });
    });
  });
}

/**
 * The last line that says something, for one-line reports.
 *
 * @param {RunResult} result
 */
export function lastLine(result) {
  return result.output.trim().split('\n').at(-1)?.trim() || result.reason;
}

/**
 * npm and npx are batch files on Windows.
 *
 * @param {string} command
 */
function needsShell(command) {
  return process.platform === 'win32' && (command === 'npm' || command === 'npx');
}
