// `npm run quickstart`: from a fresh clone to a registry with an image in it, every command line shown with its output.
//
//   npm run quickstart              cleans up behind itself
//   npm run quickstart -- --keep    leaves the registry and the files

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { installCommand, isInstalled } from './install.mjs';
import { run } from './run.mjs';

const root = join(import.meta.dirname, '..');
const program = join(root, 'dist/cli/crane.js');
const keep = process.argv.includes('--keep');
const start = performance.now();
const work = mkdtempSync(join(tmpdir(), 'crane-quickstart-'));
// Nobody's own credentials are read or asked for.
const environment = { ...process.env, DOCKER_CONFIG: join(work, 'docker') };

/** @type {import('node:child_process').ChildProcess[]} */
const started = [];
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
process.on('exit', (code) => cleanUp(code));

try {
  await prepare();
  await tour(await startRegistry());
  console.log(`\nDone in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  if (keep) sayWhatIsLeft();
  process.exit(0);
} catch (error) {
  console.error(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

async function prepare() {
  title('Install and build');
  if (!isInstalled()) await must('npm', installCommand);
  await must(process.execPath, [join(root, 'scripts/build.mjs')]);
  console.log('dist/cli/crane.js is ready');
}

async function startRegistry() {
  title('Start a registry');
  const args = ['registry', 'serve', '--address', '127.0.0.1:0'];
  console.log(`$ crane ${args.join(' ')} &`);
  const output = openSync(join(work, 'registry.out'), 'w');
  const log = openSync(join(work, 'registry.log'), 'w');
  const stdio = /** @type {const} */ (['ignore', output, log]);
  const registry = spawn(process.execPath, [program, ...args], {
    cwd: work,
    env: environment,
    stdio: [...stdio],
    detached: keep,
  });
  started.push(registry);
  for (let tries = 0; tries < 200 && registry.exitCode === null; tries += 1) {
    const address = /127\.0\.0\.1:\d+(?=.*\n)/u.exec(readFileSync(join(work, 'registry.out'), 'utf8'))?.[0];
    if (address !== undefined) return (console.log(address), address);
    await sleep(50);
  }
  throw new Error(`the registry did not start: ${readFileSync(join(work, 'registry.log'), 'utf8')}`);
}

/** @param {string} address */
async function tour(address) {
  const site = `${address}/demo/site`;
  const mirror = `${address}/demo/mirror`;

  title('Make an image out of files and push it');
  await makeImage(join(work, 'image'));
  console.log(`${work}/image is an OCI image layout of the files in examples/quickstart`);
  await crane('push', 'image', `${site}:1`);

  title('Look at it');
  await crane('manifest', `${site}:1`);
  await crane('config', `${site}:1`);
  await crane('ls', site);
  const digest = await crane('digest', `${site}:1`);

  title('Copy it to another repository');
  await crane('copy', `${site}:1`, `${mirror}:1`);
  showMounts('demo/mirror');

  title('Tag it');
  await crane('tag', `${mirror}:1`, 'latest');
  await crane('ls', mirror);

  title('Pull it in three formats');
  await crane('pull', `${mirror}:latest`, 'site.tar');
  await crane('pull', '--format', 'legacy', `${mirror}:latest`, 'site-legacy.tar');
  await crane('pull', '--format', 'oci', `${mirror}:latest`, 'site-layout');

  title('Verify');
  await crane('validate', '--remote', `${mirror}:latest`);
  await crane('validate', '--tarball', 'site.tar');
  await crane('validate', '--tarball', 'site-legacy.tar');
  const pulled = await crane('digest', 'oci:site-layout');
  if (pulled !== digest) throw new Error(`the layout has ${pulled}, the registry ${digest}`);
}

/**
 * Runs one command line and shows it.
 *
 * @param {...string} args
 * @returns {Promise<string>} what it printed
 */
async function crane(...args) {
  console.log(`$ crane ${args.join(' ')}`);
  const { output, stdout } = await must(process.execPath, [program, ...args]);
  if (output !== '') console.log(output.trimEnd());
  return stdout.trim();
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
async function must(command, args) {
  const inRoot = command === 'npm' || !args.includes(program);
  const result = await run(command, args, { cwd: inRoot ? root : work, env: environment, timeout: 300_000 });
  if (!result.ok) throw new Error(`${result.reason}\n${result.output}`);
  return result;
}

/**
 * The registry's own log says how the blobs came into the repository.
 *
 * @param {string} repository
 */
function showMounts(repository) {
  const log = readFileSync(join(work, 'registry.log'), 'utf8');
  const uploads = log.split('\n').filter((line) => line.includes(`/v2/${repository}/blobs/uploads/`));
  const mounts = uploads.filter((line) => line.includes('mount='));
  console.log('The registry noted:');
  for (const line of uploads) console.log(`  ${line}`);
  if (mounts.length === 0 || mounts.length !== uploads.length) throw new Error('not every blob was mounted');
  console.log(`${mounts.length} blobs mounted, none uploaded`);
}

/**
 * Writes an OCI image layout with a layer for each folder of examples/quickstart.
 *
 * @param {string} layout
 */
async function makeImage(layout) {
  const source = join(root, 'examples/quickstart');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const layers = [];
  for (const name of readdirSync(source).sort()) layers.push(await makeLayer(layout, join(source, name)));
  const config = writeBlob(layout, 'application/vnd.oci.image.config.v1+json', {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: new Date().toISOString(),
    config: { Labels: { 'org.opencontainers.image.title': 'quickstart' } },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const descriptors = layers.map((layer) => layer.descriptor);
  const manifest = writeBlob(layout, mediaType, { schemaVersion: 2, mediaType, config, layers: descriptors });
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}

/**
 * @param {string} layout
 * @param {string} folder
 */
async function makeLayer(layout, folder) {
  const file = join(work, 'layer.tar');
  await must('tar', ['-cf', file, '-C', folder, ...readdirSync(folder)]);
  const tar = readFileSync(file);
  rmSync(file);
  const descriptor = writeBlob(layout, 'application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar));
  return { descriptor, diffId: digestOf(tar) };
}

/**
 * @param {string} layout
 * @param {string} mediaType
 * @param {object} content bytes, or what is written as JSON
 */
function writeBlob(layout, mediaType, content) {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const digest = digestOf(bytes);
  writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes);
  return { mediaType, digest, size: bytes.length };
}

/** @param {Buffer} bytes */
function digestOf(bytes) {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function sayWhatIsLeft() {
  console.log(`The registry is still running; stop it with: kill ${started[0]?.pid}`);
  console.log(`The files are in ${work}`);
}

/** @param {number} code */
function cleanUp(code) {
  if (keep && code === 0) return;
  for (const child of started) child.kill();
  if (statSync(work, { throwIfNoEntry: false }) !== undefined) rmSync(work, { recursive: true, force: true });
}

/** @param {string} text */
function title(text) {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}`);
}
