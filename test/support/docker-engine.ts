import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CommandOptions,
  type CommandResult,
  hasEnded,
  runCommand,
  type RunningCommand,
  startCommand,
} from './command.ts';
import { type Requirement, requirement, unavailable } from './requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temp-directory.ts';

export interface DockerEngine {
  /** The value for DOCKER_HOST. */
  readonly host: string;
  /** Runs Docker's own command line against this engine. */
  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  stop(): Promise<void>;
}

/** Whether there can be an engine at all. */
export const dockerEngine: Requirement = engineRequirement();

export interface DockerEngineOptions {
  /** That of this machine's Debian, or the newest that is packaged. @default release */
  readonly version?: 'release' | 'newest';
  /** Where it keeps images. @default its own store */
  readonly store?: 'own' | 'containerd';
}

/**
 * Starts a Docker engine of its own: no bridge and no packet filter rules, so containers run with `--network none`.
 * Registries on 127.0.0.0/8 are plain http to it.
 *
 * @returns the reason where the system does not allow it, as in containers without privileges
 */
export async function startDockerEngine(options: DockerEngineOptions = {}): Promise<DockerEngine | Requirement> {
  if (!dockerEngine.available) return dockerEngine;
  const daemon = options.version === 'newest' ? requirement('new-dockerd') : dockerEngine;
  if (!daemon.available) return daemon;
  const folder = await temporaryDirectory();
  const host = `unix://${folder.file('docker.sock')}`;
  // A containerd of its own, and runc, which is in the release's packages only.
  const env = { PATH: [...programFolders(daemon), ...programFolders(dockerEngine), process.env['PATH']].join(':') };
  const flags = await engineFlags(folder, host, options);
  const running = startCommand(daemon.path, flags, { env, timeout: 24 * 3600_000, log: folder.file('log') });
  const stop = async (): Promise<void> => {
    await endEngine(running);
    await folder.remove();
  };
  const docker: DockerEngine['docker'] = (args, options = {}) =>
    runCommand(requirement('docker').path, ['-H', host, ...args], { home: folder.path, ...options });
  if (await isReady(running, docker)) return { host, docker, stop };
  await endEngine(running);
  const words = await readFile(folder.file('log'), 'utf8');
  await folder.remove();
  return unavailable('docker-engine', `does not start here: ${words.trim().split('\n').at(-1) ?? 'it says nothing'}`);
}

function engineRequirement(): Requirement {
  const dockerd = requirement('dockerd');
  if (!dockerd.available) return unavailable('docker-engine', dockerd.reason);
  if (process.getuid?.() !== 0) return unavailable('docker-engine', 'needs root');
  return { ...dockerd, name: 'docker-engine' };
}

async function engineFlags(
  folder: TemporaryDirectory,
  host: string,
  { store = 'own' }: DockerEngineOptions,
): Promise<readonly string[]> {
  const network = ['--iptables=false', '--ip6tables=false', '--bridge=none', '--insecure-registry', '127.0.0.0/8'];
  const places = ['--data-root', folder.file('data'), '--exec-root', folder.file('exec'), '-p', folder.file('pid')];
  await writeFile(
    folder.file('daemon.json'),
    JSON.stringify({ features: { 'containerd-snapshotter': store !== 'own' } }),
  );
  const settings = ['--config-file', folder.file('daemon.json'), '-s', store === 'own' ? 'vfs' : 'native'];
  return [...network, ...places, ...settings, '-H', host];
}

/** Where a daemon finds containerd, runc and its proxy. */
function programFolders({ path }: Requirement): readonly string[] {
  const sbin = dirname(path);
  return [sbin, sbin.replace(/sbin$/u, 'bin')];
}

async function isReady(running: RunningCommand, docker: DockerEngine['docker']): Promise<boolean> {
  for (const end = Date.now() + 60_000; Date.now() < end && !hasEnded(running); await sleep(200)) {
    const { code } = await docker(['version'], { timeout: 5000 });
    if (code === 0) return true;
  }
  return false;
}

async function endEngine(running: RunningCommand): Promise<CommandResult> {
  const forced = setTimeout(() => running.child.kill('SIGKILL'), 20_000);
  const result = await running.stop('SIGTERM');
  clearTimeout(forced);
  return result;
}
