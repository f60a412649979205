import { isOciError, OciError } from '../../errors.ts';
import { formatRepository, isRepositoryName, type RegistryName, type Repository } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import { catalog } from '../catalog.ts';
import { RemoteStore } from '../remote-store.ts';
import type { Transport } from '../transport/transport.ts';
import { isGoogleHost } from './google-hosts.ts';
import type { RepositoryListing } from './list-repository.ts';

export interface WalkOptions extends CallOptions {
  readonly transport: Transport;
  /** How a repository is listed. @default as the registry tells it */
  readonly list?: ((repository: Repository, options: CallOptions) => Promise<RepositoryListing>) | undefined;
  /** Leaves a repository out, with all that lies below it. @default none */
  readonly skip?: ((repository: Repository) => boolean) | undefined;
  /**
   * Which repositories are meant; what lies below the others is looked for all the same. Where the registry names all its
   * repositories, the others are not asked about. @default all
   */
  readonly wants?: ((repository: Repository) => boolean) | undefined;
  /** Hears of a repository other than the root that cannot be listed, which is then left out. @default it ends the walk */
  readonly onError?: ((repository: Repository, error: OciError) => void) | undefined;
  /** Repositories that are listed at most. @default 1000000 */
  readonly maxRepositories?: number | undefined;
}

export interface WalkedRepository {
  readonly repository: Repository;
  readonly listing: RepositoryListing;
}

/** More are no tree that somebody wants to walk, but a registry that invents them. */
const defaultMaxRepositories = 1_000_000;

/**
 * A repository and all below it, one at a time: a parent before what lies below, in the order in which the registry names
 * them. Google's registries name what is below a repository; of others the catalog has to. One listing is in memory at a time.
 *
 * @param root with an empty name for all that the catalog of the registry names
 * @throws {OciError} `UNSUPPORTED` when the registry does not tell which repositories there are; `NOT_FOUND` when there is none;
 *   `LIMIT_EXCEEDED`
 */
export async function* walkRepositories(
  root: Repository,
  options: WalkOptions,
): AsyncGenerator<WalkedRepository, void> {
  const walk = new Walk(options);
  if (root.repository === '') {
    yield* walk.inCatalog(root);
    if (!walk.hasFound && isGoogleHost(root.registry)) throw empty(root.registry);
    return;
  }
  const { skip, wants } = options;
  const { listing, error } = await walk.listRoot(root);
  const isWanted = skip?.(root) !== true && wants?.(root) !== false;
  if (listing !== undefined && isWanted) yield { repository: root, listing };
  if (listing?.listsChildren === true || isGoogleHost(root.registry)) {
    if (error !== undefined) throw error;
    yield* walk.below(root, listing?.children ?? []);
    return;
  }
  yield* walk.inCatalog(root);
  if (error !== undefined && !walk.hasFound) throw error;
}

class Walk {
  readonly #options: WalkOptions;
  #count = 0;
  /** Whether there is anything below the root, wanted or not. */
  hasFound = false;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /** A root that is not there itself may have others below it. */
  async listRoot(root: Repository): Promise<{ readonly listing?: RepositoryListing; readonly error?: OciError }> {
    try {
      return { listing: await this.#list(root) };
    } catch (error) {
      if (isOciError(error, 'NOT_FOUND')) return { error };
      throw error;
    }
  }

  /** Depth first. No deeper than names can be long. */
  async *below(parent: Repository, children: readonly string[]): AsyncGenerator<WalkedRepository, void> {
    for (const child of children) {
      const repository = { registry: parent.registry, repository: `${parent.repository}/${child}` };
      const listing = await this.#visit(repository);
      if (listing === undefined) continue;
      if (this.#options.wants?.(repository) !== false) yield { repository, listing };
      yield* this.below(repository, listing.children);
    }
  }

  async *inCatalog(root: Repository): AsyncGenerator<WalkedRepository, void> {
    const { transport, signal } = this.#options;
    const prefix = root.repository === '' ? '' : `${root.repository}/`;
    for await (const page of namesIn(catalog(root.registry, { transport, signal }), root)) {
      for (const name of page) {
        if (!name.startsWith(prefix) || !isRepositoryName(name)) continue;
        const repository = { registry: root.registry, repository: name };
        const isWanted = this.#options.wants?.(repository) !== false;
        const listing = isWanted ? await this.#visit(repository) : undefined;
        this.hasFound ||= !isWanted || listing !== undefined;
        if (listing !== undefined) yield { repository, listing };
      }
    }
  }

  /** @returns `undefined` for one that is left out */
  async #visit(repository: Repository): Promise<RepositoryListing | undefined> {
    const { skip, onError } = this.#options;
    if (skip?.(repository) === true) return undefined;
    try {
      return await this.#list(repository);
    } catch (error) {
      // Catalogs name repositories whose last tag is gone, too.
      if (isOciError(error, 'NOT_FOUND')) return undefined;
      if (onError === undefined || !isOciError(error) || error.code === 'LIMIT_EXCEEDED') throw error;
      onError(repository, error);
      return undefined;
    }
  }

  async #list(repository: Repository): Promise<RepositoryListing> {
    const { transport, list, signal, maxRepositories = defaultMaxRepositories } = this.#options;
    if (++this.#count > maxRepositories) throw tooMany(repository.registry, maxRepositories);
    return list === undefined
      ? new RemoteStore(repository, { transport }).list({ signal })
      : list(repository, { signal });
  }
}

async function* namesIn(
  names: AsyncIterable<readonly string[]>,
  root: Repository,
): AsyncGenerator<readonly string[], void> {
  try {
    yield* names;
  } catch (error) {
    if (!isOciError(error) || !unlisted.has(error.code)) throw error;
    throw new OciError(
      'UNSUPPORTED',
      `Cannot list the repositories below ${root.repository === '' ? root.registry : formatRepository(root)}: ${error.message}`,
      {
        cause: error,
        hint: 'Name the repositories one by one, without --recursive',
      },
    );
  }
}

const unlisted: ReadonlySet<string> = new Set(['UNSUPPORTED', 'UNAUTHORIZED', 'DENIED']);

/** Google's Artifact Registry has a catalog without anything in it. */
function empty(registry: RegistryName): OciError {
  return new OciError('UNSUPPORTED', `The catalog of ${registry} names no repositories`, {
    hint: `Name a project: ${registry}/PROJECT`,
  });
}

function tooMany(registry: RegistryName, limit: number): OciError {
  return new OciError('LIMIT_EXCEEDED', `${registry} names more than ${limit} repositories`);
}
