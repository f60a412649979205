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
import { temporaryDirectory } from './temp-directory.ts';

export interface DockerEngine {
  /** The value for DOCKER_HOST. */
  readonly host: string;
  /** Runs Docker's own command line against this engine. */
  docker(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  stop(): Promise<void>;
}

/** Whether there can be an engine at all. */
export const dockerEngine: Requirement = engineRequirement();

/**
 * Starts a Docker engine of its own: no bridge and no packet filter rules, so containers run with `--network none`.
 * Registries on 127.0.0.0/8 are plain http to it.
 *
 * @returns the reason where the system does not allow it, as in containers without privileges
 */
export async function startDockerEngine(): Promise<DockerEngine | Requirement> {
  if (!dockerEngine.available) return dockerEngine;
  const folder = await temporaryDirectory();
  const host = `unix://${folder.file('docker.sock')}`;
  const env = { PATH: `${programFolders()}:${process.env['PATH']}` };
  const running = startCommand(dockerEngine.path, engineFlags(folder.path, host), { env, timeout: 24 * 3600_000 });
  const stop = async (): Promise<void> => {
    await endEngine(running);
    await folder.remove();
  };
  const docker: DockerEngine['docker'] = (args, options = {}) =>
    runCommand(requirement('docker').path, ['-H', host, ...args], { home: folder.path, ...options });
  const problem = await untilReady(running, docker);
  if (problem === undefined) return { host, docker, stop };
  await stop();
  return unavailable('docker-engine', `does not start here: ${problem}`);
}

function engineRequirement(): Requirement {
  const dockerd = requirement('dockerd');
  if (!dockerd.available) return unavailable('docker-engine', dockerd.reason);
  if (process.getuid?.() !== 0) return unavailable('docker-engine', 'needs root');
  return { ...dockerd, name: 'docker-engine' };
}

function engineFlags(folder: string, host: string): readonly string[] {
  const network = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
  const places = ['--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '-p', `${folder}/docker.pid`];
  return [...network, ...places, '-s', 'vfs', '--insecure-registry', '127.0.0.0/8', '-H', host];
}

/** Where dockerd finds containerd, runc and its proxy. */
function programFolders(): string {
  const sbin = dirname(dockerEngine.path);
  return [sbin, sbin.replace(/sbin$/u, 'bin')].join(':');
}

async function untilReady(running: RunningCommand, docker: DockerEngine['docker']): Promise<string | undefined> {
  for (const end = Date.now() + 60_000; Date.now() < end && !hasEnded(running); await sleep(200)) {
    const { code } = await docker(['version'], { timeout: 5000 });
    if (code === 0) return undefined;
  }
  const { stderr } = await endEngine(running);
  return stderr.trim().split('\n').at(-1) ?? 'no answer for a minute';
}

async function endEngine(running: RunningCommand): Promise<CommandResult> {
  const forced = setTimeout(() => running.child.kill('SIGKILL'), 20_000);
  const result = await running.stop('SIGTERM');
  clearTimeout(forced);
  return result;
}
