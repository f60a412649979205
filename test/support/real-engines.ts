import { busybox } from './base-image.ts';
import { dockerEngine, startDockerEngine } from './docker-engine.ts';
import { startPodmanService } from './podman-service.ts';
import { describeWith, type Requirement } from './requirements.ts';

/** An engine that runs for the time of a test file. */
export interface RealEngine {
  /** For DOCKER_HOST. */
  readonly host: string;
  readonly kind: 'docker' | 'containerd' | 'podman';
  stop(): Promise<void>;
}

/**
 * Starts each kind of engine there is: that of the release, whose store and archives are of the old kind; the newest with its
 * own store, and with containerd's; podman. Before the tests of a file are known, because only the attempt shows whether the
 * system allows it.
 */
export async function startRealEngines(): Promise<readonly (readonly [title: string, RealEngine | Requirement])[]> {
  if (!busybox.available) return [['A real Docker engine', dockerEngine]];
  const starting = [
    start('A real Docker engine', 'docker', startDockerEngine()),
    start('The newest Docker engine', 'docker', startDockerEngine({ version: 'newest' })),
    start(
      "The newest Docker engine with containerd's store",
      'containerd',
      startDockerEngine({ version: 'newest', store: 'containerd' }),
    ),
    start('A real podman service', 'podman', startPodmanService()),
  ];
  return Promise.all(starting);
}

/** `describe` for each of them, skipped with the reason where one is not there. */
export function describeEngines(
  engines: Awaited<ReturnType<typeof startRealEngines>>,
  body: (engine: RealEngine | undefined) => void,
): void {
  for (const [title, found] of engines) {
    const isRunning = 'stop' in found;
    describeWith(isRunning ? [busybox] : [busybox, found], title, () => body(isRunning ? found : undefined));
  }
}

async function start(
  title: string,
  kind: RealEngine['kind'],
  starting: Promise<Omit<RealEngine, 'kind'> | Requirement>,
): Promise<readonly [title: string, RealEngine | Requirement]> {
  const found = await starting;
  return [title, 'stop' in found ? { host: found.host, kind, stop: found.stop } : found];
}
