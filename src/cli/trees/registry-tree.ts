import { OciError, quoted } from '../../errors.ts';
import { formatRepository, isRepositoryName, type Repository } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import { walkRepositories } from '../../remote/listing/walk-repositories.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import type { Transport } from '../../remote/transport/transport.ts';
import type { RepositoryLister } from './repository-lister.ts';
import {
  isBelow,
  joinPaths,
  type ListedTree,
  type Tree,
  type TreeRepository,
  type TreeTarget,
  type TreeWalkOptions,
} from './tree.ts';

/** A repository of a registry and all below it; with an empty name all that the registry's catalog names. */
export class RegistryTree implements ListedTree {
  readonly name: string;
  readonly root: Repository;
  readonly #transport: Transport;
  readonly #list: RepositoryLister;

  constructor(root: Repository, transport: Transport, list: RepositoryLister) {
    this.root = root;
    this.#list = list;
    this.name = root.repository === '' ? root.registry : formatRepository(root);
    this.#transport = transport;
  }

  repositoryAt(path: string): Repository {
    const { registry, repository } = this.root;
    return { registry, repository: joinPaths(repository, path) };
  }

  nameOf(path: string): string {
    return formatRepository(this.repositoryAt(path));
  }

  shortNameOf(path: string): string {
    return this.repositoryAt(path).repository;
  }

  pathOf(other: Tree): string | undefined {
    if (!(other instanceof RegistryTree) || other.root.registry !== this.root.registry) return undefined;
    const { repository } = other.root;
    return isBelow(repository, this.root.repository) ? this.#pathAt(other.root) : undefined;
  }

  async *walk({ filter, skip, onError, signal }: TreeWalkOptions): AsyncGenerator<TreeRepository, void> {
    const found = walkRepositories(this.root, {
      transport: this.#transport,
      list: (repository, options) => this.#list(this.#storeOf(repository), options),
      signal,
      wants: (repository) => filter.wants(this.#pathAt(repository)),
      skip: (repository) => filter.prunes(this.#pathAt(repository)) || skip?.(this.#pathAt(repository)) === true,
      onError: onError && ((repository, error) => onError(this.#pathAt(repository), error)),
    });
    for await (const { repository, listing } of found) {
      const path = this.#pathAt(repository);
      yield { path, listing: filter.isOpen ? listing : filter.narrow(path, listing) };
    }
  }

  async listRoot(options: CallOptions): Promise<TreeRepository> {
    return { path: '', listing: await this.#list(this.#storeOf(this.root), options) };
  }

  async source(path: string): Promise<RemoteStore> {
    return this.#storeOf(this.repositoryAt(path));
  }

  async target(path: string, { dryRun }: { readonly dryRun: boolean }): Promise<TreeTarget> {
    const repository = this.repositoryAt(path);
    if (repository.repository === '') {
      throw new OciError('INVALID_REFERENCE', `${quoted(this.name)} is a registry, and the images need a repository`, {
        hint: `Write ${this.name}/REPOSITORY`,
      });
    }
    if (!isRepositoryName(repository.repository)) {
      throw new OciError('INVALID_REFERENCE', `${quoted(repository.repository)} cannot be the name of a repository`, {
        hint: 'Names of repositories are in lower case; rename the directory, or leave it out with --exclude',
      });
    }
    const store = new RemoteStore(repository, { transport: this.#transport, access: dryRun ? 'pull' : 'push' });
    return {
      store,
      takesAll: false,
      list: (options) => this.#list(store, options),
      begin: async () => {},
      keep: async () => {},
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }

  #storeOf(repository: Repository): RemoteStore {
    return new RemoteStore(repository, { transport: this.#transport });
  }

  #pathAt({ repository }: Repository): string {
    const { length } = this.root.repository;
    return length === 0 ? repository : repository.slice(length + 1);
  }
}
