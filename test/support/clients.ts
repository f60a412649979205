import { type CommandOptions, type CommandResult, runCommand, succeeded } from './command.ts';
import { type Requirement, requirement } from './requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temp-directory.ts';

/** Somebody else's command line with settings of its own. */
export interface Client {
  /** Runs it and fails unless it ends with exit code 0. */
  run(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  readonly directory: TemporaryDirectory;
  remove(): Promise<void>;
}

export const skopeo: Requirement = requirement('skopeo');
export const podman: Requirement = requirement('podman');
export const oras: Requirement = requirement('oras');

/** A client whose home, settings and image storage are a new directory. */
export async function isolatedClient(program: Requirement): Promise<Client> {
  const directory = await temporaryDirectory();
  const first = program.name === 'podman' ? podmanFlags(directory) : [];
  const env = { XDG_RUNTIME_DIR: directory.path, REGISTRY_AUTH_FILE: undefined };
  return {
    directory,
    async run(args, options = {}) {
      const result = await runCommand(program.path, [...first, ...args], { home: directory.path, env, ...options });
      return succeeded(result);
    },
    remove: () => directory.remove(),
  };
}

/** Storage that needs no kernel module and leaves nothing mounted. */
function podmanFlags(directory: TemporaryDirectory): readonly string[] {
  const places = ['--root', directory.file('storage'), '--runroot', directory.file('run')];
  return [...places, '--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'];
}
