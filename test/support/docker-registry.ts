import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded, type RunningCommand, startCommand } from './command.ts';
import { freePort } from './free-port.ts';
import { type Requirement, requirement } from './requirements.ts';
import { temporaryDirectory } from './temp-directory.ts';

/** Debian's docker-registry, which is CNCF distribution 2.8. */
export const dockerRegistry: Requirement = requirement('docker-registry');

/** The only user of a registry started with `basicAuth`; the password with its hash is a published bcrypt test vector. */
export const basicUser: { readonly username: string; readonly password: string } = {
  username: 'tester',
  password: 'U*U',
};
const basicUserHash = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';

export interface DockerRegistryOptions {
  /** Asks for {@link basicUser}. @default false */
  readonly basicAuth?: boolean;
  /** Where content is kept after `stop`. @default a directory that `stop` removes */
  readonly directory?: string;
}

export interface RegistryServer {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts a registry on a free loopback port, with deletion switched on; resolves when it answers. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<RegistryServer> {
  const own = await temporaryDirectory();
  for (let attempt = 1; ; attempt += 1) {
    const address = `127.0.0.1:${await freePort()}`;
    const config = await writeConfig(own.path, address, options);
    const running = startCommand(dockerRegistry.path, ['serve', config], {
      timeout: 24 * 3600_000,
      home: own.path,
      log: own.file('log'),
    });
    const problem = await untilReady(running, `http://${address}/v2/`);
    const stop = async (): Promise<void> => {
      await running.stop('SIGKILL');
      await own.remove();
    };
    if (problem === undefined) return { address, stop };
    const log = await readFile(own.file('log'), 'utf8');
    // Another process may have taken the port in between.
    if (attempt === 3) {
      await stop();
      throw new Error(`docker-registry did not start: ${problem}\n${log}`);
    }
  }
}

async function writeConfig(folder: string, address: string, options: DockerRegistryOptions): Promise<string> {
  const { basicAuth = false, directory = join(folder, 'data') } = options;
  await mkdir(directory, { recursive: true });
  const passwords = join(folder, 'htpasswd');
  await writeFile(passwords, `${basicUser.username}:${basicUserHash}\n`);
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: directory },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: address },
    ...(basicAuth ? { auth: { htpasswd: { realm: 'test', path: passwords } } } : {}),
  };
  const file = join(folder, 'config.yml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  return file;
}

async function untilReady(running: RunningCommand, url: string): Promise<string | undefined> {
  for (const end = Date.now() + 20_000; Date.now() < end && !hasEnded(running); await sleep(50)) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.status === 200 || response?.status === 401) return undefined;
  }
  await running.stop('SIGKILL');
  return 'no answer';
}
