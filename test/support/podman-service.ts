import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { podman } from './clients.ts';
import { hasEnded, startCommand } from './command.ts';
import { type Requirement, requirement, unavailable } from './requirements.ts';
import { temporaryDirectory } from './temp-directory.ts';

export interface PodmanService {
  /** The value for DOCKER_HOST. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Starts a podman service of its own, with a new storage. @returns the reason where the system does not allow it */
export async function startPodmanService(): Promise<PodmanService | Requirement> {
  if (!podman.available) return podman;
  if (process.getuid?.() !== 0) return unavailable('podman', 'needs root');
  const folder = await temporaryDirectory();
  const socket = folder.file('podman.sock');
  const places = ['--root', folder.file('storage'), '--runroot', folder.file('run'), '--storage-driver', 'vfs'];
  const runc = requirement('runc');
  // The runtime that Debian's package brings along cannot do with both versions of cgroups.
  const runtime = runc.available ? ['--runtime', runc.path] : [];
  const settings = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'none', ...runtime];
  const args = [...places, ...settings, 'system', 'service', '-t', '0', `unix://${socket}`];
  const running = startCommand(podman.path, args, {
    home: folder.path,
    timeout: 24 * 3600_000,
  });
  const stop = async (): Promise<void> => {
    await running.stop('SIGTERM');
    await folder.remove();
  };
  for (const end = Date.now() + 30_000; Date.now() < end && !hasEnded(running); await sleep(100)) {
    if (existsSync(socket)) return { host: `unix://${socket}`, stop };
  }
  const { stderr } = await running.stop('SIGKILL');
  await folder.remove();
  return unavailable('podman', `does not serve here: ${stderr.trim().split('\n').at(-1) ?? 'no socket'}`);
}
