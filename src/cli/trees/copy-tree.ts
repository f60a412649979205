import { forEachLimited } from '../../async/for-each-limited.ts';
import { Limiter } from '../../async/limiter.ts';
import { isOciError, OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { formatRepository, type Repository, sameRepository } from '../../oci/reference.ts';
import type { CopySummary } from '../../ops/copy-options.ts';
import { GraphCopy, type GraphCopyOptions } from '../../ops/graph-copy.ts';
import { openArtifact } from '../../ops/resolve.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import { type WalkedRepository, walkRepositories } from '../../remote/listing/walk-repositories.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import type { Transport } from '../../remote/transport/transport.ts';
import { logCopy } from '../copying/log.ts';
import type { WriteOptions } from '../copying/target.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { isBelow, itemsOf, renamed, type TreeItem, type TreeItems } from './tree-items.ts';
import { TreeReport } from './tree-report.ts';
import { withRetries } from './with-retries.ts';

export interface CopyTreeOptions extends Pick<WriteOptions, 'referrers' | 'digestTags'> {
  /** How many images are copied at the same time. */
  readonly jobs: number;
  /** What fails does not end the rest. */
  readonly keepGoing: boolean;
  readonly dryRun: boolean;
  /** @see RetriesOptions.pauses */
  readonly pauses?: readonly number[] | undefined;
}

/** Repositories whose lists are in memory at the same time: enough that those with one image do not wait for each other. */
const openRepositories = 8;

/**
 * Copies a repository and all below it to another name, with what has no tag where the source lists that. What the target has
 * is not copied again, so a copy that was interrupted goes on when it is repeated: a manifest that is there is believed to be
 * complete, as copies put it there last. crane-cli reference, section 10.1.
 *
 * @throws {OciError} `CONFLICT` when both are the same
 */
export async function copyTree(
  session: Session,
  source: Repository,
  target: Repository,
  options: CopyTreeOptions,
): Promise<void> {
  if (sameRepository(source, target)) {
    throw new OciError('CONFLICT', `The source ${formatRepository(source)} and the target are the same repository`);
  }
  const { connections } = session;
  connections.makeRoomFor(options.jobs);
  connections.writesTo(target.registry);
  connections.asks(source.registry, 'source');
  connections.asks(target.registry, 'destination');
  const transports = { from: await connections.transport('source'), to: await connections.transport('destination') };
  const copy = new TreeCopy(session, { source, target, ...transports }, options);
  await copy.run();
}

interface Ends {
  readonly source: Repository;
  readonly target: Repository;
  readonly from: Transport;
  readonly to: Transport;
}

/** One repository while it is copied. */
interface Pair {
  readonly source: RemoteStore;
  readonly target: RemoteStore;
  readonly from: string;
  readonly to: string;
  readonly tagged: TreeItems['tagged'];
  readonly signal: AbortSignal;
}

class TreeCopy {
  readonly #session: Session;
  readonly #ends: Ends;
  readonly #options: CopyTreeOptions;
  readonly #images: Limiter;
  readonly #report: TreeReport;

  constructor(session: Session, ends: Ends, options: CopyTreeOptions) {
    this.#session = session;
    this.#ends = ends;
    this.#options = options;
    this.#images = new Limiter(options.jobs);
    this.#report = new TreeReport(session);
  }

  async run(): Promise<void> {
    const { dryRun } = this.#options;
    const { signal, log } = this.#session;
    try {
      // What a dry run prints comes in the order of the walk.
      const slots = dryRun ? 1 : openRepositories;
      await forEachLimited(this.#walk(), slots, (found, ended) => this.#repository(found, ended), signal);
    } finally {
      await this.#session.endProgress();
      if (!dryRun) log.line(this.#report.copied());
    }
    if (dryRun) await this.#session.print(`${this.#report.planned()}\n`);
    this.#report.end('not everything could be copied');
  }

  /** Not what lies below the target, which would be copied into itself again and again. */
  #walk(): AsyncGenerator<WalkedRepository, void> {
    const { source, target, from } = this.#ends;
    const isInside = isBelow(target, source);
    return walkRepositories(source, {
      transport: from,
      signal: this.#session.signal,
      skip: (repository) => isInside && isBelow(repository, target),
      onError: this.#options.keepGoing
        ? (repository, error) => this.#report.failure(formatRepository(repository), error)
        : undefined,
    });
  }

  async #repository({ repository, listing }: WalkedRepository, signal: AbortSignal): Promise<void> {
    const { source, target } = this.#ends;
    const to = renamed(repository, source, target);
    try {
      await step(`copying repo ${JSON.stringify(formatRepository(repository))}`, () =>
        this.#copyRepository(repository, to, listing, signal),
      );
    } catch (error) {
      this.#endOrNote(formatRepository(repository), error, signal);
    }
  }

  async #copyRepository(
    repository: Repository,
    to: Repository,
    listing: RepositoryListing,
    signal: AbortSignal,
  ): Promise<void> {
    if (listing.tags.length + listing.manifests.size === 0) return;
    const { dryRun } = this.#options;
    const target = new RemoteStore(to, { transport: this.#ends.to, access: dryRun ? 'pull' : 'push' });
    const existing = await this.#listTarget(target, signal);
    const { items, tagged, equal } = itemsOf(listing, existing);
    this.#report.repository(equal);
    if (items.length === 0) return;
    const source = new RemoteStore(repository, { transport: this.#ends.from });
    const pair = { source, target, from: formatRepository(repository), to: formatRepository(to), signal };
    if (dryRun) return this.#rehearse(items, { ...pair, tagged });
    try {
      await this.#copyItems(items, { ...pair, tagged });
    } finally {
      await target[Symbol.asyncDispose]();
    }
  }

  async #copyItems(items: readonly TreeItem[], pair: Pair): Promise<void> {
    const { source, target, to, signal, tagged } = pair;
    const { nonDistributable } = this.#session;
    const { jobs, referrers, digestTags } = this.#options;
    const copy = new GraphCopy(source, target, {
      signal,
      nonDistributable,
      referrers,
      digestTags,
      tagged: tagged === undefined ? undefined : asked(tagged),
      onProgress: logCopy(this.#session, { repository: to, nameOf: (tag) => `${to}:${tag}` }),
      trustManifests: true,
      // One image is tried again while the others go on; what ends them all is the signal.
      keepGoing: true,
    });
    const run = (item: TreeItem, ended: AbortSignal): Promise<void> =>
      this.#images.run(() => this.#image(item, copy, { ...pair, signal: ended }), ended);
    await forEachLimited(items, jobs, run, signal);
  }

  /** @returns `undefined` for a repository that is not there */
  async #listTarget(target: RemoteStore, signal: AbortSignal): Promise<RepositoryListing | undefined> {
    try {
      return await target.list({ signal });
    } catch (error) {
      // Some registries answer 403 for what is not there; the push shows whether it was that.
      if (!isOciError(error, 'NOT_FOUND') && !isOciError(error, 'DENIED')) throw error;
      this.#session.log.line(`failed to list ${formatRepository(target.repository)}: ${error.message}`);
      return isOciError(error, 'NOT_FOUND') ? undefined : unknownListing;
    }
  }

  async #image(item: TreeItem, copy: GraphCopy, pair: Pair): Promise<void> {
    const { from, to, signal, source } = pair;
    const name = nameIn(from, item.name);
    const { log } = this.#session;
    log.line(`Copying from ${name} to ${to}`);
    try {
      const copyOnce = (): Promise<readonly CopySummary[]> =>
        step(`copying ${JSON.stringify(name)}`, () => copyItem(item, source, copy, signal));
      const onRetry = (message: string): void => log.line(`Retrying ${name}: ${message}`);
      const summaries = await withRetries(copyOnce, { pauses: this.#options.pauses, signal, onRetry });
      for (const summary of summaries) this.#report.moved(summary);
      const isChanged = item.isMissing || summaries.some(({ manifests, blobs }) => manifests + blobs > 0);
      this.#report.image(isChanged, item.tags.length);
    } catch (error) {
      this.#endOrNote(name, error, signal);
    }
  }

  /** Prints what is not at the target, as far as lists and digests tell. */
  async #rehearse(items: readonly TreeItem[], pair: Pair): Promise<void> {
    for (const item of items) {
      try {
        await this.#rehearseItem(item, pair);
      } catch (error) {
        this.#endOrNote(nameIn(pair.from, item.name), error, pair.signal);
      }
    }
  }

  async #rehearseItem({ name, tags, isMissing }: TreeItem, pair: Pair): Promise<void> {
    const { source, from, to, signal } = pair;
    const digest = isDigest(name) ? name : (await source.resolve(name, { signal })).digest;
    let isChanged = isMissing;
    for (const one of tags.length === 0 ? [digest] : tags) {
      const before = one === digest && isMissing ? undefined : await namedIn(pair, one);
      if (before === digest) continue;
      isChanged = true;
      const status = (before === undefined ? 'new' : 'changed').padEnd(7);
      const rest = `${isDigest(one) ? '' : ` ${digest}`}${before === undefined ? '' : ` (was ${before})`}`;
      await this.#session.print(`${status} ${nameIn(from, one)} -> ${nameIn(to, one)}${rest}\n`);
    }
    this.#report.image(isChanged, tags.length);
  }

  /** @throws the failure, when it is to end the rest */
  #endOrNote(what: string, error: unknown, signal: AbortSignal): void {
    if (!this.#options.keepGoing || signal.aborted || !isOciError(error)) throw error;
    this.#report.failure(what, error);
  }
}

/** What a registry does not tell has to be looked for. */
const unknownListing: RepositoryListing = {
  name: '',
  listsManifests: false,
  children: [],
  tags: [],
  manifests: new Map(),
};

/** As a copy takes what somebody else has asked already. */
function asked(tagged: ReadonlyMap<string, Digest | undefined>): GraphCopyOptions['tagged'] {
  const entries = Array.from(tagged, ([tag, digest]) => {
    const found = digest === undefined ? undefined : { mediaType: '', digest, size: 0 };
    return [tag, Promise.resolve<Descriptor | undefined>(found)] as const;
  });
  return new Map(entries);
}

/** The digest that a tag names at the target, or the digest itself when it is there. */
async function namedIn({ target, tagged, signal }: Pair, name: string): Promise<Digest | undefined> {
  if (tagged?.has(name) === true) return tagged.get(name);
  try {
    return (await target.resolve(name, { signal })).digest;
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND') || isOciError(error, 'DENIED')) return undefined;
    throw error;
  }
}

/** What was read by its digest gets its tags here: none of them can come to name something else in between. */
async function copyItem(
  { name, tags }: TreeItem,
  source: RemoteStore,
  copy: GraphCopy,
  signal: AbortSignal,
): Promise<readonly CopySummary[]> {
  const { root } = await openArtifact(source, name, { signal });
  if (tags.length === 0) return [await copy.copy(root)];
  const summaries: CopySummary[] = [];
  for (const tag of tags) summaries.push(await copy.copy(root, tag));
  return summaries;
}

function nameIn(repository: string, name: string): string {
  return `${repository}${isDigest(name) ? '@' : ':'}${name}`;
}
