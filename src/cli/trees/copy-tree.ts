import { forEachLimited } from '../../async/for-each-limited.ts';
import { Limiter } from '../../async/limiter.ts';
import { isOciError, OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { CopySummary } from '../../ops/copy-options.ts';
import { GraphCopy, type GraphCopyOptions } from '../../ops/graph-copy.ts';
import { openArtifact } from '../../ops/resolve.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import type { ContentSource } from '../../store/store.ts';
import { logCopy } from '../copying/log.ts';
import type { WriteOptions } from '../copying/target.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { isBelow, type Tree, type TreeRepository, type TreeTarget } from './tree.ts';
import type { TreeFilter } from './tree-filter.ts';
import { itemsOf, type TreeItem, type TreeItems } from './tree-items.ts';
import { TreeReport } from './tree-report.ts';
import { withRetries } from './with-retries.ts';

export interface CopyTreeOptions extends Pick<WriteOptions, 'referrers' | 'digestTags'> {
  /** How many images are copied at the same time. */
  readonly jobs: number;
  /** What fails does not end the rest. */
  readonly keepGoing: boolean;
  readonly dryRun: boolean;
  /** What of the source is meant. */
  readonly filter: TreeFilter;
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
export async function copyTree(session: Session, source: Tree, target: Tree, options: CopyTreeOptions): Promise<void> {
  if (source.pathOf(target) === '') {
    const what = source.name.startsWith('oci:') ? 'directory' : source.name.includes('/') ? 'repository' : 'registry';
    throw new OciError('CONFLICT', `The source ${source.name} and the target are the same ${what}`);
  }
  await new TreeCopy(session, source, target, options).run();
}

/** One repository while it is copied. */
interface Pair {
  readonly source: ContentSource;
  readonly target: TreeTarget;
  readonly from: string;
  readonly to: string;
  readonly tagged: TreeItems['tagged'];
  readonly signal: AbortSignal;
}

class TreeCopy {
  readonly #session: Session;
  readonly #source: Tree;
  readonly #target: Tree;
  readonly #options: CopyTreeOptions;
  readonly #images: Limiter;
  readonly #report: TreeReport;

  constructor(session: Session, source: Tree, target: Tree, options: CopyTreeOptions) {
    this.#session = session;
    this.#source = source;
    this.#target = target;
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
  #walk(): AsyncGenerator<TreeRepository, void> {
    const { keepGoing, filter } = this.#options;
    const inside = this.#source.pathOf(this.#target);
    return this.#source.walk({
      filter,
      signal: this.#session.signal,
      skip: (path) => inside !== undefined && isBelow(path, inside),
      onError: keepGoing ? (path, error) => this.#report.failure(this.#source.nameOf(path), error) : undefined,
    });
  }

  async #repository({ path, listing }: TreeRepository, signal: AbortSignal): Promise<void> {
    const name = this.#source.nameOf(path);
    try {
      await step(`copying repo ${JSON.stringify(name)}`, () => this.#copyRepository(path, listing, signal));
    } catch (error) {
      this.#endOrNote(name, error, signal);
    }
  }

  async #copyRepository(path: string, listing: RepositoryListing, signal: AbortSignal): Promise<void> {
    if (listing.tags.length + listing.manifests.size === 0) return;
    const { dryRun } = this.#options;
    const [from, to] = [this.#source.nameOf(path), this.#target.nameOf(path)];
    await using target = await this.#target.target(path, { dryRun });
    const existing = await this.#listTarget(target, to, signal);
    const { items, tagged, equal } = itemsOf(listing, existing);
    this.#report.repository(equal);
    if (items.length === 0) return;
    const pair = { source: await this.#source.source(path), target, from, to, tagged, signal };
    if (dryRun) await this.#rehearse(items, pair);
    else await this.#copyItems(items, pair);
  }

  async #copyItems(items: readonly TreeItem[], pair: Pair): Promise<void> {
    const { source, target, to, signal, tagged } = pair;
    const { jobs, referrers, digestTags } = this.#options;
    await target.begin({ signal });
    const copy = new GraphCopy(source, target.store, {
      signal,
      nonDistributable: target.takesAll || this.#session.nonDistributable,
      referrers,
      digestTags,
      tagged: tagged === undefined ? undefined : asked(tagged),
      onProgress: logCopy(this.#session, { repository: to, nameOf: (tag) => `${to}:${tag}` }),
      trustManifests: true,
      // One image is tried again while the others go on; what ends them all is the signal.
      keepGoing: true,
    });
    const untagged: Descriptor[] = [];
    const run = (item: TreeItem, ended: AbortSignal): Promise<void> =>
      this.#images.run(async () => {
        const root = await this.#image(item, copy, { ...pair, signal: ended });
        if (root !== undefined && item.tags.length === 0) untagged.push(root);
      }, ended);
    await forEachLimited(items, jobs, run, signal);
    await target.keep(untagged, { signal });
  }

  /** @returns `undefined` for a repository that is not there */
  async #listTarget(target: TreeTarget, name: string, signal: AbortSignal): Promise<RepositoryListing | undefined> {
    try {
      return await target.list({ signal });
    } catch (error) {
      // Some registries answer 403 for what is not there; the push shows whether it was that.
      if (!isOciError(error, 'NOT_FOUND') && !isOciError(error, 'DENIED')) throw error;
      this.#session.log.line(`failed to list ${name}: ${error.message}`);
      return isOciError(error, 'NOT_FOUND') ? undefined : unknownListing;
    }
  }

  /** @returns what was copied; `undefined` when it failed */
  async #image(item: TreeItem, copy: GraphCopy, pair: Pair): Promise<Descriptor | undefined> {
    const { from, to, signal, source } = pair;
    const name = nameIn(from, item.name);
    const { log } = this.#session;
    log.line(`Copying from ${name} to ${nameIn(to, item.tags[0] ?? item.name)}`);
    try {
      const copyOnce = (): Promise<CopiedItem> =>
        step(`copying ${JSON.stringify(name)}`, () => copyItem(item, source, copy, signal));
      const onRetry = (message: string): void => log.line(`Retrying ${name}: ${message}`);
      const { root, summaries } = await withRetries(copyOnce, { pauses: this.#options.pauses, signal, onRetry });
      for (const summary of summaries) this.#report.moved(summary);
      const isChanged = item.isMissing || summaries.some(({ manifests, blobs }) => manifests + blobs > 0);
      this.#report.image(isChanged, item.tags.length);
      return root;
    } catch (error) {
      this.#endOrNote(name, error, signal);
      return undefined;
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
  listsChildren: false,
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
    return (await target.store.resolve(name, { signal })).digest;
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND') || isOciError(error, 'DENIED')) return undefined;
    throw error;
  }
}

interface CopiedItem {
  readonly root: Descriptor;
  readonly summaries: readonly CopySummary[];
}

/** What was read by its digest gets its tags here: none of them can come to name something else in between. */
async function copyItem(
  { name, tags }: TreeItem,
  source: ContentSource,
  copy: GraphCopy,
  signal: AbortSignal,
): Promise<CopiedItem> {
  const { root } = await openArtifact(source, name, { signal });
  const summaries: CopySummary[] = [];
  for (const tag of tags.length === 0 ? [undefined] : tags) summaries.push(await copy.copy(root, tag));
  return { root, summaries };
}

function nameIn(repository: string, name: string): string {
  return `${repository}${isDigest(name) ? '@' : ':'}${name}`;
}
