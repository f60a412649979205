import { isOciError, lowerFirst, OciError } from '../../errors.ts';
import { dockerHub, formatRepository, type RegistryName, type Repository } from '../../oci/reference.ts';
import { cloudOf } from '../../remote/auth/cloud-hosts.ts';
import { isGoogleHost } from '../../remote/listing/google-hosts.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import type { Transport } from '../../remote/transport/transport.ts';
import type { Session } from '../session.ts';
import { openRegistryTree } from './open-tree.ts';
import type { RegistryTree } from './registry-tree.ts';
import type { TreeRepository } from './tree.ts';
import type { TreeFilter } from './tree-filter.ts';
import { amount, repositories, TreeReport } from './tree-report.ts';
import { deletableOf, type UntaggedFilter, untaggedOf } from './untagged.ts';

export interface CollectUntaggedOptions extends UntaggedFilter {
  /** All repositories below, too. */
  readonly recursive: boolean;
  /** `list` everything untagged; `rehearse` and `delete` what nothing needs. */
  readonly mode: 'list' | 'rehearse' | 'delete';
  /** What fails does not end the rest. */
  readonly keepGoing: boolean;
  /** Which repositories are meant: what has no tag there is needed by nobody elsewhere. */
  readonly filter: TreeFilter;
}

/**
 * Prints the manifests that no tag names, or deletes those that nothing needs. crane-cli reference, section 10.2.
 *
 * @throws {OciError} `UNSUPPORTED` when the registry does not list manifests
 */
export async function collectUntagged(
  session: Session,
  root: Repository,
  options: CollectUntaggedOptions,
): Promise<void> {
  session.connections.asks(root.registry);
  const [tree, transport] = await Promise.all([openRegistryTree(session, root), session.connections.transport()]);
  await new UntaggedRun(session, tree, transport, options).run();
}

class UntaggedRun {
  readonly #session: Session;
  readonly #tree: RegistryTree;
  readonly #transport: Transport;
  readonly #options: CollectUntaggedOptions;
  readonly #report: TreeReport;
  #looked = 0;
  #found = 0;
  #kept = 0;

  constructor(session: Session, tree: RegistryTree, transport: Transport, options: CollectUntaggedOptions) {
    this.#session = session;
    this.#tree = tree;
    this.#transport = transport;
    this.#options = options;
    this.#report = new TreeReport(session);
  }

  async run(): Promise<void> {
    const { mode } = this.#options;
    for await (const { path, listing } of this.#repositories()) {
      const repository = this.#tree.repositoryAt(path);
      try {
        checkListed(repository, listing);
        this.#looked++;
        await this.#repository(repository, listing);
      } catch (error) {
        this.#endOrNote(formatRepository(repository), error);
      }
    }
    if (mode !== 'list') this.#session.log.line(this.#summary(mode));
    this.#report.end('not everything could be cleaned up');
  }

  async *#repositories(): AsyncGenerator<TreeRepository, void> {
    const { recursive, filter, keepGoing, mode } = this.#options;
    const { signal } = this.#session;
    if (!recursive) {
      yield await this.#tree.listRoot({ signal });
      return;
    }
    const onError = (path: string, error: OciError): void => this.#report.failure(this.#tree.nameOf(path), error);
    const goesOn = keepGoing ? onError : mode === 'delete' ? undefined : this.#report.unreadable(this.#tree);
    yield* this.#tree.walk({ filter, signal, onError: goesOn });
  }

  async #repository(repository: Repository, listing: RepositoryListing): Promise<void> {
    const untagged = untaggedOf(listing, this.#options);
    const name = formatRepository(repository);
    if (this.#options.mode === 'list') {
      return this.#session.print(untagged.map(({ digest }) => `${name}@${digest}\n`).join(''));
    }
    await this.#cleanUp(repository, listing, untagged);
  }

  async #cleanUp(
    repository: Repository,
    listing: RepositoryListing,
    untagged: ReturnType<typeof untaggedOf>,
  ): Promise<void> {
    if (untagged.length === 0) return;
    const { mode } = this.#options;
    const { signal } = this.#session;
    const access = mode === 'delete' ? 'delete' : 'pull';
    const store = new RemoteStore(repository, { transport: this.#transport, access });
    const deletable = await deletableOf(store, listing, untagged, { signal });
    this.#kept += untagged.length - deletable.length;
    for (const digest of deletable) {
      const name = `${formatRepository(repository)}@${digest}`;
      try {
        if (mode === 'delete') await store.deleteManifest(digest, { signal });
        this.#found++;
        await this.#session.print(`${name}\n`);
      } catch (error) {
        // Gone in the meantime, which is what was wanted.
        if (!isOciError(error, 'NOT_FOUND')) this.#endOrNote(name, error);
      }
    }
  }

  #summary(mode: 'rehearse' | 'delete'): string {
    const what = `${amount(this.#found, 'manifest')} of ${repositories(this.#looked)}`;
    const kept = this.#kept === 0 ? '' : `; ${this.#kept} without a tag stay, since what stays needs them`;
    return `${mode === 'delete' ? `Deleted ${what}` : `Would delete ${what}`}${kept}`;
  }

  /** @throws the failure, when it is to end the rest */
  #endOrNote(what: string, error: unknown): void {
    if (!this.#options.keepGoing || this.#session.signal.aborted || !isOciError(error)) throw error;
    this.#report.failure(what, error);
  }
}

/** To print nothing would say that there is nothing. */
function checkListed(repository: Repository, listing: RepositoryListing): void {
  if (listing.listsManifests || isGoogleHost(repository.registry)) return;
  const { refusal } = listing;
  const { registry } = repository;
  const name = formatRepository(repository);
  if (refusal !== undefined) {
    const right =
      cloudOf(registry) === 'acr' ? 'It takes the right metadata/read, which is not that to pull' : undefined;
    throw new OciError(
      refusal.code,
      `Cannot tell which manifests of ${name} have no tag: ${lowerFirst(refusal.message)}`,
      {
        cause: refusal,
        hint: right ?? refusal.hint,
      },
    );
  }
  throw new OciError('UNSUPPORTED', `${registry} does not tell which manifests of ${name} have no tag`, {
    hint: hintFor(registry),
  });
}

/** What is known of those who do not tell. */
function hintFor(registry: RegistryName): string {
  if (registry === dockerHub) return 'Docker Hub shows them on its web pages only';
  switch (cloudOf(registry)) {
    case 'ghcr':
      return "GitHub's own API does: gh api /orgs/ORG/packages/container/NAME/versions";
    case 'ecr-public':
      return 'AWS itself does: aws ecr-public describe-images --repository-name NAME';
    default:
      return 'The registries of Google, Azure and AWS do; others collect such manifests themselves, if their operators let them';
  }
}
