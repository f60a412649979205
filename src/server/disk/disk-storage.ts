import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CallOptions } from '../../options.ts';
import { FileUploads } from '../file-uploads.ts';
import type { RegistryRepository, RegistryStorage } from '../storage.ts';
import { DiskStore } from './disk-store.ts';
import { sizeIfThere } from './files.ts';
import { ManifestFiles } from './manifest-files.ts';
import { repositoriesPath, repositoryPath, uploadsPath } from './paths.ts';
import { makeDirectory } from '../../content/make-directory.ts';

/**
 * A registry in a directory, which is made when it is not there. Everything survives a restart and a process that is killed:
 * blobs, manifests, tags, referrers, and uploads for a day. Repositories share their blobs by hard links. Several processes
 * may use one directory at the same time.
 */
export async function diskStorage(directory: string): Promise<RegistryStorage> {
  await makeDirectory(repositoriesPath(directory));
  const manifests = new ManifestFiles();
  const sessions = new FileUploads(uploadsPath(directory));
  await sessions.open();
  const seen = new Set<string>();
  const repository = (name: string): RegistryRepository => repositoryIn(directory, name, manifests, sessions);
  return {
    async find(name) {
      if (!seen.has(name)) {
        if (!(await holdsContent(repositoryPath(directory, name)))) return undefined;
        seen.add(name);
      }
      return repository(name);
    },
    create: async (name) => repository(name),
    repositories: (options) => repositoriesBelow(repositoriesPath(directory), options),
  };
}

function repositoryIn(
  directory: string,
  name: string,
  manifests: ManifestFiles,
  sessions: FileUploads,
): RegistryRepository {
  const content = new DiskStore(directory, name, manifests);
  return {
    content,
    uploads: sessions.in(name, (expected, { path }) => content.adopt(expected, path)),
    // Everything was verified when it was written.
    read: (target, range, options) => content.fetchRange(target, range?.start ?? 0, range?.end ?? target.size, options),
    mount: async (digest, from, options) => content.mount({ mediaType: '', digest }, from.content, options),
  };
}

const contentFolders = ['_blobs', '_manifests'] as const;

async function holdsContent(repository: string): Promise<boolean> {
  const sizes = await Promise.all(contentFolders.map((folder) => sizeIfThere(join(repository, folder))));
  return sizes.some((size) => size !== undefined);
}

/** A page per directory. */
async function* repositoriesBelow(root: string, { signal }: CallOptions = {}): AsyncGenerator<readonly string[], void> {
  const names = [''];
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    signal?.throwIfAborted();
    const entries = await readdir(join(root, name), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    if (contentFolders.some((folder) => folders.includes(folder))) yield [name];
    for (const folder of folders) if (!folder.startsWith('_')) names.push(name === '' ? folder : `${name}/${folder}`);
  }
}
