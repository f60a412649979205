import { isOciError, OciError } from '../../errors.ts';
import { formatRepository, type Repository } from '../../oci/reference.ts';
import { isGoogleHost } from '../../remote/listing/google-hosts.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import { type WalkedRepository, walkRepositories } from '../../remote/listing/walk-repositories.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import type { Transport } from '../../remote/transport/transport.ts';
import type { Session } from '../session.ts';
import { amount, repositories, TreeReport } from './tree-report.ts';
import { deletableOf, type UntaggedFilter, untaggedOf } from './untagged.ts';

export interface CollectUntaggedOptions extends UntaggedFilter {
  /** All repositories below, too. */
  readonly recursive: boolean;
  /** `list` everything untagged; `rehearse` and `delete` what nothing needs. */
  readonly mode: 'list' | 'rehearse' | 'delete';
  /** What fails does not end the rest. */
  readonly keepGoing: boolean;
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
  await new UntaggedRun(session, root, await session.connections.transport(), options).run();
}

class UntaggedRun {
  readonly #session: Session;
  readonly #root: Repository;
  readonly #transport: Transport;
  readonly #options: CollectUntaggedOptions;
  readonly #report: TreeReport;
  #repositories = 0;
  #found = 0;
  #kept = 0;

  constructor(session: Session, root: Repository, transport: Transport, options: CollectUntaggedOptions) {
    this.#session = session;
    this.#root = root;
    this.#transport = transport;
    this.#options = options;
    this.#report = new TreeReport(session);
  }

  async run(): Promise<void> {
    const { mode, recursive } = this.#options;
    for await (const found of recursive ? this.#walk() : this.#one()) {
      checkListed(found);
      this.#repositories++;
      try {
        await this.#repository(found);
      } catch (error) {
        this.#endOrNote(formatRepository(found.repository), error);
      }
    }
    if (mode !== 'list') this.#session.log.line(this.#summary(mode));
    this.#report.end('not everything could be cleaned up');
  }

  #walk(): AsyncGenerator<WalkedRepository, void> {
    const { signal } = this.#session;
    const onError = (repository: Repository, error: OciError): void =>
      this.#report.failure(formatRepository(repository), error);
    return walkRepositories(this.#root, {
      transport: this.#transport,
      signal,
      onError: this.#options.keepGoing ? onError : undefined,
    });
  }

  async *#one(): AsyncGenerator<WalkedRepository, void> {
    const { signal } = this.#session;
    const listing = await new RemoteStore(this.#root, { transport: this.#transport }).list({ signal });
    yield { repository: this.#root, listing };
  }

  async #repository({ repository, listing }: WalkedRepository): Promise<void> {
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
    const what = `${amount(this.#found, 'manifest')} of ${repositories(this.#repositories)}`;
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
function checkListed({ repository, listing }: WalkedRepository): void {
  if (listing.listsManifests || isGoogleHost(repository.registry)) return;
  throw new OciError(
    'UNSUPPORTED',
    `${repository.registry} does not tell which manifests of ${formatRepository(repository)} have no tag`,
    { hint: "Google's registries do; others collect such manifests themselves, if their operators let them" },
  );
}
